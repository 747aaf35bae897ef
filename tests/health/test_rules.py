"""Rules over facts: what `lindero status` says of a night."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from Modules.health.rules import Facts, Programa, Publicacion, Rechazo, Run, Servidor, judge
from Modules.orchestration.deployments import BACKUP, H3
from Modules.words.domain import Modo
from Modules.words.finding import Report, Severity

AHORA = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)  # nine in the morning there
ZONE = ZoneInfo("America/Argentina/Buenos_Aires")
LIMITE = "Deployment concurrency limit reached."


def hace(hours: float) -> datetime:
    return AHORA - timedelta(hours=hours)


PUBLICADA = Publicacion("2026-11-21T060002Z-000042", "25/26", hace(6), "outputs/x")
PROGRAMA = Programa(
    BACKUP.full_name, "todos los días a las 03:00", desplegado=True, proxima=hace(-18)
)
BUENA = Run(BACKUP.flow, "noche", "COMPLETED", hace(6), hace(6), hace(5.9))
SERVIDOR = Servidor("http://127.0.0.1:4200/api", corridas=(BUENA,), programas=(PROGRAMA,))
BIEN = Facts(AHORA, ZONE, publicada=PUBLICADA, servidor=SERVIDOR)


def con(*corridas: Run, publicada: Publicacion | None = PUBLICADA) -> Facts:
    return replace(BIEN, publicada=publicada, servidor=replace(SERVIDOR, corridas=corridas))


def con_programa(**changes: object) -> Facts:
    programa = replace(PROGRAMA, **changes)
    return replace(BIEN, servidor=replace(SERVIDOR, programas=(programa,)))


def codigos(hechos: Facts) -> list[str]:
    return [one.code for one in judge(hechos).findings]


def mala(estado: str, hours: float, mensaje: str = "", **more: object) -> Run:
    """A run due and begun ``hours`` ago that ended badly six minutes later."""
    run = Run(BACKUP.flow, "mala", estado, hace(hours), hace(hours), hace(hours - 0.1), mensaje)
    return replace(run, **more)


def test_a_good_night_has_nothing_to_say() -> None:
    assert judge(BIEN) == Report(())
    assert judge(BIEN).exit_code == 0


@pytest.mark.parametrize(
    ("hours", "expected"),
    [(0, []), (25.99, []), (26, []), (26.01, ["publicacion_vieja"]), (300, ["publicacion_vieja"])],
)
def test_a_publication_is_old_after_26_hours(hours: float, expected: list[str]) -> None:
    assert codigos(replace(BIEN, publicada=replace(PUBLICADA, cuando=hace(hours)))) == expected


@pytest.mark.parametrize(
    ("changes", "expected", "wakes"),
    [
        ({"publicada": None}, ["nunca_publicado"], 1),
        ({"publicada": None, "destino_error": "outputs is a link"}, ["destino_inalcanzable"], 1),
        ({"publicada": replace(PUBLICADA, cuando=hace(-1))}, ["reloj"], 1),
        ({"publicada": replace(PUBLICADA, intacta=False)}, ["publicacion_cambiada"], 0),
        ({"cortadas": ("outputs/cultivos",)}, ["publicacion_cortada"], 0),
        ({"rechazos": (Rechazo("2026-…-43", "25/26", hace(6)),)}, ["noche_rechazada"], 1),
        ({"servidor": None}, ["sin_servidor"], 0),
        ({"servidor": Servidor("http://x", error="no responde")}, ["servidor"], 1),
    ],
)
def test_what_is_wrong_is_said_once_and_wakes_a_watcher_unless_it_heals_by_itself(
    changes: dict[str, object], expected: list[str], wakes: int
) -> None:
    hechos = replace(BIEN, **changes)
    assert codigos(hechos) == expected
    assert judge(hechos).exit_code == wakes
    assert all(one.what and one.todo for one in judge(hechos).findings)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"proxima": None}, ["sin_programa"]),
        ({"desplegado": False, "proxima": None}, ["sin_programa"]),
        ({"en_pausa": True, "proxima": None}, ["sin_programa"]),
        ({"atrasadas": (hace(0.2),)}, []),  # the worker is about to take it
        ({"atrasadas": (hace(1), hace(25))}, ["atrasada"]),
    ],
)
def test_the_backup_must_have_a_run_to_come(
    changes: dict[str, object], expected: list[str]
) -> None:
    assert codigos(con_programa(**changes)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"proxima": None}, ["sin_programa"]),
        ({"desplegado": False, "proxima": None}, []),
        ({"en_pausa": True, "proxima": None}, []),
    ],
)
def test_the_others_only_where_they_are_deployed_and_wanted(
    changes: dict[str, object], expected: list[str]
) -> None:
    assert codigos(con_programa(deployment=H3.full_name, **changes)) == expected


def test_a_trial_has_no_schedule_and_needs_no_server() -> None:
    trial = replace(con_programa(proxima=None), modo=Modo.TEST)
    assert codigos(trial) == []
    assert codigos(replace(trial, servidor=None)) == []
    assert "--test" in judge(replace(trial, publicada=None)).findings[0].todo


@pytest.mark.parametrize(
    ("estado", "codigo"),
    [("FAILED", "fallida"), ("CRASHED", "cortada"), ("CANCELLED", "cancelada")],
)
def test_a_bad_last_run_is_said_until_a_good_one_that_was_due_later(
    estado: str, codigo: str
) -> None:
    bad = mala(estado, 6)
    older = replace(PUBLICADA, cuando=hace(25))
    assert codigos(con(bad, publicada=older)) == [codigo]
    before = replace(BUENA, esperada=hace(30), inicio=hace(30), fin=hace(29.9))
    assert codigos(con(bad, before, publicada=older)) == [codigo]
    after = replace(BUENA, esperada=hace(2), inicio=hace(2), fin=hace(1.9))
    assert codigos(con(after, bad, before, publicada=older)) == []


def test_several_bad_runs_in_a_row_are_one_finding() -> None:
    (found,) = judge(con(mala("FAILED", 6), mala("CRASHED", 5), publicada=PUBLICADA)).findings
    assert found.code == "cortada"
    assert "van 2" in found.what


def test_the_message_of_the_run_is_said_and_short() -> None:
    (found,) = judge(con(mala("FAILED", 2, "Se vació\n\nel campo " + "x" * 900))).findings
    assert "Se vació el campo" in found.what
    assert len(found.what) < 500


def test_a_bad_product_run_is_not_cleared_by_a_publication_of_the_backup() -> None:
    bad = replace(mala("FAILED", 8), flujo=H3.flow)
    assert codigos(con(bad)) == ["fallida"]


def test_a_night_published_outside_the_server_clears_a_bad_run() -> None:
    assert codigos(con(mala("FAILED", 8))) == []  # PUBLICADA is of six hours ago


def test_what_a_failed_run_itself_published_does_not_clear_it() -> None:
    """The backup was published, then a product could not be made: the run failed."""
    bad = mala("FAILED", 6.05)  # it was at work when the snapshot was kept
    assert codigos(con(bad)) == ["fallida"]


def test_a_person_who_accepts_what_was_refused_clears_it() -> None:
    bad = mala("FAILED", 6.05)
    accepted = replace(PUBLICADA, aceptada_a_mano=hace(1))
    assert codigos(con(bad, publicada=accepted)) == []
    too_early = replace(PUBLICADA, aceptada_a_mano=hace(7))
    assert codigos(con(bad, publicada=too_early)) == ["fallida"]
    another = replace(accepted, cuando=hace(20))  # not the night of this run
    assert codigos(con(bad, publicada=another)) == ["fallida"]


# --- two starts at once --------------------------------------------------------------------------

PRIMERA = Run(BACKUP.flow, "primera", "RUNNING", hace(1), hace(0.99))
SEGUNDA = Run(BACKUP.flow, "segunda", "CANCELLED", hace(0.9), None, hace(0.89), LIMITE)
TERMINADA = replace(PRIMERA, estado="COMPLETED", fin=hace(0.5))


@pytest.mark.parametrize(
    ("primera", "said"),
    [
        (PRIMERA, "sigue en curso"),
        (replace(PRIMERA, estado="PENDING", inicio=None), "sigue en curso"),
        (TERMINADA, "que terminó"),
        # both were due in the same instant, and the first began after the second was cancelled
        (replace(TERMINADA, esperada=hace(0.9), inicio=hace(0.88)), "que terminó"),
    ],
)
def test_two_starts_at_once_are_a_warning_that_names_the_other(primera: Run, said: str) -> None:
    hechos = con(SEGUNDA, primera, BUENA)
    (found,) = judge(hechos).findings
    assert (found.code, found.severity) == ("cancelada_por_otra", Severity.WARNING)
    assert "segunda" in found.what
    assert "primera" in found.what
    assert said in found.what
    assert judge(hechos).exit_code == 0


def test_the_publication_of_the_first_does_not_silence_the_second() -> None:
    published = replace(PUBLICADA, cuando=hace(0.6))  # by the first, after the second was cancelled
    assert codigos(con(SEGUNDA, TERMINADA, publicada=published)) == ["cancelada_por_otra"]


def test_the_next_good_night_clears_two_starts() -> None:
    later = replace(BUENA, esperada=hace(0.2), inicio=hace(0.2), fin=hace(0.1))
    assert codigos(con(later, SEGUNDA, TERMINADA)) == []


def test_when_the_first_failed_both_are_said() -> None:
    failed = replace(TERMINADA, estado="FAILED")
    assert codigos(con(SEGUNDA, failed)) == ["fallida", "cancelada_por_otra"]


def test_a_pile_of_late_runs_after_an_outage_is_one_warning() -> None:
    first = replace(PRIMERA, esperada=hace(73))
    pile = [replace(SEGUNDA, nombre=f"tarde-{n}", esperada=hace(25 + 24 * n)) for n in range(3)]
    (found,) = judge(con(*pile, first)).findings
    assert found.code == "cancelada_por_otra"
    assert "y 2 más" in found.what


def test_cancelled_by_the_limit_with_nothing_else_at_work_is_a_fault() -> None:
    """A dead run kept the place: every later night would be cancelled."""
    (found,) = judge(con(SEGUNDA, BUENA)).findings
    assert (found.code, found.severity) == ("cancelada", Severity.ERROR)
    assert "worker" in found.todo


def test_a_run_that_was_skipped_because_it_was_late_is_said() -> None:
    skipped = mala("CANCELLED", 2, "No corrió: llegó tarde.")
    (found,) = judge(con(skipped)).findings
    assert found.code == "cancelada"
    assert "llegó tarde" in found.what


@pytest.mark.parametrize(("hours", "expected"), [(2.9, []), (3.1, ["colgada"])])
def test_a_run_that_never_ends_is_said(hours: float, expected: list[str]) -> None:
    pending = Run(BACKUP.flow, "esperando", "PENDING", hace(hours))
    running = Run(BACKUP.flow, "corriendo", "RUNNING", hace(hours + 5), hace(hours))
    assert codigos(con(pending, BUENA)) == expected
    assert codigos(con(running, BUENA)) == expected
    assert judge(con(running, BUENA)).exit_code == len(expected), "nothing else would wake anybody"


def test_a_run_in_order_says_nothing() -> None:
    assert codigos(con(PRIMERA, BUENA)) == []


def test_the_worst_comes_first() -> None:
    hechos = replace(
        BIEN, publicada=replace(PUBLICADA, intacta=False), servidor=Servidor("x", error="cayó")
    )
    assert codigos(hechos) == ["servidor", "publicacion_cambiada"]
