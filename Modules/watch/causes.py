"""Which causes were told, and which are to be told now. Pure; the ledger is kept by ``rounds``.

* A cause is told once, however often it is seen and whatever its text says by then. One of the
  platform must be seen for two minutes first: a restart is no alarm. A bad night is told at once.
* A cause that is gone for two minutes was over: that is told once, if the cause was told. While
  what is known of the nights is hidden (a silent server), nothing is over.
* A later fault of the same flow takes the place of an earlier one: that one is not over.
* What only follows from another cause (nobody takes the run, no good night by the hour) is not told
  where that one began in the last twelve hours; and so every further bad night is.
* What could not be told is tried again, each time after twice as long, at most after an hour, and
  only by the ways that failed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from pydantic import TypeAdapter

from Modules.health.known import BAD, Facts, Run
from Modules.orchestration.deployments import BACKUP
from Modules.words.finding import Finding
from Modules.words.temporada import TERMINADA

HOLD: Final = timedelta(seconds=115)  # four rounds of thirty seconds, and the clock's jitter
HOLD_NOTE: Final = timedelta(seconds=235)  # after a start services comes last
OVER_AFTER: Final = timedelta(seconds=120)
SAME_NIGHT: Final = timedelta(hours=12)
MOST_WAIT: Final = timedelta(hours=1)
AT_ONCE: Final = ("fallida", "cortada", "cancelada", "noche_rechazada")
FOLLOWS: Final = ("publicacion_vieja", "sin_noche", "atrasada")
NOT_YET: Final = "nunca_publicado"  # a new house: the first night is awaited like any other
ALSO_TOLD: Final = TERMINADA  # a warning, but one that waits for somebody to act


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause in the ledger; times are timezone-aware."""

    code: str
    where: str  # the flow or the deployment; empty of the platform
    what: str  # as it was last seen
    since: datetime
    seen: datetime
    told: datetime | None = None
    tries: int = 0  # to tell what is to be told now
    tried: datetime | None = None
    ways: tuple[str, ...] = ()  # by which it was told already

    def may_try(self, now: datetime) -> bool:
        """Whether the next try is due."""
        wait = min(MOST_WAIT, timedelta(seconds=30) * 2 ** min(self.tries - 1, 10))
        return self.tried is None or now - self.tried >= wait


Ledger = Mapping[str, Cause]
_LEDGER: Final = TypeAdapter(dict[str, Cause])


def causes(findings: Iterable[Finding], facts: Facts | None = None) -> dict[str, Finding]:
    """The findings that people are told of, by the key of their cause.

    A night that was refused is one cause, and its failed run no second one.
    """
    refused = () if facts is None else facts.rechazos

    def twin(one: Finding) -> bool:
        run = newest_bad(facts, one.where) if one.code == "fallida" else None
        return run is not None and any(
            run.esperada <= night.cuando <= run.cuando for night in refused
        )

    return {
        ":".join(filter(None, (one.code, one.where, one.item))): one
        for one in findings
        if (one.is_error or one.code == ALSO_TOLD) and one.code != NOT_YET and not twin(one)
    }


def newest_bad(facts: Facts | None, flujo: str) -> Run | None:
    """The run that a finding of a flow is about."""
    runs = () if facts is None else facts.corridas
    bad = (one for one in runs if one.flujo == flujo and one.estado in BAD)
    return max(bad, key=lambda one: one.cuando, default=None)


def look(ledger: Ledger, found: Mapping[str, Finding], now: datetime) -> dict[str, Cause]:
    """The ledger after these causes were seen: new ones in it, and out of it what needs no word."""
    kept = {
        key: cause
        for key, cause in ledger.items()
        if key in found or (cause.told is not None and not _replaced(cause, found))
    }
    for key, one in found.items():
        before = kept.get(key) or Cause(one.code, one.where, one.what, since=now, seen=now)
        if before.told is not None:  # that it was over is not told any more
            before = replace(before, tries=0, tried=None, ways=())
        kept[key] = replace(before, seen=now, what=one.what)
    return kept


def to_tell(ledger: Ledger, found: Mapping[str, Finding], now: datetime) -> Iterator[str]:
    """Causes that are to be told now."""
    for key in found:
        cause = ledger[key]
        ripe = cause.code in AT_ONCE or now - cause.since >= (
            HOLD_NOTE if cause.code == "sin_vigia" else HOLD
        )
        silent = cause.code in FOLLOWS and _explained(ledger, found, now)
        if cause.told is None and ripe and not silent and cause.may_try(now):
            yield key


def to_end(ledger: Ledger, found: Mapping[str, Finding], now: datetime) -> Iterator[str]:
    """Causes of which is to be told that they are over."""
    for key, cause in ledger.items():
        if key not in found and now - cause.seen >= OVER_AFTER and cause.may_try(now):
            yield key


def _replaced(cause: Cause, found: Mapping[str, Finding]) -> bool:
    return any(
        one.where == cause.where if cause.where else one.code == cause.code
        for one in found.values()
    )


def _explained(ledger: Ledger, found: Mapping[str, Finding], now: datetime) -> bool:
    """Whether something that is told of anyway kept the night from coming."""
    return any(
        ledger[key].code not in FOLLOWS
        and ledger[key].where in ("", BACKUP.flow, BACKUP.full_name)
        and now - ledger[key].since < SAME_NIGHT
        for key in found
    )


def as_bytes(ledger: Ledger) -> bytes:
    """The ledger as it is written."""
    return _LEDGER.dump_json(dict(ledger))


def from_bytes(data: bytes) -> dict[str, Cause]:
    """A ledger as it was written; ValueError: it is something else."""
    return _LEDGER.validate_json(data)
