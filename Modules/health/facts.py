"""Gather the facts that ``health.rules`` judges: what lies on the disk, what the server says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from Modules.disk.destinations import check_path
from Modules.disk.publish import intact, published
from Modules.disk.publish_record import records_below
from Modules.disk.run_lock import HOLDER_NAME, LOCK_NAME, holder, is_held, life_lock
from Modules.health import platform, prefect_http
from Modules.health.known import Facts, Publicacion, Rechazo, Servidor
from Modules.health.platform import Platform
from Modules.orchestration.empresas import MAPAS, last
from Modules.orchestration.prefect_api import open_server
from Modules.settings import Settings
from Modules.store.snapshot import Snapshot
from Modules.store.snapshots import SnapshotStore
from Modules.words.domain import Modo
from Modules.words.errors import PublishError
from Modules.words.folders import BACKUP
from Modules.words.temporada import TERMINADA


def gather(settings: Settings, modo: Modo, now: datetime) -> Facts:
    """All facts of one mode, at this moment; reads only.

    Raises:
        PublishError: the state folder cannot be read.
    """
    store = SnapshotStore(settings.store_dir(modo))
    outputs = settings.outputs_dir(modo)
    accepted = store.accepted()
    alone = not settings.lindero_empresa  # of one of many the platform is not its own
    seen = platform.look(settings, now) if alone else None
    unreachable = None
    try:
        check_path(outputs / BACKUP)
    except (PublishError, OSError) as err:
        unreachable = str(err)
    return Facts(
        ahora=now,
        zone=settings.zone,
        modo=modo,
        publicada=_newest_published(store, accepted, outputs),
        destino_error=unreachable,
        rechazos=tuple(_refused(accepted, store.quarantined())),
        cortadas=tuple(sorted(_cut_short(outputs))),
        servidor=_server(settings, seen, now) if alone else None,
        plataforma=seen,
        turno=_turn(settings.store_dir(modo)),
        libres=room(settings, modo),
        noche_para=settings.lindero_night_by,
        empresa=settings.lindero_empresa,
        ultima=None if alone else last(settings.lindero_state_dir, modo),
        mapas=None if alone else last(settings.lindero_state_dir, modo, MAPAS),
    )


def room(settings: Settings, modo: Modo) -> dict[str, int]:
    """Free bytes, by what they are for."""
    places = {
        "Espacio para publicar": settings.outputs_dir(modo),
        "Espacio para los backups": settings.lindero_state_dir,
    }
    free = {}
    for what, folder in places.items():
        place = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
        free[what] = shutil.disk_usage(place).free
    return free


def _server(settings: Settings, seen: Platform | None, now: datetime) -> Servidor | None:
    """What the server says; one that was just found silent is not waited for again."""
    server = open_server(settings)
    if server is None:
        return None
    part = None if seen is None else seen.part(platform.SERVER)
    if part is not None and part.mal is not None:
        return Servidor(server.url, error=part.mal)
    return prefect_http.read_server(server, now=now, lives=lambda one: _lives(settings, one))


def _lives(settings: Settings, run_id: str) -> bool | None:
    with suppress(PublishError):
        return is_held(life_lock(settings.lindero_state_dir, run_id))
    return None


def _turn(folder: Path) -> str | None:
    """Who holds the lock of a mode; None where nobody does, as far as it can be told."""
    with suppress(PublishError):
        if (folder / HOLDER_NAME).exists() and is_held(folder / LOCK_NAME):
            return holder(folder)
    return None


def _newest_published(
    store: SnapshotStore, accepted: Sequence[Snapshot], outputs: Path
) -> Publicacion | None:
    """The newest night that lies published; a night equal to an earlier one lies under that."""
    for snapshot in reversed(accepted):
        origin = store.first_equal(snapshot)
        folder = outputs / BACKUP / snapshot.campania.slug / str(origin.id)
        lies = False
        with suppress(PublishError, OSError):
            lies = bool(published(folder))
        if lies:
            return Publicacion(
                snapshot=str(snapshot.id),
                campania=str(snapshot.campania),
                cuando=snapshot.id.utc,
                carpeta=str(folder),
                intacta=intact(folder),
                terminada=snapshot.manifest.get(TERMINADA),
                aceptada_a_mano=None
                if snapshot.acceptance is None
                else datetime.fromisoformat(str(snapshot.acceptance["utc"])),
            )
    return None


def _refused(accepted: Sequence[Snapshot], quarantined: Sequence[Snapshot]) -> Iterator[Rechazo]:
    """The newest refused night of each campaña, where no newer one was accepted."""
    newest = {one.campania: one for one in quarantined}  # oldest first: the last one stays
    for campania, refused in newest.items():
        if not any(one.campania == campania and refused.id < one.id for one in accepted):
            yield Rechazo(str(refused.id), str(campania), refused.id.utc)


def _cut_short(outputs: Path) -> Iterator[str]:
    """Product folders and nights whose publication did not come to its end."""
    for manifest in records_below(outputs):
        try:
            published(manifest.parent)
        except PublishError:
            yield str(manifest.parent)
