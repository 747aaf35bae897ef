"""Numbers that stay: ``numeros_25-26.json`` in the store, one for each thing that is published.

A kind (``lote``, ``punto``, ``muestra/<campo_id>`` …) counts from 1 in the order in which its ids
were first seen. A number is given once: no other id gets it, also when the first is gone, and no id
gets another. So a ``fid`` in a GeoPackage, a relation in QGIS or a label on a bag means tomorrow
what it meant yesterday. Every snapshot carries the file as it then was, packed, and where the
store's own is lost or damaged the newest sound copy goes on.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from Modules.disk.json_files import from_json, to_json
from Modules.disk.safe_files import make_folder, write_beside
from Modules.store.snapshot import Snapshot
from Modules.words.domain import Campania
from Modules.words.errors import DataError
from Modules.words.finding import Finding
from Modules.words.spanish import corrida, why

NAME: Final = "numeros.json.gz"  # in a snapshot
FORMATO: Final = 1
CAMPO, LOTE, SIEMBRA, AMBIENTE, MARCADOR = "campo", "lote", "siembra", "ambiente", "marcador"
TABLES: Final = {  # kind → table whose rows it counts, by the column <kind>_id
    CAMPO: "campos",
    LOTE: "lotes",
    SIEMBRA: "siembras",
    AMBIENTE: "ambientes",
    MARCADOR: "marcadores",
    "zona": "zonas",
}
EMPRESA, ZONA_DE = "empresa", "ambiente/"  # of machines: by what people read; by lote, from 1
MUESTRA: Final = "muestra/"  # kinds of samples, one a campo: the only ones that may be renumbered


class Numeros:
    """The numbers given so far. Numbers are positive whole numbers, dense in each kind.

    ``vueltas``: how often the samples were numbered anew, on request.
    """

    def __init__(self, given: Mapping[str, Mapping[str, int]] | None = None, vueltas: int = 0):
        self._given = {kind: dict(ids) for kind, ids in (given or {}).items()}
        self.vueltas = vueltas
        self.changed = False

    def of(self, kind: str, ids: Iterable[str]) -> NDArray[np.int64]:
        """The number of each id, in their order; one that is new gets the next."""
        given = self._given.setdefault(kind, {})
        before = len(given)
        found = [given.setdefault(one, len(given) + 1) for one in ids]
        self.changed |= len(given) > before
        return np.array(found, dtype=np.int64)

    def renumber(self, campo_ids: Sequence[str] | None = None) -> int:
        """Forget the numbers of the samples, of these campos or of all; how many those were."""
        kinds = [kind for kind in self._given if kind.startswith(MUESTRA)]
        if campo_ids is not None:
            kinds = [kind for kind in kinds if kind.removeprefix(MUESTRA) in campo_ids]
        forgotten = sum(len(self._given.pop(kind)) for kind in kinds)
        self.vueltas += 1
        self.changed = True
        return forgotten

    def against(self, copy: Numeros) -> list[str]:
        """What an earlier copy says otherwise: "lote l-81: 7, era 12"."""
        return [
            f"{kind} {one}: {self._given.get(kind, {}).get(one, 'sin número')}, era {number}"
            for kind, ids in copy._given.items()
            if not (kind.startswith(MUESTRA) and self.vueltas != copy.vueltas)
            for one, number in ids.items()
            if self._given.get(kind, {}).get(one) != number
        ]

    def to_bytes(self) -> bytes:
        """The file; equal numbers give equal bytes."""
        return to_json({"formato": FORMATO, "numeros": self._given, "vueltas": self.vueltas})

    def to_copy(self) -> bytes:
        """The file of a snapshot: the same, packed, for there is one a night."""
        return gzip.compress(self.to_bytes(), mtime=0)

    @classmethod
    def from_bytes(cls, data: bytes, source: str) -> Numeros:
        """What ``to_bytes`` made; DataError if it is not that, or two ids have one number."""
        try:
            found = from_json(data, source=source)
            given, vueltas = found["numeros"], found["vueltas"]
            dense = all(sorted(ids.values()) == [*range(1, len(ids) + 1)] for ids in given.values())
        except (DataError, KeyError, TypeError, AttributeError) as err:
            raise DataError(f"{source} no es un archivo de números que se pueda leer") from err
        if not dense or not isinstance(vueltas, int) or found.get("formato") != FORMATO:
            raise DataError(f"{source} está dañado: hay números repetidos o que faltan")
        return cls(given, vueltas)


def path_of(root: Path, campania: Campania) -> Path:
    """Where a store keeps the numbers of a campaña."""
    return root / f"numeros_{campania.slug}.json"


def read_numeros(path: Path, nights: Callable[[], Sequence[Snapshot]] = tuple) -> Numeros:
    """The numbers kept there; ``nights`` gives the accepted ones, oldest first, that have copies.

    A copy lacks the samples that were new when its night was published: where one goes on, it is
    said, for those may get another number.

    Raises:
        DataError: the file is there, cannot be read, and no night has a copy.
    """
    refused = None
    try:
        return Numeros.from_bytes(path.read_bytes(), str(path))
    except FileNotFoundError:
        pass
    except OSError as err:
        refused = DataError(f"{path} no se puede leer: {why(err)}")
    except DataError as err:
        refused = err
    for night in reversed(nights()):
        if (copy := copy_of(night)) is not None:
            copy.changed = True  # so that it is kept as the store's own
            corrida.warning(
                "%s: sigue la copia de %s; una muestra nueva de esa noche puede tener otro número",
                refused or f"falta {path.name}",
                night.id,
            )
            return copy
    if refused is not None:
        raise DataError(f"{refused}, y ningún backup tiene copia; borrarlo numera todo de nuevo")
    return Numeros()


def copy_of(night: Snapshot) -> Numeros | None:
    """The numbers that a snapshot carries; None where it is older than they, or damaged there."""
    try:
        return Numeros.from_bytes(gzip.decompress((night.path / NAME).read_bytes()), NAME)
    except (OSError, EOFError, zlib.error, DataError):
        return None


def write_numeros(path: Path, numeros: Numeros) -> None:
    """Keep them, if any was given since they were read; where refused, the old file is intact."""
    if numeros.changed:
        make_folder(path.parent)
        write_beside(path, numeros.to_bytes())
        numeros.changed = False


def check_numeros(root: Path, night: Snapshot) -> Finding | None:
    """What is wrong with the store's numbers, held against the newest accepted night's copy."""
    copy = copy_of(night)
    path = path_of(root, night.campania)
    if copy is None:
        return None
    todo = f"borrar {path.name}: la próxima noche lo rehace con el del backup"
    try:
        moved = Numeros.from_bytes(path.read_bytes(), path.name).against(copy)
    except FileNotFoundError:
        return None  # the next night takes the copy
    except OSError as err:
        return Finding(f"{path.name} no se puede leer: {why(err)}", where=str(root))
    except DataError as err:
        return Finding(str(err), where=str(root), todo=todo)
    if not moved:
        return None
    what = f"{path.name} no es el de {night.id}: {len(moved)} números cambiaron"
    return Finding(what, where=str(root), todo=todo, notes=tuple(moved[:3]))
