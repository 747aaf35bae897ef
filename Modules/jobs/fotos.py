"""The photos of marks, brought once the night is accepted: no trouble with them costs the night.

They come one after another within the client's own limits, for ``LINDERO_FOTOS_MINUTOS`` at most;
what is left comes with the next night, and what is here is never asked for again.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import replace

from Modules.jobs.portal_access import Access
from Modules.jobs.products import Encargo, with_fotos
from Modules.portal.client import PortalClient
from Modules.store.fotos import TRIES, Adjuntos, Fotos, marcas_of
from Modules.store.snapshot import Snapshot
from Modules.words.errors import ApiAuth, ApiContractChanged, ApiRejected, ApiUnavailable, DataError
from Modules.words.spanish import corrida, number, short

MAX_NOTES, MAX_LOGGED = 3, 30
_IN_A_ROW = 3  # without an answer
_TRIES, _REQUEST_S = 2, 60.0
_MB, _ROOM = 1_000_000, 1_000_000_000


def bring(encargo: Encargo, access: Access, adjuntos: Adjuntos, snapshot: Snapshot) -> Encargo:
    """Bring the photos that are missing; the order with those that are here, and what to say.

    Raises:
        PublishError: the disk refused.
    """
    settings, store = encargo.settings, encargo.store
    marcas, addresses = adjuntos
    fotos = Fotos(store.root, metadatos=settings.lindero_fotos_metadatos)
    mark_of = {clave: key for key, claves in sorted(marcas.items()) for clave in claves}
    wanted = [one for one in mark_of if fotos.get(one) is None]
    # another order each night: none is always behind those that get no answer
    wanted.sort(key=lambda one: hashlib.sha256(f"{snapshot.id}{one}".encode()).digest())
    hosts = {host.lower() for host in settings.lindero_fotos_hosts}
    done = silent = 0
    said: list[str] = []
    limits = replace(
        access.config.limits,
        fetch_timeout_s=settings.lindero_fotos_minutos * 60,
        request_timeout_s=_REQUEST_S,
        max_page_bytes=settings.lindero_fotos_mb * _MB,
        tries=_TRIES,
    )
    with PortalClient(replace(access.config, limits=limits)) as client:
        for clave in wanted:
            what, fallas = f"marcador {mark_of[clave]}", fotos.fallas.get(clave, [])
            if shutil.disk_usage(store.root).free < _ROOM:  # nights come first
                said.append("queda menos de 1 GB libre donde se guardan: no se traen más")
                break
            if len(fallas) >= TRIES:
                said.append(f"{what}: {fallas[-1]}")
                continue
            try:
                fotos.keep(clave, client.file(what, addresses[clave], hosts))
                done, silent = done + 1, 0
            except (ApiContractChanged, DataError) as err:
                fotos.note(clave, falla=str(err).removeprefix(f"{what}: "))
                said.append(f"{what}: {fotos.fallas[clave][-1]}")
            except (ApiRejected, ApiUnavailable, ApiAuth) as err:
                said.append(str(err))
                silent += not isinstance(err, ApiRejected)
                if silent == _IN_A_ROW:  # so would be the others
                    break
    if marcas or fotos.folder.is_dir():
        named = (marcas_of(one).values() for one in (*store.accepted(), *store.quarantined()))
        fotos.only({clave for marks in named for claves in marks for clave in claves})
    encargo = with_fotos(encargo, snapshot)
    if missing := len(wanted) - done:
        said.sort()
        corrida.warning("Fotos: %s", short(said, MAX_LOGGED))
        what = f"fotos de marcadores que faltan: {number(missing)}. {short(said, MAX_NOTES)}"
        encargo = replace(encargo, avisos=(*encargo.avisos, what))
    return encargo
