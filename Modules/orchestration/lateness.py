"""The late-run rule: whether a nightly run begins so late that people are already at work.

A worker that was down at 03:00 starts the night's run when it is back, perhaps at ten in the
morning, while people have the published files open. Prefect has no rule for that.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from Modules.words.spanish import moment


def tardanza(
    programada: datetime,  # both moments carry a time zone
    empieza: datetime,
    *,
    automatica: bool,  # made by the schedule
    intento: int = 1,  # from the second on, somebody asked for it again
    late_after: time,
    zone: ZoneInfo,
) -> str | None:
    """That a run is late, in Spanish: it begins after the first ``late_after`` after its hour.

    So a run due at 03:00 is late after 07:00 of that day, one due at 23:30 or at 08:00 after 07:00
    of the next. A run by hand never is, nor one that is tried again.

    Args:
        late_after: local time of day in ``zone``.

    Returns:
        When it was due and when it began; None if the run is not late.
    """
    limite = first_after(programada, late_after, zone)
    if not automatica or intento > 1 or empieza.timestamp() <= limite.timestamp():  # clocks shift
        return None
    return (
        f"Estaba programada para el {moment(programada, zone)} y recién empezó el "
        f"{moment(empieza, zone)}, después del límite de las {limite:%H:%M}."
    )


def first_after(instant: datetime, hour: time, zone: ZoneInfo) -> datetime:
    """The first time after an instant at which the clocks of ``zone`` show this hour."""
    there = instant.astimezone(zone)
    today = datetime.combine(there, hour, zone)
    return today if there < today else datetime.combine(there + timedelta(days=1), hour, zone)
