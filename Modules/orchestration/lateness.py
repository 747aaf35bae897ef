"""The late-run rule: whether a nightly run begins so late that people are already at work.

A worker that was down at 03:00 starts the night's run when it is back, perhaps at ten in the
morning, while people have the published files open. Prefect has no rule for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Tardanza:
    """A run that began late, in local time."""

    programada: datetime
    empieza: datetime
    limite: datetime

    @property
    def mensaje(self) -> str:
        """What happened, in Spanish: when it was due, and when it began."""
        return (
            f"Estaba programada para el {_local(self.programada)} y recién empezó el "
            f"{_local(self.empieza)}, después del límite de las {self.limite:%H:%M}."
        )


def tardanza(
    programada: datetime,  # both moments carry a time zone
    empieza: datetime,
    *,
    automatica: bool,  # made by the schedule
    intento: int = 1,  # from the second on, somebody asked for it again
    late_after: time,
    zone: ZoneInfo,
) -> Tardanza | None:
    """Whether a run is late: it begins after the first ``late_after`` that follows its hour.

    So a run due at 03:00 is late after 07:00 of that day, one due at 23:30 or at 08:00 after 07:00
    of the next. A run by hand never is, nor one that is tried again.

    Args:
        late_after: local time of day in ``zone``.

    Returns:
        The delay, or None if the run is not late.
    """
    if not automatica or intento > 1:
        return None
    limite = first_after(programada, late_after, zone)
    if empieza.astimezone(UTC) <= limite.astimezone(UTC):  # not by the wall: clocks shift
        return None
    return Tardanza(programada.astimezone(zone), empieza.astimezone(zone), limite)


def first_after(moment: datetime, hour: time, zone: ZoneInfo) -> datetime:
    """The first time after a moment at which the clocks of ``zone`` show this hour."""
    there = moment.astimezone(zone)
    today = datetime.combine(there, hour, zone)
    return today if there < today else datetime.combine(there + timedelta(days=1), hour, zone)


def mensaje_de_salteada(demora: Tardanza) -> str:
    """What the state of a skipped run says, in Spanish."""
    return (
        f"No corrió: llegó tarde. {demora.mensaje} No se publicó nada: los archivos quedaron como "
        "estaban. Qué hacer: correrla a mano, o poner LINDERO_LATE_RUNS=run para que corra igual."
    )


def _local(moment: datetime) -> str:
    return f"{moment:%d/%m/%Y} a las {moment:%H:%M}"
