"""``lindero status`` and ``lindero doctor``: whether the nights are well, and the machine too.

Both stand outside Prefect, so that they also say when Prefect itself is not well.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from Modules.cli.options import Json, OfTrials, say, say_json, say_table
from Modules.settings import load_settings
from Modules.words.domain import Modo

if TYPE_CHECKING:
    from Modules.health.rules import Hallazgo, Hechos

doctor = App(name="doctor", help="Revisa esta máquina: qué está bien, qué no, y qué hacer.")
status = App(name="status", help="Dice si las noches andan bien; termina con 1 si no.")


@status.default
def show_status(*, test: OfTrials = False, json_: Json = False) -> int:
    """Dice si las noches andan bien, qué no, y qué hacer. Termina con 1 si hay algo que decir.

    Mira lo publicado, los backups y el servidor de Prefect, sin pasar por Prefect: sirve para una
    tarea programada que vigile desde afuera.
    """
    from Modules.health.facts import gather
    from Modules.health.rules import exit_code, revisar

    hechos = gather(load_settings(), Modo.of(test=test), datetime.now(UTC))
    hallazgos = revisar(hechos)
    if json_:
        say_json(_as_json(hechos, hallazgos))
    else:
        _say_facts(hechos)
        _say_findings(hallazgos)
    return exit_code(hallazgos)


@doctor.default
def show_doctor(
    *,
    portal: Annotated[
        bool, Parameter(negative="", help="Le pide también al portal una página de cada lista.")
    ] = False,
    test: OfTrials = False,
    json_: Json = False,
) -> int:
    """Revisa ajustes, secretos, carpetas, enlaces, espacio y servidor; termina con 1 si algo falla.

    Los avisos no cambian el código de salida. De un secreto dice el nombre, nunca el valor.
    """
    from Modules.health.doctor import examine
    from Modules.health.rows import exit_code

    modo = Modo.of(test=test)
    rows = examine(load_settings(), modo, datetime.now(UTC), portal=portal)
    plain = [
        {"qué": one.que, "estado": one.estado, "detalle": one.detalle, "qué hacer": one.que_hacer}
        for one in rows
    ]
    if json_:
        say_json([asdict(one) for one in rows])
    else:
        say_table(("qué", "estado", "detalle", "qué hacer"), plain)
    return exit_code(rows)


def _say_facts(hechos: Hechos) -> None:
    from Modules.health.rules import edad
    from Modules.words.spanish import moment

    last = hechos.publicada
    if last is not None:
        age = edad(max(hechos.ahora - last.cuando, hechos.ahora - hechos.ahora))
        when = moment(last.cuando, hechos.zone)
        say(
            f"Publicado: la noche del {when} (hace {age}), campaña {last.campania}, {last.snapshot}"
        )
    for run in _newest_runs(hechos):
        say(f"Última corrida: {run.flujo}, {moment(run.cuando, hechos.zone)}, {run.estado}")
    for programa in () if hechos.servidor is None else hechos.servidor.programas:
        if programa.proxima is not None:
            say(f"Próxima corrida: {programa.deployment}, {moment(programa.proxima, hechos.zone)}")


def _newest_runs(hechos: Hechos) -> list[Any]:
    newest = {}
    for run in sorted(hechos.corridas, key=lambda run: run.esperada):
        newest[run.flujo] = run
    return list(newest.values())


def _say_findings(hallazgos: tuple[Hallazgo, ...]) -> None:
    if not hallazgos:
        say("Todo bien.")
        return
    for one in hallazgos:
        say(f"{one.nivel.upper()}: {one.que}\n  → {one.que_hacer}")


def _as_json(hechos: Hechos, hallazgos: tuple[Hallazgo, ...]) -> dict[str, Any]:
    return {
        "bien": not hallazgos,
        "ahora": hechos.ahora.isoformat(timespec="seconds"),
        "modo": hechos.modo.value,
        "hallazgos": [asdict(one) for one in hallazgos],
        "publicada": None if hechos.publicada is None else _plain(asdict(hechos.publicada)),
        "servidor": None if hechos.servidor is None else _plain(asdict(hechos.servidor)),
    }


def _plain(value: Any) -> Any:
    """Facts with every moment as text."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value.isoformat(timespec="seconds") if isinstance(value, datetime) else value
