"""Which campaña a run is of: as people ask for it, and as the portal lists it. Pure.

A person names one campaña ("25/26"), several ("25/26,26/27"), or ``actual``: the one that the
portal says is on. Days are local calendar days, and a campaña's last day is part of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from Modules.words.domain import Campania
from Modules.words.finding import Finding, Severity
from Modules.words.spanish import day

ACTUAL: Final = "actual"
TERMINADA: Final = "campania_terminada"  # code of the finding


def read_campanias(text: str) -> tuple[Campania, ...]:
    """The campañas that a person names, in that order; none at all for ``actual``.

    Raises:
        SettingsError: a part is no campaña.
    """
    if text.strip().casefold() == ACTUAL:
        return ()
    return tuple(dict.fromkeys(Campania.parse(part) for part in text.split(",")))


def write_campanias(asked: Sequence[Campania]) -> str:
    """What ``read_campanias`` reads."""
    return ",".join(map(str, asked)) or ACTUAL


@dataclass(frozen=True, slots=True)
class Anunciada:
    """A campaña as the portal lists it; None for what it does not say."""

    campania: Campania
    desde: date | None = None
    hasta: date | None = None
    activa: bool | None = None

    def ended(self, hoy: date) -> bool:
        """Whether its last day has passed; without one, whether the portal says it is off."""
        return self.activa is False if self.hasta is None else self.hasta < hoy


def current(listed: Sequence[Anunciada], hoy: date) -> Campania | None:
    """The campaña that is on: of those marked ``activa``, else of those not marked off.

    Of several the newest that holds this day; None where the list does not tell.
    """
    on = [one for one in listed if one.activa] or [one for one in listed if one.activa is None]
    held = [one for one in on if one.desde and one.hasta and one.desde <= hoy <= one.hasta]
    held = held or (on if len(on) == 1 else [])
    return max((one.campania for one in held), default=None)


def over(
    campania: Campania, asked: Sequence[Campania], listed: Sequence[Anunciada], hoy: date
) -> Finding | None:
    """A warning where a night is of a campaña that ended, while nobody asks for the one that is on.

    ``asked`` are all campañas of the run: two at a time, while one begins, is no mistake.
    """
    on = current(listed, hoy)
    mine = next((one for one in listed if one.campania == campania), None)
    if mine is None or not mine.ended(hoy) or on is None or on in asked:
        return None
    when = "" if mine.hasta is None else f" el {day(mine.hasta)}"
    return Finding(
        "la campaña terminó",
        Severity.WARNING,
        todo=f"Poner LINDERO_CAMPANIA={on} (o {ACTUAL}) en .env; si hay una campaña escrita en la "
        "página de Prefect, borrarla o cambiarla ahí.",
        code=TERMINADA,
        notes=(f"la {campania} terminó{when} y el portal tiene activa la {on}, que nadie trae",),
        figures={"actual": str(on)},
    )
