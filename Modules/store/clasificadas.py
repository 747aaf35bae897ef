"""What words of marks were read as: ``clasificadas.json`` in the store, one record for each text.

Records are kept by the hash of the words, so that a text is asked about once for ever, whichever
marks say it. The file is replaced whole; what is lost is asked about again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, TypeAlias, get_args

from pydantic import TypeAdapter, ValidationError

from Modules.disk.safe_files import make_folder, write_beside
from Modules.words.errors import DataError
from Modules.words.names import look
from Modules.words.spanish import why

if TYPE_CHECKING:
    import pandas as pd

NAME: Final = "clasificadas.json"
NO_SE_SABE: Final = "no se sabe"
TIPOS: Final = frozenset(("recorrida", "maleza", "plaga", "enfermedad", "otro"))  # of scouting
TEXTOS: Final = ("subtipo", "marcador", "observacion")  # where people write what they saw
MOST: Final = 2_000  # characters of a text: what comes after them is not read
Severidad = Literal["alta", "media", "baja", "no se sabe"]
Urgencia = Literal["hoy", "esta semana", "puede esperar", "no se sabe"]
_GRAVES, _URGENTES = get_args(Severidad), get_args(Urgencia)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clasificada:
    """What a text tells of; closed lists, so that no words of a mark become anything else."""

    clase: Literal["plaga", "maleza", "enfermedad", "otra", "no se sabe"] = NO_SE_SABE
    cual: str = ""
    severidad: Severidad = NO_SE_SABE
    urgencia: Urgencia = NO_SE_SABE

    @property
    def orden(self) -> tuple[int, int, str]:
        """The gravest first."""
        return _GRAVES.index(self.severidad), _URGENTES.index(self.urgencia), self.hallazgo

    @property
    def hallazgo(self) -> str:
        """ "maleza: rama negra", or the class alone."""
        return f"{self.clase}: {self.cual}" if self.cual else self.clase


Lectura: TypeAlias = dict[str, Clasificada]  # by the hash of the words
_LECTURA: Final = TypeAdapter(Lectura)


def texts_of(marks: pd.DataFrame) -> dict[str, str]:
    """What marks of scouting say in the columns where people write, by their ids."""
    said: dict[str, str] = {}
    for mark in marks[["marcador_id", "tipo", "estado", *TEXTOS]].to_dict("records"):
        texts = [one for name in TEXTOS if isinstance(one := mark[name], str) and one.strip()]
        if texts and look(str(mark["tipo"])) in TIPOS and mark["estado"] != "anulado":
            said[mark["marcador_id"]] = "\n".join(texts)[:MOST]
    return said


def sha256_of(words: str) -> str:
    return hashlib.sha256(words.encode("utf-8", "surrogatepass")).hexdigest()


def read_of(lectura: Lectura, marks: pd.DataFrame) -> dict[str, Clasificada]:
    """What the words of these marks were read as, by the marks' ids."""
    read = {key: sha256_of(words) for key, words in texts_of(marks).items()} if lectura else {}
    return {key: lectura[sha256] for key, sha256 in read.items() if sha256 in lectura}


def read_clasificadas(root: Path) -> Lectura:
    """The ledger of a store: empty where there is none, DataError where it cannot be read."""
    path = root / NAME
    try:
        return _LECTURA.validate_json(path.read_bytes())
    except FileNotFoundError:
        return {}
    except OSError as err:
        raise DataError(f"{path} no se puede leer: {why(err)}") from err
    except ValidationError as err:
        raise DataError(f"{path} está dañado; con LINDERO_MARCAS_PROMPT se vuelve a hacer") from err


def write_clasificadas(root: Path, lectura: Lectura) -> None:
    """Replace the ledger; PublishError where the disk refuses, and the earlier one is intact."""
    make_folder(root)
    write_beside(root / NAME, _LECTURA.dump_json(lectura, indent=1) + b"\n")
