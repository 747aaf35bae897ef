"""What became of our issues in Jira: ``tareas.json`` in the store, one record for each clave.

A clave is what an issue is for, "marcador/m-1" or "plan/…"; no two issues have the same. The file
is only a note of what Jira holds: lost or damaged, the next run that asks Jira writes it again. It
is replaced whole, so a night may read it while another process writes; who writes holds the lock.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from Modules.disk.json_files import from_json, to_json
from Modules.disk.run_lock import only_one
from Modules.disk.safe_files import make_folder, write_beside
from Modules.words.errors import DataError, RunLocked
from Modules.words.spanish import natural, why

NAME: Final = "tareas.json"
FORMATO: Final = 1
REHACER: Final = "lindero run marcadores-a-jira lo vuelve a armar con lo que hay en Jira"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tarea:
    """One issue. Only what changes when the issue does, so that equal records make equal files."""

    clave: str
    tarea: str  # key of the issue: "CAMPO-12"
    origen: str  # "fila 12", "marcador m-1"
    campania: str  # "25/26"
    grupo: str  # the label in Jira of all that were made for the same
    url: str = ""
    estado: str = ""  # as Jira names it
    cerrada: datetime | None = None  # aware: when a run first saw it closed
    lote_id: str = ""
    marcador_id: str = ""
    marca: str = ""  # the state of the mark when it asked for the issue


@dataclass(frozen=True, slots=True)
class Libro:
    """The ledger; ``visto``: when Jira last told of all of them, aware, None before the first."""

    tareas: Mapping[str, Tarea] = field(default_factory=dict)
    visto: datetime | None = None

    def de(self, campania: object) -> tuple[Tarea, ...]:
        """Those of a campaña, by the issue's number."""
        ours = (one for one in self.tareas.values() if one.campania == str(campania))
        return tuple(sorted(ours, key=lambda one: (natural(one.tarea), one.clave)))


def read_tareas(root: Path) -> Libro:
    """The ledger of a store; an empty one where there is none.

    Raises:
        DataError: it is there and cannot be read; says what writes it again.
    """
    path = root / NAME
    try:
        return _libro(from_json(path.read_bytes(), source=str(path)))
    except FileNotFoundError:
        return Libro()
    except OSError as err:
        raise DataError(f"{path} no se puede leer: {why(err)}") from err
    except DataError as err:
        raise DataError(f"{err}; {REHACER}") from err
    except (KeyError, TypeError, ValueError) as err:
        raise DataError(f"{path} no es un registro de tareas; {REHACER}") from err


def write_tareas(root: Path, libro: Libro) -> None:
    """Replace the ledger, if it is another.

    Raises:
        PublishError: the disk refused; the earlier one is intact.
    """
    rows = [_row(libro.tareas[clave]) for clave in sorted(libro.tareas)]
    data = to_json({"formato": FORMATO, "visto": _text(libro.visto), "tareas": rows})
    with suppress(OSError):
        if (root / NAME).read_bytes() == data:
            return
    make_folder(root)
    write_beside(root / NAME, data)


@contextmanager
def writing_lock(root: Path) -> Iterator[None]:
    """One story with Jira at a time; it is not the lock of the nights, which wait for nobody.

    Raises:
        RunLocked: another one is on.
        PublishError: the folder cannot be written.
    """
    make_folder(root)
    said = "otra corrida con Jira está en curso; esperar a que termine, o cortar ese proceso"
    with only_one(root / "jira.lock", lambda: RunLocked(said)):
        yield


def _libro(told: Mapping[str, Any]) -> Libro:
    if told["formato"] != FORMATO:
        raise ValueError(told["formato"])
    each = [_tarea(row) for row in told["tareas"]]
    return Libro({one.clave: one for one in each}, _moment(told["visto"]))


def _tarea(row: Mapping[str, Any]) -> Tarea:
    one = Tarea(**{**row, "cerrada": _moment(row["cerrada"])})
    if not all(isinstance(value, str) for name, value in row.items() if name != "cerrada"):
        raise TypeError(row)
    return one


def _row(one: Tarea) -> dict[str, Any]:
    return asdict(one) | {"cerrada": _text(one.cerrada)}


def _moment(text: str | None) -> datetime | None:
    found = None if text is None else datetime.fromisoformat(text)
    if found is not None and found.tzinfo is None:
        raise ValueError(text)
    return found


def _text(value: datetime | None) -> str | None:
    return None if value is None else value.isoformat(timespec="seconds")
