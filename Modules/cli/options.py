"""What the parts of the command line share: options, and how they speak."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from rich.console import Console

NOT_A_TERMINAL_WIDTH = 110

Json = Annotated[bool, Parameter("--json", negative="", help="Salida JSON, para máquinas.")]
Test = Annotated[
    bool, Parameter(negative="", help="Prueba: escribe en test_outputs, no toca OneDrive.")
]
OfTrials = Annotated[bool, Parameter("--test", negative="", help="Los de las pruebas.")]
Verbose = Annotated[bool, Parameter(negative="", help="Muestra también los registros de Prefect.")]
Campania = Annotated[str | None, Parameter(help="Campaña, por ejemplo 25/26.")]


def say(text: str) -> None:
    """One answer on standard output."""
    sys.stdout.write(f"{text}\n")


def say_json(value: Any) -> None:
    """An answer for machines."""
    say(json.dumps(value, ensure_ascii=False, indent=2))


def complain(text: str) -> None:
    """One line on standard error."""
    sys.stderr.write(f"lindero: {text}\n")


def console() -> Console:
    """Standard output for tables and Markdown, wide enough where it is no terminal."""
    from rich.console import Console  # late: a run that is refused at once should not load it

    return Console(width=None if sys.stdout.isatty() else NOT_A_TERMINAL_WIDTH)


def say_table(header: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Rows as a table; a value that is None is left empty."""
    from rich.table import Table

    table = Table(*header)
    for row in rows:
        table.add_row(*("" if row[name] is None else str(row[name]) for name in header))
    console().print(table)
