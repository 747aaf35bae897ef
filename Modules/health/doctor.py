"""Whether this machine can do its nights: one row a check, in Spanish, with what to do.

Looks only; what it writes are small probe files that it removes again. ``mal`` is what keeps a
night from being published or from being seen; ``aviso`` is what a person should know.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from Modules.disk.destinations import check_destination, check_path, expected_links
from Modules.disk.published import conflict_copies
from Modules.disk.sentinels import RECORDS_NAME, SENTINEL_NAME, sentinel_text
from Modules.health import prefect_http
from Modules.health.doctor_server import examine_server
from Modules.health.rows import Fila
from Modules.orchestration.deployments import TIMEZONE
from Modules.portal import DEFAULT_IDENTITY
from Modules.settings import Settings
from Modules.stack import plan as stack_plan
from Modules.store.snapshots import SnapshotStore
from Modules.words.domain import Modo
from Modules.words.errors import PipelineError, PublishError, SettingsError
from Modules.words.folders import product_folders

LOW_BYTES: Final = 2 * 1024**3
NEED_BYTES: Final = 50 * 1024**2
MAX_LISTED: Final = 10
_SECRETS: Final = {
    stack_plan.DATABASE_PASSWORD: "Secreto de la base",
    stack_plan.REDIS_PASSWORD: "Secreto de Redis",
    stack_plan.AUTH_STRING: "Secreto de la API",
}


def examine(settings: Settings, modo: Modo, now: datetime, *, portal: bool = False) -> list[Fila]:
    """Every check of one mode; ``portal`` also asks the portal for a page of each list."""
    server = prefect_http.open_server(settings)
    return [
        Fila("Ajustes", "bien", f"se leen; entorno {settings.lindero_environment}"),
        *_portal(settings, modo, ask=portal),
        *_secrets(settings),
        *_destinations(settings, modo),
        *_sentinels(settings, modo),
        *_conflicts(settings.outputs_dir(modo)),
        *_space(settings, modo),
        *_state(settings, modo),
        *_retention(settings, modo, now),
        *_time_zone(settings, now),
        *examine_server(settings, server),
    ]


# --- settings ------------------------------------------------------------------------------------


def _portal(settings: Settings, modo: Modo, *, ask: bool) -> Iterator[Fila]:
    if settings.databaler_base_url is None:
        yield Fila(
            "Portal",
            "aviso",
            "no hay portal configurado: solo corren pruebas, contra el de demostración",
            "Poner DATABALER_BASE_URL, DATABALER_CLIENT_ID y DATABALER_CLIENT_SECRET en .env",
        )
    else:
        missing = [
            name
            for name, value in (
                ("DATABALER_CLIENT_ID", settings.databaler_client_id),
                ("DATABALER_CLIENT_SECRET", settings.databaler_client_secret),
            )
            if value is None
        ]
        if missing:
            yield Fila("Portal", "aviso", f"sin {' ni '.join(missing)}", "Ponerlas en .env")
        else:
            yield Fila("Portal", "bien", "configurado")
    try:
        identity = _profile_identity(settings)
    except PipelineError as err:
        yield Fila("Perfil del portal", "mal", str(err), "Corregir el archivo DATABALER_PROFILE")
        return
    yield Fila("Perfil del portal", "bien", identity)
    if ask and settings.databaler_base_url is not None:
        yield _ask_portal(settings, modo)


def _profile_identity(settings: Settings) -> str:
    if settings.databaler_profile is None:  # known beforehand: nothing of the client is loaded
        return DEFAULT_IDENTITY
    from Modules.jobs import portal_access

    return portal_access.read_profile(settings).identity


def _ask_portal(settings: Settings, modo: Modo) -> Fila:
    from Modules.api_check import check as api_check
    from Modules.jobs import portal_access

    what = "Portal responde"
    try:
        with portal_access.open_portal(settings, modo) as access:
            report = api_check.check_api(access.config, settings.lindero_campania)
    except PipelineError as err:
        return Fila(what, "mal", str(err), "lindero api check dice más")
    if report.exit_code:
        return Fila(what, "mal", "contesta, pero no como se espera", "lindero api check dice qué")
    return Fila(what, "bien", "una página de cada lista")


def _secrets(settings: Settings) -> Iterator[Fila]:
    """By name only; how strong they must be is the stack's own rule."""
    for name, what in _SECRETS.items():
        secret = getattr(settings, name.lower())
        if secret is None:
            detail = f"{name} falta; hace falta para levantar el servidor en esta máquina"
            yield Fila(what, "aviso", detail, "lindero stack init la escribe en .env")
            continue
        try:
            stack_plan.check_secrets({name: secret.get_secret_value()})
        except SettingsError:
            detail = f"{name} es corta, conocida por todos o no tiene la forma que debe"
            yield Fila(
                what,
                "mal",
                detail,
                "Borrar la línea de .env y correr lindero "
                "stack init; docs/despliegue.md dice cómo se cambia con el servidor andando",
            )
        else:
            yield Fila(what, "bien", f"{name} está y alcanza")


def _time_zone(settings: Settings, now: datetime) -> Iterator[Fila]:
    here, there = now.astimezone().utcoffset(), now.astimezone(settings.zone).utcoffset()
    if settings.tz != TIMEZONE:
        yield Fila(
            "Zona horaria",
            "aviso",
            f"TZ={settings.tz}, y los horarios de los despliegues son de {TIMEZONE}",
            f"Si no es a propósito: TZ={TIMEZONE}",
        )
    elif here != there:
        yield Fila(
            "Zona horaria",
            "aviso",
            f"{settings.tz}; el reloj de esta máquina está en otra, y no molesta: cada horario "
            "lleva la suya",
        )
    else:
        yield Fila("Zona horaria", "bien", settings.tz)


# --- folders -------------------------------------------------------------------------------------


def _destinations(settings: Settings, modo: Modo) -> Iterator[Fila]:
    outputs = settings.outputs_dir(modo)
    try:
        links = expected_links(settings.lindero_symlink_config, outputs)
    except SettingsError as err:
        todo = "Corregirlo, o hacerlo de nuevo: python setup_symlinks.py"
        yield Fila("Enlaces", "mal", str(err), todo)
        return
    for name in dict.fromkeys((*product_folders(), *links)):
        yield _destination(outputs / name, name, links.get(name))


def _destination(folder: Path, name: str, link: Path | None) -> Fila:
    what = f"Destino {name}"
    try:
        check_destination(folder, need_bytes=NEED_BYTES, must_be_link=link)
    except (PublishError, OSError) as err:
        todo = "docs/onedrive.md dice cómo se arman los enlaces" if link else "Corregir eso"
        return Fila(what, "mal", str(err), todo)
    if link is not None:
        return Fila(what, "bien", f"lleva a {link}")
    return Fila(what, "bien", "se escribe" if folder.is_dir() else "se crea en la primera corrida")


def _sentinels(settings: Settings, modo: Modo) -> Iterator[Fila]:
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


def _sentinel(name: str, folder: Path, *, prepared: bool) -> Fila:
    what = f"Señal de {name}"
    seen = _text(folder / SENTINEL_NAME)
    if seen == sentinel_text(name).strip():
        return Fila(what, "bien", "el destino es el que se preparó")
    if seen is not None:
        detail = "la señal del destino es la de otra carpeta"
        return Fila(what, "mal", detail, "Revisar a dónde lleva: docs/onedrive.md")
    if not _reachable(folder):
        detail = "el destino no se alcanza"
        return Fila(
            what, "mal", detail, "Abrir OneDrive y esperar que sincronice, o montar el disco"
        )
    if not prepared:
        detail = "hay un enlace configurado, y su destino nunca se preparó"
        return Fila(what, "aviso", detail, "python setup_symlinks.py y después create_symlinks.ps1")
    empty = not any(folder.iterdir())
    return Fila(
        what,
        "mal",
        "se alcanza una carpeta vacía que no es el destino"
        if empty
        else "se alcanza una carpeta "
        "con archivos, sin la señal: no es el destino, o alguien la borró",
        "Ver si el disco o la carpeta de OneDrive están montados donde deben: docs/onedrive.md",
    )


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError):
        return None


def _reachable(folder: Path) -> bool:
    try:
        check_path(folder)
        next(folder.iterdir(), None)
    except (PublishError, OSError):
        return False
    return True


def _conflicts(outputs: Path) -> Iterator[Fila]:
    found = sorted(str(path.relative_to(outputs)) for path in conflict_copies(outputs))
    if not found:
        yield Fila("Copias en conflicto", "bien", "ninguna")
        return
    more = f" y {len(found) - MAX_LISTED} más" if len(found) > MAX_LISTED else ""
    yield Fila(
        "Copias en conflicto",
        "aviso",
        f"{len(found)}: {', '.join(found[:MAX_LISTED])}{more}",
        "Las hizo OneDrive cuando dos máquinas cambiaron el mismo archivo: ver si alguien editó "
        "algo que haga falta, y borrarlas",
    )


def _space(settings: Settings, modo: Modo) -> Iterator[Fila]:
    for what, folder in (
        ("Espacio para publicar", settings.outputs_dir(modo)),
        ("Espacio para los backups", settings.lindero_state_dir),
    ):
        place = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
        free = shutil.disk_usage(place).free
        detail = f"{free / 1024**3:.1f} GB libres"
        if free < NEED_BYTES:
            yield Fila(what, "mal", detail, "Liberar espacio: la próxima noche no entra")
        elif free < LOW_BYTES:
            yield Fila(what, "aviso", detail, "Liberar espacio: queda poco")
        else:
            yield Fila(what, "bien", detail)


def _state(settings: Settings, modo: Modo) -> Iterator[Fila]:
    try:
        check_destination(settings.store_dir(modo))
    except (PublishError, OSError) as err:
        todo = "Sin esa carpeta no hay backups: revisar LINDERO_STATE_DIR y sus permisos"
        yield Fila("Carpeta de los backups", "mal", str(err), todo)
    else:
        yield Fila("Carpeta de los backups", "bien", str(settings.store_dir(modo)))


def _retention(settings: Settings, modo: Modo, now: datetime) -> Iterator[Fila]:
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
        yield Fila("Backups dañados", "mal", names, todo)
    if old or len(accepted) > places * seasons + seasons:
        detail += f"; la retención deja {places} por campaña y la cuarentena {days} días"
        yield Fila("Retención", "aviso", detail, "lindero backups prune --dry-run dice qué sobra")
    else:
        yield Fila("Retención", "bien", detail)
