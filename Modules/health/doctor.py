"""Whether this machine can do its nights: one finding a check, in Spanish, with what to do.

Looks only; what it writes are small probe files that it removes again. An error is what keeps a
night from being published or from being seen; a warning is what a person should know.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from Modules.disk.destinations import apart, check_destination, check_path, expected_links
from Modules.disk.problems import SOLTAR
from Modules.disk.published import conflict_copies, held_files
from Modules.disk.sentinels import RECORDS_NAME, SENTINEL_NAME, sentinel_text
from Modules.health.doctor_server import bad, examine_server, fine, warn
from Modules.health.facts import room
from Modules.health.rules import LOW_BYTES, NEED_BYTES
from Modules.orchestration.deployments import TIMEZONE
from Modules.orchestration.prefect_api import open_server
from Modules.portal import DEFAULT_IDENTITY
from Modules.products.registry import PRODUCTOS, product_folders
from Modules.settings import PROJECT_ROOT, Settings, secret_names
from Modules.stack import plan as stack_plan
from Modules.store.snapshots import SnapshotStore
from Modules.words.domain import Modo
from Modules.words.errors import PipelineError, PublishError, SettingsError
from Modules.words.finding import Finding, Report
from Modules.words.spanish import number, short

MAX_LISTED: Final = 10
_SECRETS: Final = {
    stack_plan.DATABASE_PASSWORD: "Secreto de la base",
    stack_plan.REDIS_PASSWORD: "Secreto de Redis",
    stack_plan.AUTH_STRING: "Secreto de la API",
}


def examine(settings: Settings, modo: Modo, now: datetime, *, portal: bool = False) -> Report:
    """Every check of one mode; ``portal`` also asks the portal for a page of each list."""
    checks = (
        (fine("Ajustes", f"se leen; entorno {settings.lindero_environment}"),),
        _portal(settings, modo, ask=portal),
        _secrets(settings),
        _destinations(settings, modo),
        _sentinels(settings, modo),
        _conflicts(settings.outputs_dir(modo)),
        _held(settings.outputs_dir(modo)),
        _space(settings, modo),
        _state(settings, modo),
        _retention(settings, modo, now),
        _time_zone(settings, now),
        examine_server(settings, open_server(settings), now),
    )
    return Report(tuple(found for check in checks for found in check))


def _portal(settings: Settings, modo: Modo, *, ask: bool) -> Iterator[Finding]:
    secrets = ("DATABALER_CLIENT_ID", "DATABALER_CLIENT_SECRET")
    missing = [name for name in secrets if getattr(settings, name.lower()) is None]
    if settings.databaler_base_url is None:
        detail = "no hay portal configurado: solo corren pruebas, contra el de demostración"
        todo = "Poner DATABALER_BASE_URL, DATABALER_CLIENT_ID y DATABALER_CLIENT_SECRET en .env"
        yield warn("Portal", detail, todo)
    elif missing:
        yield warn("Portal", f"sin {' ni '.join(missing)}", "Ponerlas en .env")
    else:
        yield fine("Portal", "configurado")
    try:
        identity = DEFAULT_IDENTITY  # known beforehand: nothing of the client is loaded
        if settings.databaler_profile is not None:
            from Modules.jobs import portal_access

            identity = portal_access.read_profile(settings).identity
    except PipelineError as err:
        yield bad("Perfil del portal", str(err), "Corregir el archivo DATABALER_PROFILE")
        return
    yield fine("Perfil del portal", identity)
    if ask and settings.databaler_base_url is not None:
        yield _ask_portal(settings, modo)


def _ask_portal(settings: Settings, modo: Modo) -> Finding:
    from Modules.api_check import check as api_check
    from Modules.jobs import portal_access, temporada

    what = "Portal responde"
    try:
        with portal_access.open_portal(settings, modo) as access:
            season = temporada.asked_of(access, settings, None, datetime.now(UTC))
            report = api_check.check_api(access.config, season)
    except PipelineError as err:
        return bad(what, str(err), "lindero api check dice más")
    if report.exit_code:
        return bad(what, "contesta, pero no como se espera", "lindero api check dice qué")
    return fine(what, "una página de cada lista")


def _secrets(settings: Settings) -> Iterator[Finding]:
    """By name only; how strong they must be is the stack's own rule."""
    server = urlsplit(settings.prefect_api_url or "").hostname
    elsewhere = server not in (None, "127.0.0.1", "localhost", "::1")  # its stores are not ours
    for name, what in _SECRETS.items():
        secret = settings.secret_text(name)
        if secret is None:
            if not elsewhere or name == stack_plan.AUTH_STRING:
                detail = f"{name} falta; hace falta para levantar el servidor en esta máquina"
                yield warn(what, detail, "lindero stack init la escribe en .env")
            continue
        try:
            stack_plan.check_secrets({name: secret})
        except SettingsError:
            yield bad(
                what,
                f"{name} es corta, conocida por todos o no tiene la forma que debe",
                "Borrar la línea de .env y correr lindero stack init; docs/despliegue.md dice "
                "cómo se cambia con el servidor andando",
            )
        else:
            yield fine(what, f"{name} está y alcanza")
    held = [one for name in secret_names() if (one := getattr(settings, name)) is not None]
    for path in sorted({one.file or PROJECT_ROOT / ".env" for one in held}):
        mounted = path.is_relative_to("/run/secrets")  # by Docker, with another machine's modes
        if os.name != "nt" and not mounted and path.is_file() and path.stat().st_mode & 0o004:
            detail = f"{path}: lo puede leer cualquiera que use esta máquina"
            yield warn("Archivo de secretos", detail, f"chmod 600 {path}")


def _time_zone(settings: Settings, now: datetime) -> Iterator[Finding]:
    what = "Zona horaria"
    if settings.tz != TIMEZONE:
        detail = f"TZ={settings.tz}, y los horarios de los despliegues son de {TIMEZONE}"
        yield warn(what, detail, f"Si no es a propósito: TZ={TIMEZONE}")
    elif now.astimezone().utcoffset() != now.astimezone(settings.zone).utcoffset():
        other = "el reloj de esta máquina está en otra, y no molesta: cada horario lleva la suya"
        yield warn(what, f"{settings.tz}; {other}")
    else:
        yield fine(what, settings.tz)


def _destinations(settings: Settings, modo: Modo) -> Iterator[Finding]:
    outputs = settings.outputs_dir(modo)
    try:
        links = expected_links(settings.lindero_symlink_config, outputs)
    except SettingsError as err:
        todo = "Corregirlo, o hacerlo de nuevo: python setup_symlinks.py"
        yield bad("Enlaces", str(err), todo)
        return
    for name in dict.fromkeys((*product_folders(), *links)):
        yield _destination(outputs / name, name, links.get(name))
    for producto in PRODUCTOS:
        for name in apart(outputs, producto.carpetas[0], producto.vecinas, links):
            detail = f"{name} lleva a otro lugar: desde {producto.nombre} no se abren sus archivos"
            todo = f"Para abrirlos, que {name} quede al lado: python setup_symlinks.py"
            yield warn(f"Destino {producto.carpetas[0]}", detail, todo)


def _destination(folder: Path, name: str, link: Path | None) -> Finding:
    what = f"Destino {name}"
    try:
        check_destination(folder, need_bytes=NEED_BYTES, must_be_link=link)
    except (PublishError, OSError) as err:
        todo = "docs/onedrive.md dice cómo se arman los enlaces" if link else "Corregir eso"
        return bad(what, str(err), todo)
    if link is not None:
        return fine(what, f"lleva a {link}")
    return fine(what, "se escribe" if folder.is_dir() else "se crea en la primera corrida")


def _sentinels(settings: Settings, modo: Modo) -> Iterator[Finding]:
    """What tells a target that is not reachable from one that is empty."""
    outputs = settings.outputs_dir(modo)
    try:
        expected = {
            Path(name).name: outputs / name
            for name in expected_links(settings.lindero_symlink_config, outputs)
        }
    except SettingsError:
        return  # said already
    records = [path.stem for path in sorted((outputs / RECORDS_NAME).glob("*.json"))]
    for name in dict.fromkeys((*expected, *records)):
        yield _sentinel(name, expected.get(name, outputs / name), prepared=name in records)


def _sentinel(name: str, folder: Path, *, prepared: bool) -> Finding:
    what = f"Señal de {name}"
    seen = _text(folder / SENTINEL_NAME)
    if seen == sentinel_text(name).strip():
        return fine(what, "el destino es el que se preparó")
    if seen is not None:
        detail = "la señal del destino es la de otra carpeta"
        return bad(what, detail, "Revisar a dónde lleva: docs/onedrive.md")
    try:
        check_path(folder)
        empty = next(folder.iterdir(), None) is None
    except (PublishError, OSError):
        todo = "Abrir OneDrive y esperar que sincronice, o montar el disco"
        return bad(what, "el destino no se alcanza", todo)
    if not prepared:
        detail = "hay un enlace configurado, y su destino nunca se preparó"
        return warn(what, detail, "python setup_symlinks.py y después create_symlinks.ps1")
    with_files = "con archivos, sin la señal: no es el destino, o alguien la borró"
    which = "vacía que no es el destino" if empty else with_files
    todo = "Ver si el disco o la carpeta de OneDrive están montados donde deben: docs/onedrive.md"
    return bad(what, f"se alcanza una carpeta {which}", todo)


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _conflicts(outputs: Path) -> Iterator[Finding]:
    what = "Copias en conflicto"
    found = sorted(str(path.relative_to(outputs)) for path in conflict_copies(outputs))
    if not found:
        yield fine(what, "ninguna")
        return
    more = f" y {len(found) - MAX_LISTED} más" if len(found) > MAX_LISTED else ""
    yield warn(
        what,
        f"{len(found)}: {', '.join(found[:MAX_LISTED])}{more}",
        "Las hizo OneDrive cuando dos máquinas cambiaron el mismo archivo: ver si alguien editó "
        "algo que haga falta, y borrarlas",
    )


def _held(outputs: Path) -> Iterator[Finding]:
    what = "Archivos abiertos"
    found = [path.relative_to(outputs).as_posix() for path in held_files(outputs)]
    if not found:
        yield fine(what, "ninguno")
        return
    yield warn(what, f"{len(found)}: {short(found, MAX_LISTED)}", SOLTAR)


def _space(settings: Settings, modo: Modo) -> Iterator[Finding]:
    for what, free in room(settings, modo).items():
        detail = f"{number(free / 1024**3, 1)} GB libres"
        if free < NEED_BYTES:
            yield bad(what, detail, "Liberar espacio: la próxima noche no entra")
        elif free < LOW_BYTES:
            yield warn(what, detail, "Liberar espacio: queda poco")
        else:
            yield fine(what, detail)


def _state(settings: Settings, modo: Modo) -> Iterator[Finding]:
    try:
        check_destination(settings.store_dir(modo))
    except (PublishError, OSError) as err:
        todo = "Sin esa carpeta no hay backups: revisar LINDERO_STATE_DIR y sus permisos"
        yield bad("Carpeta de los backups", str(err), todo)
    else:
        yield fine("Carpeta de los backups", str(settings.store_dir(modo)))


def _retention(settings: Settings, modo: Modo, now: datetime) -> Iterator[Finding]:
    """Counts only: which ones may go is for ``lindero backups prune`` to say."""
    store = SnapshotStore(settings.store_dir(modo))
    accepted, quarantined, damaged = store.accepted(), store.quarantined(), store.damaged()
    days = settings.lindero_retention_quarantine_days
    old = [one for one in quarantined if now - one.id.utc > timedelta(days=days + 7)]
    years = len({one.id.utc.year for one in accepted})
    places = years + settings.lindero_retention_daily + settings.lindero_retention_weekly
    places += settings.lindero_retention_monthly
    seasons = len({(one.campania, one.portal) for one in accepted}) or 1
    detail = f"{len(accepted)} backups, {len(quarantined)} en cuarentena"
    if damaged:
        names = ", ".join(path.name for path, _ in damaged[:MAX_LISTED])
        todo = "lindero backups verify --all dice qué archivos"
        yield bad("Backups dañados", names, todo)
    if old or len(accepted) > places * seasons + seasons:
        detail += f"; la retención deja {places} por campaña y la cuarentena {days} días"
        yield warn("Retención", detail, "lindero backups prune --dry-run dice qué sobra")
    else:
        yield fine("Retención", detail)
