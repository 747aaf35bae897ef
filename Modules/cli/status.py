"""``lindero status`` and ``lindero doctor``: whether the nights are well, and the machine too.

Both stand outside Prefect, so that they also say when Prefect itself is not well.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

from cyclopts import App

from Modules.cli.options import Json, OfTrials, say, say_json, say_table, switch
from Modules.settings import load_settings, settings_of_each
from Modules.words.domain import Modo
from Modules.words.errors import PipelineError, SettingsError
from Modules.words.finding import Finding, Report, Severity
from Modules.words.spanish import duration, moment, number

if TYPE_CHECKING:
    from Modules.health.known import Facts

doctor = App(name="doctor", help="Revisa esta máquina: qué está bien, qué no, y qué hacer.")
status = App(name="status", help="Dice si las noches andan bien; termina con 1 si no.")

_SAID: Final = {Severity.FINE: "bien", Severity.WARNING: "aviso", Severity.ERROR: "mal"}


@status.default
def show_status(
    *,
    test: OfTrials = False,
    json_: Json = False,
    metrics: Annotated[bool, switch("Texto de Prometheus, para quien vigila con eso.")] = False,
    todas: Annotated[bool, switch("Cada empresa de LINDERO_EMPRESAS en un renglón.")] = False,
) -> int:
    """Dice si las noches andan bien, qué no, y qué hacer. Termina con 1 si algo anda mal.

    Los avisos no cambian el código de salida. Mira lo publicado, los backups, el lugar libre y la
    plataforma (PostgreSQL, Redis, servidor, planificador y worker), sin pasar por Prefect: sirve
    para una tarea programada que vigile desde afuera.
    """
    from Modules.health.facts import gather
    from Modules.health.rules import judge

    if todas:
        return _show_all(Modo.of(test=test), as_json=json_)
    facts = gather(load_settings(), Modo.of(test=test), datetime.now(UTC))
    report = judge(facts)
    if json_:
        say_json(_as_json(facts, report))
    elif metrics:
        from Modules.health.metrics import exposition

        sys.stdout.write(exposition(facts, report))
    else:
        _say_facts(facts)
        if not report.findings:
            say("Todo bien.")
        for one in report.findings:
            say(f"{_SAID[one.severity].upper()}: {one.what}\n  → {one.todo}")
    return report.exit_code


def _show_all(modo: Modo, *, as_json: bool) -> int:
    """A line a company, the worst first; the exit code of the worst."""
    names = ("empresa", "última noche buena", "veredicto", "qué", "qué hacer")
    seen = sorted(_each(modo), key=lambda one: -one[1])
    rows = [(name, when, _SAID[worst], *said) for name, worst, _, when, *said in seen]
    if as_json:
        say_json([dict(zip(names, row, strict=True)) for row in rows])
    else:
        say_table(names, rows)
        how_many = Counter(row[2] for row in rows)
        say(f"Empresas: {', '.join(f'{n} {said}' for said, n in how_many.items()) or 'ninguna'}.")
    return max((code for _, _, code, *_ in seen), default=0)


def _each(modo: Modo) -> Iterator[tuple[str, Severity, int, str, str, str]]:
    """Name, verdict, exit code, last good night, what and what to do, the one company's first."""
    from Modules.health.facts import gather
    from Modules.health.rules import judge

    own, now = load_settings(), datetime.now(UTC)
    has_own = own.databaler_base_url is not None or own.store_dir(modo).is_dir()
    first = [(own.lindero_company or "(la de siempre)", own)] if has_own else []
    for name, settings in (*first, *settings_of_each()):
        try:
            if isinstance(settings, SettingsError):
                raise settings
            facts = gather(settings, modo, now)
        except PipelineError as err:
            yield name, Severity.ERROR, err.exit_code, "", str(err), "Corregir lo que dice"
            continue
        report, last = judge(facts), facts.publicada
        worst = next(iter(report.findings), Finding("", Severity.FINE))
        when = "nunca" if last is None else moment(last.cuando, facts.zone)
        yield name, worst.severity, report.exit_code, when, worst.what, worst.todo


@doctor.default
def show_doctor(
    *,
    portal: Annotated[bool, switch("Le pide también al portal una página de cada lista.")] = False,
    test: OfTrials = False,
    json_: Json = False,
) -> int:
    """Revisa ajustes, secretos, carpetas, enlaces, espacio y servidor; termina con 1 si algo falla.

    Los avisos no cambian el código de salida. De un secreto dice el nombre, nunca el valor.
    """
    from Modules.health.doctor import examine

    report = examine(load_settings(), Modo.of(test=test), datetime.now(UTC), portal=portal)
    rows = [
        {
            "que": one.what,
            "estado": _SAID[one.severity],
            "detalle": one.notes[0],
            "que_hacer": one.todo,
        }
        for one in report.findings
    ]
    if json_:
        say_json(rows)
    else:
        say_table(("qué", "estado", "detalle", "qué hacer"), (row.values() for row in rows))
    return report.exit_code


def _say_facts(facts: Facts) -> None:
    from Modules.health.rules import PARTES

    last = facts.publicada
    if last is not None:
        age = duration(max(facts.ahora - last.cuando, timedelta()))
        when = f"la noche del {moment(last.cuando, facts.zone)} (hace {age})"
        say(f"Publicado: {when}, campaña {last.campania}, {last.snapshot}")
    by_time = sorted(facts.corridas, key=lambda run: run.esperada)
    for run in {run.flujo: run for run in by_time}.values():  # the newest of each flow
        say(f"Última corrida: {run.flujo}, {moment(run.cuando, facts.zone)}, {run.dicho}")
    if facts.turno is not None:
        say(f"En curso ahora: {facts.turno}")
    for programa in () if facts.servidor is None else facts.servidor.programas:
        if programa.proxima is not None:
            say(f"Próxima corrida: {programa.deployment}, {moment(programa.proxima, facts.zone)}")
    seen = () if facts.plataforma is None else facts.plataforma.partes
    if well := [PARTES[part.nombre][0] for part in seen if part.mal is None]:
        say(f"Andan: {', '.join(well)}")
    for what, free in facts.libres.items():
        say(f"{what}: {number(free / 1024**3, 1)} GB libres")


def _as_json(facts: Facts, report: Report) -> dict[str, Any]:
    return {
        "bien": not report.findings,
        "ahora": facts.ahora,
        "modo": facts.modo.value,
        "hallazgos": [
            {
                "codigo": one.code,
                "nivel": _SAID[one.severity],
                "que": one.what,
                "que_hacer": one.todo,
            }
            for one in report.findings
        ],
        "publicada": None if facts.publicada is None else asdict(facts.publicada),
        "servidor": None if facts.servidor is None else asdict(facts.servidor),
        "plataforma": None if facts.plataforma is None else asdict(facts.plataforma),
        "en_curso": facts.turno,
        "libres_bytes": facts.libres,
    }
