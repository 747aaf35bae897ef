"""Which backups may go: the rule of retention, out of facts and ``now`` alone. Pure.

Of each portal and campaña the newest good backup of each of the last 14 local days, 8 weeks (Monday
to Sunday) and 24 months that have one is kept, and of each year for ever; the newest good one of a
campaña, which in time is its end, too. Good means accepted and verified: no other takes a place,
and an accepted one that is not verified is never removed by a machine: a person has to look.

Days are counted by backups, not from ``now``: a farm that stops for a month loses nothing by it.
Order is by the number in the id, which only rises. The last 14 by number stay whatever their dates
say, and where number and time contradict each other both sides stay: the clock was wrong.

Refused nights go after 90 days. At once go at most 3, and at most 10 % of all there are: the
smaller of the two, oldest first. A wrong rule, a wrong clock or a wrong setting is then seen before
it did much harm.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Final
from zoneinfo import ZoneInfo

from Modules.words.domain import Campania, Portal, SnapshotId

MOST_AT_ONCE: Final = 3
SHARE_AT_ONCE: Final = 10  # one in ten
LONGEST_GAP: Final = timedelta(days=45)  # without any backup; longer ones are the clock's doing

Key = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Ficha:
    """What retention has to know of one backup."""

    id: SnapshotId
    campania: Campania
    portal: Portal
    accepted: bool
    verified: bool = True  # only asked of accepted ones
    first_equal: SnapshotId | None = None  # the backup that holds the published copy of its data
    size_bytes: int = 0

    @property
    def good(self) -> bool:
        """Whether it takes a place."""
        return self.accepted and self.verified


@dataclass(frozen=True, slots=True)
class Reglas:
    """How much is kept; days, weeks and months are those of ``zone``."""

    zone: ZoneInfo
    daily: int = 14
    weekly: int = 8
    monthly: int = 24
    quarantine_days: int = 90


@dataclass(frozen=True, slots=True)
class Linea:
    """One backup in a plan, with the reasons in Spanish."""

    ficha: Ficha
    motivo: str


@dataclass(frozen=True, slots=True)
class PrunePlan:
    """What a prune does; each tuple is in the order of the numbers."""

    salen: tuple[Linea, ...] = ()
    esperan: tuple[Linea, ...] = ()  # would go too, but not all at once
    quedan: tuple[Linea, ...] = ()
    tope: int = 0
    negado: str | None = None  # why nothing goes, for people

    @property
    def size_bytes(self) -> int:
        """Size of what goes."""
        return sum(linea.ficha.size_bytes for linea in self.salen)


def plan(
    fichas: Iterable[Ficha], reglas: Reglas, now: datetime, *, in_use: Collection[SnapshotId] = ()
) -> PrunePlan:
    """What goes now, what would go later, and why the rest stays.

    ``fichas`` are all backups of one mode, in any order; ``in_use`` those that something published
    was made from; ``now`` is timezone-aware.
    """
    todas = sorted(fichas, key=lambda ficha: ficha.id.number)
    tope = most_at_once(len(todas))
    reasons = _reasons(todas, reglas, now, in_use)
    quedan = tuple(
        Linea(ficha, ", ".join(reasons[ficha.id.number]))
        for ficha in todas
        if ficha.id.number in reasons
    )
    old = f"en cuarentena hace más de {reglas.quarantine_days} días"
    sobran = tuple(
        Linea(ficha, "no le toca ningún lugar" if ficha.accepted else old)
        for ficha in todas
        if ficha.id.number not in reasons
    )
    if refused := clock_problem([ficha.id for ficha in todas], now):
        return PrunePlan((), sobran, quedan, 0, refused)
    return PrunePlan(sobran[:tope], sobran[tope:], quedan, tope)


def most_at_once(total: int) -> int:
    """How many of ``total`` backups may go at once: three, and one in ten; the smaller."""
    return min(MOST_AT_ONCE, total // SHARE_AT_ONCE)


def clock_problem(ids: Sequence[SnapshotId], now: datetime) -> str | None:
    """Why the clock cannot be right, for people; None if it may be."""
    if not ids:
        return None
    newest = max(ids)
    if newest.utc > now:
        return (
            f"el reloj dice {now.astimezone(UTC):%Y-%m-%d %H:%M} UTC, antes que el último backup "
            f"{newest}. No se quita nada. Hay que poner en hora el reloj"
        )
    if now - newest.utc > LONGEST_GAP:
        days = (now - newest.utc).days
        return (
            f"el último backup {newest} tiene {days} días: o el reloj está mal o desde entonces "
            "no se guardó ninguna noche. No se quita nada. Primero hay que hacer un backup"
        )
    return None


def _reasons(
    todas: Sequence[Ficha], reglas: Reglas, now: datetime, in_use: Collection[SnapshotId]
) -> dict[int, list[str]]:
    """Number → why it stays; one that is not in it may go."""
    reasons: dict[int, list[str]] = {}

    def keep(which: Iterable[SnapshotId], why: str) -> None:
        for one in which:
            reasons.setdefault(one.number, []).append(why)

    groups: dict[tuple[Campania, Portal], list[Ficha]] = {}
    for ficha in todas:
        if ficha.accepted:
            groups.setdefault((ficha.campania, ficha.portal), []).append(ficha)
    for group in groups.values():
        _keep_group(group, reglas, keep)
    keep((ficha.id for ficha in todas if ficha.accepted and not ficha.verified), "sin verificar")
    refused = [ficha for ficha in todas if not ficha.accepted]
    ages = _ages([ficha.id for ficha in todas], now)
    term = timedelta(days=reglas.quarantine_days)
    keep((one.id for one in refused if ages[one.id.number] <= term), "en cuarentena")
    keep((ficha.id for ficha in todas[-1:]), "el último número")
    there = {ficha.id.number for ficha in todas}
    keep((one for one in in_use if one.number in there), "publicado")
    needed = {
        one.first_equal.number: one.first_equal
        for one in todas
        if one.id.number in reasons and one.first_equal not in (None, one.id)
    }
    keep((one for one in needed.values() if one.number in there), "copia publicada")
    return reasons


def _keep_group(
    group: Sequence[Ficha], reglas: Reglas, keep: Callable[[Iterable[SnapshotId], str], None]
) -> None:
    """The places of one portal and campaña; ``group`` is in the order of the numbers."""
    doubtful = contradicting([ficha.id for ficha in group])
    keep((ficha.id for ficha in group if ficha.id.number in doubtful), "reloj dudoso")
    good = [ficha.id for ficha in reversed(group) if ficha.good]
    keep(good[:1], "el más nuevo de la campaña")
    keep(good[: reglas.daily], "reciente")
    sure = [one for one in good if one.number not in doubtful]

    def local(one: SnapshotId) -> datetime:
        return one.utc.astimezone(reglas.zone)

    # why a backup is kept, which day, week … it is of, and how many of those (None: all)
    places: tuple[tuple[str, Callable[[SnapshotId], Key], int | None], ...] = (
        ("diario", lambda one: (local(one).date().toordinal(),), reglas.daily),
        ("semanal", lambda one: tuple(local(one).isocalendar()[:2]), reglas.weekly),
        ("mensual", lambda one: (local(one).year, local(one).month), reglas.monthly),
        ("anual", lambda one: (local(one).year,), None),
    )
    for why, key, most in places:
        newest: dict[Key, SnapshotId] = {}  # of each day, week …
        for one in sure:
            newest.setdefault(key(one), one)
        keep(list(newest.values())[:most], why)


def contradicting(ids: Sequence[SnapshotId]) -> set[int]:
    """Numbers on either side of a contradiction: a later number with a time that is no later.

    ``ids`` are in the order of the numbers.
    """
    found: set[int] = set()
    for row, worse in ((ids, datetime.__le__), (ids[::-1], datetime.__ge__)):
        extreme: datetime | None = None
        for one in row:
            if extreme is not None and worse(one.utc, extreme):
                found.add(one.number)
            else:
                extreme = one.utc
    return found


def _ages(ids: Sequence[SnapshotId], now: datetime) -> Mapping[int, timedelta]:
    """How long ago each was taken, without gaps that only a jump of the clock explains.

    ``ids`` are in the order of the numbers.
    """
    ages: dict[int, timedelta] = {}
    age = timedelta()
    moments = [(one.number, one.utc) for one in ids] + [(0, now)]
    for (number, before), (_, after) in reversed(list(pairwise(moments))):
        gap = after - before
        age += gap if timedelta() <= gap <= LONGEST_GAP else timedelta()
        ages[number] = min(age, now - before)
    return ages
