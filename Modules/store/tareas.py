"""What became of our issues in Jira: ``tareas.json`` in the store, one record for each clave.

A clave is what an issue is for, "marcador/m-1" or "plan/…"; no two issues have the same. The file
is only a note of what Jira holds: lost or damaged, the next run that asks Jira writes it again. It
is replaced whole, so a night may read it while another process writes; who writes holds the lock.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from Modules.disk.run_lock import only_one
from Modules.disk.safe_files import make_folder, write_beside
from Modules.words.errors import DataError, RunLocked
from Modules.words.spanish import natural, why

NAME: Final = "tareas.json"
_OTHER: Final = "otra corrida con Jira está en curso; esperar a que termine, o cortar ese proceso"
_AGAIN: Final = "lindero run marcadores-a-jira lo vuelve a armar con lo que hay en Jira"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tarea:
    """One issue. Only what changes when the issue does, so that equal records make equal files."""

    clave: str
    tarea: str = ""  # key of the issue: "CAMPO-12"
    url: str = ""
    estado: str = ""  # as Jira names it
    cerrada: AwareDatetime | None = None  # when a run first saw it closed
    origen: str  # "fila 12", "marcador m-1"
    campania: str  # "25/26"
    grupo: str  # the label in Jira of all that were made for the same
    lote_id: str = ""
    marcador_id: str = ""
    marca: str = ""  # the state of the mark when it asked for the issue


@dataclass(frozen=True, slots=True)
class Libro:
    """The ledger; ``visto``: when Jira last told of all of them, None before the first time."""

    tareas: dict[str, Tarea] = field(default_factory=dict)
    visto: AwareDatetime | None = None
    formato: Literal[1] = 1

    def de(self, campania: object) -> tuple[Tarea, ...]:
        """Those of a campaña, by the issue's number."""
        ours = (one for one in self.tareas.values() if one.campania == str(campania))
        return tuple(sorted(ours, key=lambda one: (natural(one.tarea), one.clave)))


_LIBRO: Final = TypeAdapter(Libro)


def read_tareas(root: Path) -> Libro:
    """The ledger of a store; an empty one where there is none.

    Raises:
        DataError: it is there and cannot be read; says what writes it again.
    """
    path = root / NAME
    try:
        return _LIBRO.validate_json(path.read_bytes())
    except FileNotFoundError:
        return Libro()
    except OSError as err:
        raise DataError(f"{path} no se puede leer: {why(err)}") from err
    except ValidationError as err:
        raise DataError(f"{path} está dañado; {_AGAIN}") from err


def write_tareas(root: Path, libro: Libro) -> None:
    """Replace the ledger; PublishError where the disk refuses, and the earlier one is intact."""
    make_folder(root)
    write_beside(root / NAME, _LIBRO.dump_json(libro, indent=2) + b"\n")


@contextmanager
def writing_lock(state_dir: Path) -> Iterator[None]:
    """One story with Jira at a time, a trial or not: both ask the same Jira.

    It is not the lock of the nights, which wait for nobody.

    Raises:
        RunLocked: another one is on.
        PublishError: the folder cannot be written.
    """
    make_folder(state_dir)
    with only_one(state_dir / "jira.lock", lambda: RunLocked(_OTHER)):
        yield
