"""The campañas that a run is of: named by somebody, or ``actual``, which the portal decides."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

from Modules.portal.asking import read_campania
from Modules.settings import Settings
from Modules.store.snapshots import SnapshotStore
from Modules.words.domain import Campania, Fetched, Recurso
from Modules.words.errors import CampaniaUnknown
from Modules.words.temporada import ACTUAL, Anunciada, current, read_campanias
from Modules.words.text import boolean, day

if TYPE_CHECKING:
    from Modules.jobs.portal_access import Access

ACTUAL_FACT = "campania_actual"  # in a manifest: the campaña that was on, if the portal told


def asked(settings: Settings, campania: str | None) -> tuple[Campania, ...]:
    """The campañas named, or those of ``LINDERO_CAMPANIA``; none for ``actual``.

    Raises:
        SettingsError: no campaña.
    """
    return read_campanias(campania) if campania else settings.lindero_campania


def listed(fetched: Fetched, codigo: str) -> list[Anunciada]:
    """The portal's list of campañas; ``codigo`` is how it writes one, as in the profile."""
    return [
        Anunciada(found, day(row.get("desde")), day(row.get("hasta")), boolean(row.get("activa")))
        for row in (record.values for record in fetched.records)
        if (found := read_campania(codigo, str(row.get("codigo")))) is not None
    ]


def ask(access: Access, hoy: date) -> tuple[Campania, ...]:
    """The campaña that the portal says is on, this day.

    Raises:
        CampaniaUnknown: its list does not tell.
        ApiAuth, ApiUnavailable, ApiRejected, ApiContractChanged, ApiIncomplete: see
            ``words.errors``.
    """
    from Modules.portal.client import PortalClient

    year = hoy.year % 100
    with PortalClient(access.config) as client:
        answer = client.fetch(Recurso.CAMPANIAS, Campania(year, (year + 1) % 100))  # of no season
    rows = listed(answer, access.config.profile.season.codigo)
    found = current(rows, hoy)
    if found is None:
        names = ", ".join(sorted(str(one.campania) for one in rows)) or "ninguna"
        raise CampaniaUnknown(
            f"la lista del portal no dice qué campaña está activa ({names}); nombrarla en lugar "
            f"de {ACTUAL}, por ejemplo LINDERO_CAMPANIA=26/27"
        )
    return (found,)


def asked_of(access: Access, settings: Settings, campania: str | None, now: datetime) -> Campania:
    """The one campaña that a look at the portal is about: the first named, or the one that is on.

    Raises:
        CampaniaUnknown, ApiUnavailable: as ``ask``.
    """
    named = asked(settings, campania) or ask(access, now.astimezone(settings.zone).date())
    return named[0]


def of_store(store: SnapshotStore) -> tuple[Campania, ...]:
    """``actual`` where nobody asks the portal: what it said in the newest accepted night."""
    kept = store.accepted()
    if not kept:
        return ()
    on = kept[-1].manifest.get(ACTUAL_FACT)
    held = {str(one.campania): one.campania for one in kept}
    return (held.get(str(on), kept[-1].campania),)
