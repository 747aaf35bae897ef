"""``lindero stack``: the five processes of the platform on this machine, without Docker."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import App, Parameter
from cyclopts.validators import Number

from Modules.cli.options import Json, complain, say, say_json, say_table, switch
from Modules.settings import PROJECT_ROOT, load_settings

Yes = Annotated[bool, Parameter(negative="")]
Proceso = Literal["postgres", "redis", "server", "services", "worker"]
Overwrite = Annotated[bool, switch("Aunque ya esté: restore aparta lo que había, con otro nombre.")]

stack = App(
    name="stack",
    help="La plataforma en esta máquina, sin Docker: PostgreSQL, Redis y Prefect (server, "
    "services, worker).",
)


@stack.command(name="init")
def stack_init() -> int:
    """Escribe en .env los secretos que falten, y todos en data/secretos, para los contenedores."""
    from Modules.stack.secrets import write_files, write_missing

    in_vault = "vault" in load_settings(vault=False).lindero_secrets
    env_file = PROJECT_ROOT / ".env"
    written = () if in_vault else write_missing(env_file, os.environ)
    said = f"se agregaron {', '.join(written)}" if written else "no falta ningún secreto"
    say(f"{env_file.name}: {'los secretos son los de Vault' if in_vault else said}")
    if changed := write_files(PROJECT_ROOT / "data" / "secretos", load_settings(vault=False)):
        say(f"data/secretos: cambió {', '.join(changed)}")
    return 0


@stack.command(name="check")
def stack_check() -> int:
    """Dice todo lo que falta para levantar la plataforma en esta máquina; termina en 2 si falta."""
    from Modules.stack.preflight import faults

    found = list(faults(load_settings()))
    for line in found or ("no falta nada",):
        say(line)
    return 2 if found else 0


@stack.command(name="changed")
def stack_changed(
    *, keep: Annotated[bool, switch("Recuerda lo de ahora como lo levantado.")] = False
) -> int:
    """Dice si cambió algo desde lo que se levantó: el código, los archivos, los ajustes.

    Termina en 1 si cambió. Los secretos no cuentan.
    """
    from Modules.disk.safe_files import make_folder, write_beside
    from Modules.stack.preflight import fingerprint

    now = fingerprint(PROJECT_ROOT, os.environ)
    noted = PROJECT_ROOT / "data" / "levantado.sha256"
    if keep:
        make_folder(noted.parent)
        write_beside(noted, f"{now}\n".encode())
    same = noted.is_file() and noted.read_text(encoding="ascii").strip() == now
    say(f"{now} {'es lo que se levantó' if same else 'no es lo que se levantó'}")
    return 0 if same else 1


@stack.command(name="up")
def stack_up(*, single: Yes = False, stay: Yes = False) -> int:
    """Levanta la plataforma, o lo que de ella se haya caído, y espera a que ande.

    Lo que anda bien no se toca. Queda corriendo cuando este comando termina.

    Args:
        single: Un solo proceso de servidor con SQLite, sin PostgreSQL ni Redis: para Windows o
            probar.
        stay: Se queda y levanta otra vez lo que se caiga; cuando lo cortan, apaga todo.
    """
    from Modules.stack import local

    settings = load_settings()
    say("Levantando la plataforma; la primera vez tarda cerca de un minuto…")
    _, started = local.up(settings, single=single, tell=complain)
    say(f"Se levantó: {', '.join(started)}." if started else "Ya estaba corriendo.")
    say(f"Prefect: http://127.0.0.1:{settings.lindero_port} (pide PREFECT_SERVER_API_AUTH_STRING)")
    say("Cómo está: lindero stack status. Para apagarla: lindero stack down")
    if settings.prefect_api_url is None:
        api = f"http://127.0.0.1:{settings.lindero_port}/api"
        say(f"Para usarla con los demás comandos, en .env: PREFECT_API_URL={api}")
    if stay:
        local.stay(settings, single=single, tell=complain)
    return 0


@stack.command(name="restart")
def stack_restart(
    *proceso: Proceso, now: Annotated[bool, switch("También con una corrida en curso.")] = False
) -> int:
    """Reinicia un proceso, varios, o sin nombre los cinco; con una corrida en curso se niega."""
    from Modules.stack import local

    started = local.restart(load_settings(), proceso, now=now, tell=complain)
    say(f"Se reinició: {', '.join(started)}.")
    return 0


@stack.command(name="units")
def stack_units(folder: Path) -> int:
    """Escribe en una carpeta lo que arranca la plataforma con la máquina: systemd o Windows."""
    from Modules.stack.units import write_units

    for path in write_units(folder):
        say(str(path))
    return 0


@stack.command(name="status")
def stack_status(*, json_: Json = False) -> int:
    """Dice qué procesos andan; termina en 0 sólo si andan todos."""
    from Modules.stack import local

    settings = load_settings()
    auth = settings.prefect_server_api_auth_string
    if auth is not None and auth.file is not None and auth.file.is_relative_to("/run/secrets"):
        say("Acá son contenedores: docker compose ps, afuera, o lindero status")
        return 1
    found = local.status(settings)
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
    lines: Annotated[int, Parameter(("--lines", "-n"), validator=Number(gte=1, lte=100_000))] = 40,
) -> int:
    """Muestra el final de los registros, de un proceso o de todos.

    Args:
        proceso: postgres, redis, server, services o worker.
        lines: Cuántas líneas de cada uno.
    """
    from Modules.stack import local
    from Modules.stack.processes import tail

    settings = load_settings()
    for name in (proceso,) if proceso else local.FULL:
        if proceso is None:
            say(f"== {name} ({local.log_of(settings, name)})")
        for line in tail(local.log_of(settings, name), lines):
            say(line)
    return 0


@stack.command(name="down")
def stack_down() -> int:
    """Apaga la plataforma; una corrida en curso se corta. Los datos y los registros quedan."""
    from Modules.stack import local

    stopped = local.down(load_settings(), tell=complain)
    say(f"Se apagó: {', '.join(stopped)}." if stopped else "No estaba corriendo.")
    return 0


@stack.command(name="backup")
def stack_backup(file: Path, *, overwrite: Overwrite = False) -> int:
    """Guarda en un .tar todo para seguir en otra máquina, con los secretos."""
    from Modules.stack.moving import backup

    settings = load_settings()
    members = backup(settings, file, now=datetime.now(settings.zone), overwrite=overwrite)
    bases = ", ".join(name for name in members if name.startswith("prefect/")) or "sin base"
    say(f"{file}: {len(members)} archivos, comprobados ({bases} de Prefect).")
    say("Tiene los secretos: se cuida como una contraseña. Los productos (outputs) no van adentro.")
    return 0


@stack.command(name="restore")
def stack_restore(file: Path, *, overwrite: Overwrite = False) -> int:
    """Pone acá lo que guardó lindero stack backup, todo o nada; con la plataforma apagada."""
    from Modules.stack.moving import restore

    told, there, aside = restore(file, now=datetime.now().astimezone(), overwrite=overwrite)
    say(f"Se restauraron {len(told['archivos'])} archivos, de {told['hecho']}.")
    for path in aside:
        say(f"Lo que había quedó en {path}")
    for name in ("lindero_outputs_dir", "lindero_test_outputs_dir", "lindero_symlink_config"):
        if not (path := getattr(there, name)).parent.is_dir():
            say(f"{name.upper()} lleva a {path}, que no está en esta máquina: corregir .env")
    say("Sigue: lindero backups verify ultimo; lindero stack up; lindero status")
    return 0
