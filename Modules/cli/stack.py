"""``lindero stack``: the five processes of the platform on this machine, without Docker."""

from __future__ import annotations

import os
from typing import Annotated, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from Modules.cli.options import Json, say, say_json, say_table
from Modules.settings import PROJECT_ROOT, load_settings

Proceso = Literal["postgres", "redis", "server", "services", "worker"]

stack = App(
    name="stack",
    help="La plataforma en esta máquina, sin Docker: PostgreSQL, Redis y Prefect (server, "
    "services, worker).",
)


@stack.command(name="init")
def stack_init() -> int:
    """Escribe en .env los secretos que falten, y todos en data/secretos, para los contenedores."""
    from Modules.stack.secrets import write_files, write_missing

    load_settings()
    env_file = PROJECT_ROOT / ".env"
    written = write_missing(env_file, os.environ)
    said = f"se agregaron {', '.join(written)}" if written else "no falta ningún secreto"
    say(f"{env_file.name}: {said}")
    if changed := write_files(PROJECT_ROOT / "data" / "secretos", load_settings()):
        say(f"data/secretos: cambió {', '.join(changed)}")
    return 0


@stack.command(name="up")
def stack_up(*, single: Annotated[bool, Parameter(negative="")] = False) -> int:
    """Levanta la plataforma, o lo que de ella se haya caído, y espera a que ande.

    Queda corriendo cuando este comando termina. Para apagarla: lindero stack down.

    Parameters
    ----------
    single
        Un solo proceso de servidor con SQLite, sin PostgreSQL ni Redis: para Windows o probar.
    """
    from Modules.stack import local

    settings = load_settings()
    say("Levantando la plataforma; la primera vez tarda cerca de un minuto…")
    _, started = local.up(settings, single=single)
    say(f"Se levantó: {', '.join(started)}." if started else "Ya estaba corriendo.")
    say(f"Prefect: http://127.0.0.1:{settings.lindero_port} (pide PREFECT_SERVER_API_AUTH_STRING)")
    say("Cómo está: lindero stack status. Para apagarla: lindero stack down")
    if settings.prefect_api_url is None:
        api = f"http://127.0.0.1:{settings.lindero_port}/api"
        say(f"Para usarla con los demás comandos, en .env: PREFECT_API_URL={api}")
    return 0


@stack.command(name="status")
def stack_status(*, json_: Json = False) -> int:
    """Dice qué procesos andan; termina en 0 sólo si andan todos."""
    from Modules.stack import local

    found = local.status(load_settings())
    header = ("proceso", "estado", "pid", "detalle")
    rows = [(name, "bien" if one.ok else "mal", pid, one.text) for name, pid, one in found]
    if json_:
        say_json([dict(zip(header, row, strict=True)) for row in rows])
    else:
        say_table(header, rows)
    return 0 if all(one.ok for _, _, one in found) else 1


@stack.command(name="logs")
def stack_logs(
    proceso: Proceso | None = None,
    *,
    lines: Annotated[int, Parameter(validator=Number(gte=1, lte=100_000))] = 40,
) -> int:
    """Muestra el final de los registros, de un proceso o de todos.

    Parameters
    ----------
    proceso
        postgres, redis, server, services o worker.
    lines
        Cuántas líneas de cada uno.
    """
    from Modules.stack import local

    settings = load_settings()
    for name in (proceso,) if proceso else local.FULL:
        if proceso is None:
            say(f"== {name} ({local.log_of(settings, name)})")
        for line in local.logs(settings, name, lines):
            say(line)
    return 0


@stack.command(name="down")
def stack_down() -> int:
    """Apaga la plataforma; los datos y los registros quedan."""
    from Modules.stack import local

    stopped = local.down(load_settings())
    say(f"Se apagó: {', '.join(stopped)}." if stopped else "No estaba corriendo.")
    return 0
