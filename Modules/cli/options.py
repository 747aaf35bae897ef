"""What the parts of the command line share: options, and how they speak."""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import Iterable, Sequence
from operator import methodcaller
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    from rich.console import Console

NOT_A_TERMINAL_WIDTH = 110


def switch(said: str, *names: str) -> Parameter:
    """An option that is there or not; ``names`` where it is not called as its variable is."""
    return Parameter(names or None, negative="", help=said)


Json = Annotated[bool, switch("Salida JSON, para máquinas.", "--json")]
Test = Annotated[bool, switch("Prueba: escribe en test_outputs, no toca OneDrive.")]
OfTrials = Annotated[bool, switch("Los de las pruebas.", "--test")]
Verbose = Annotated[bool, switch("Muestra también los registros de Prefect.")]
Campanias = Annotated[
    str | None,
    Parameter(help="Campaña (25/26), varias (25/26,26/27) o actual; sin nada, LINDERO_CAMPANIA."),
]
Campania = Annotated[str | None, Parameter(help="Campaña, por ejemplo 25/26.")]
Snapshot = Annotated[
    str,
    Parameter(
        help="El id de `lindero backups list`, su número (42) o su fecha; o `ultimo`, `anterior`."
    ),
]


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def say_json(value: Any) -> None:
    """An answer for machines; a moment as text, to the second."""
    seconds = methodcaller("isoformat", timespec="seconds")
    say(json.dumps(value, ensure_ascii=False, indent=2, default=seconds))


def complain(text: str) -> None:
    """Tell what is wrong; what a model or a portal wrote gives no orders to the terminal."""
    shown = re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", "\N{REPLACEMENT CHARACTER}", text)
    sys.stderr.write(f"lindero: {shown}\n")


def log_to_stderr(*, verbose: bool) -> None:
    """As Prefect's console does: all of it when asked for, else nothing short of a disaster."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.NOTSET if verbose else logging.CRITICAL)
    form = "%(asctime)s.%(msecs)03d | %(levelname)-7s | %(name)s - %(message)s"
    handler.setFormatter(logging.Formatter(form, "%H:%M:%S"))
    logging.getLogger().addHandler(handler)


def console() -> Console:
    """Standard output for tables and Markdown, wide enough where it is no terminal."""
    from rich.console import Console  # late: a run that is refused at once should not load it

    return Console(width=None if sys.stdout.isatty() else NOT_A_TERMINAL_WIDTH)


def say_markdown(text: str) -> None:
    from rich.markdown import Markdown

    console().print(Markdown(text))


def say_table(header: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    """Rows as a table; a value that is None is left empty."""
    from rich.table import Table

    table = Table(*header)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    console().print(table)
