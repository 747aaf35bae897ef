"""What ``lindero status`` knows as Prometheus reads it. Pure.

Moments are seconds since 1970, sizes bytes; a label is a name of ours, a part or a code of a
finding, and a metric without a value is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from Modules.health.known import Facts
from Modules.words.exposition import Family, Sample, exposed
from Modules.words.finding import Report


def exposition(facts: Facts, report: Report) -> str:
    """Every metric with its HELP and TYPE, for one mode."""
    return exposed(_families(facts, report), {"modo": facts.modo.value})


def _families(facts: Facts, report: Report) -> Iterator[Family]:
    last, seen = facts.publicada, facts.plataforma
    parts = () if seen is None else seen.partes
    programas = () if facts.servidor is None else facts.servidor.programas
    newest = {run.flujo: run for run in sorted(facts.corridas, key=lambda one: one.esperada)}
    count: dict[str, int] = {}
    for one in report.findings:
        count[one.code] = count.get(one.code, 0) + 1
    levels = {one.code: "error" if one.is_error else "warning" for one in report.findings}

    sign = "lindero_part_last_sign_timestamp_seconds"
    note = "lindero_watch_last_round_timestamp_seconds"
    night = "lindero_published_night_timestamp_seconds"
    found = [({"code": code, "severity": levels[code]}, many) for code, many in count.items()]
    signs = _times(({"part": one.nombre}, one.senal) for one in parts)
    noted = _times([({}, None if seen is None else seen.ronda or seen.nota)])
    kept = _times([({}, None if last is None else last.cuando)])
    ran = _times(({"flow": one.flujo, "state": one.estado}, one.cuando) for one in newest.values())
    due = _times(({"deployment": one.deployment}, one.proxima) for one in programas)
    free = [({"place": what}, float(size)) for what, size in facts.libres.items()]
    up = [({"part": one.nombre}, float(one.mal is None)) for one in parts]
    yield "lindero_ok", "1 si lindero status no encuentra errores.", [({}, float(report.passed))]
    yield "lindero_finding", "Lo que encuentra status, por código y gravedad.", found
    yield "lindero_part_up", "1 si esa parte de la plataforma anda.", up
    yield sign, "Última señal de vida de una parte.", signs
    yield note, "Última ronda del vigía.", noted
    yield night, "Cuándo se guardó la última noche publicada.", kept
    yield "lindero_last_run_timestamp_seconds", "Cuándo llegó a su estado la última corrida.", ran
    yield "lindero_next_run_timestamp_seconds", "Próxima corrida de un despliegue.", due
    yield "lindero_free_bytes", "Espacio libre, según para qué es.", free


def _times(moments: Iterable[tuple[Mapping[str, str], datetime | None]]) -> list[Sample]:
    return [(labels, when.timestamp()) for labels, when in moments if when is not None]
