"""Rules over facts: what `lindero status` says of a night."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from Modules.health.known import Facts, Programa, Publicacion, Rechazo, Run, Servidor
from Modules.health.platform import NOTE_HOLDS, Part, Platform
from Modules.health.rules import SETTLING, judge
from Modules.orchestration.dead_runs import MURIO, WORKER_REINICIADO
from Modules.orchestration.deployments import BACKUP, H3, WORK_POOL
from Modules.words.domain import Modo
from Modules.words.finding import Report, Severity
from Modules.words.spanish import moment

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
        ({"atrasadas": (hace(0.15),)}, []),  # the worker is about to take it
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


def test_the_second_death_of_a_night_is_another_cause_and_so_is_a_run_by_hand() -> None:
    """What is told once must not keep quiet about what comes after it."""
    night = mala("CRASHED", 1, del_horario=True)
    runs = (
        night,
        replace(night, del_horario=False, otra_vez=True),
        replace(night, del_horario=False),
    )
    found = [judge(con(run)).findings for run in runs]
    assert [one.code for findings in found for one in findings] == ["cortada"] * 3
    assert len({one.item for findings in found for one in findings}) == 3


def test_several_bad_runs_in_a_row_are_one_finding() -> None:
    (found,) = judge(con(mala("FAILED", 6), mala("CRASHED", 5), publicada=PUBLICADA)).findings
    assert found.code == "cortada"
    assert "van 2" in found.what


def test_the_message_of_the_run_is_said_and_short() -> None:
    (found,) = judge(con(mala("FAILED", 2, "Se vació\n\nel campo " + "x" * 900))).findings
    assert "Se vació el campo" in found.what
    assert len(found.what) < 500


@pytest.mark.parametrize(
    ("estado", "message", "said"),
    [
        (
            "CRASHED",
            "Process exited with status code: -9. Process was terminated by SIGKILL",
            "Alguien mató su proceso, o el sistema porque faltaba memoria.",
        ),
        ("CRASHED", "Flow run infrastructure exited with non-zero status code 137.", "memoria."),
        ("CRASHED", "Execution was aborted by a termination signal.", "Su proceso murió, o no "),
        ("CRASHED", MURIO, MURIO),
        ("CRASHED", WORKER_REINICIADO, WORKER_REINICIADO),
        (
            "FAILED",
            "Flow run encountered an exception: KeyError: 'x of a process'",
            "Por una falla inesperada (KeyError); dice más el registro del worker: lindero stack",
        ),
        ("FAILED", "Flow run encountered an exception: a.b.Bad: status", "inesperada (Bad)"),
        (
            "FAILED",
            "Validation of flow parameters failed with error: ParameterTypeError: Flow run got",
            "inesperada (ParameterTypeError)",
        ),
        ("CANCELLED", "Flow run was cancelled successfully.", "."),
        ("CANCELLED", LIMITE, "Su lugar estaba ocupado."),
    ],
)
def test_what_prefect_says_in_english_is_told_in_spanish(
    estado: str, message: str, said: str
) -> None:
    (found,) = judge(con(mala(estado, 2, message))).findings
    _, _, told = found.what.partition(f"el {moment(hace(1.9), ZONE)}")
    assert said in told
    english = (
        "rocess",
        "status",
        "Flow run",
        "Execution",
        "cancelled",
        "limit",
        "worker restarted",
    )
    assert not [word for word in english if word in told.replace("proceso", "")]


@pytest.mark.parametrize(
    ("estado", "vive", "said"),
    [
        ("RUNNING", None, "en curso"),
        ("RUNNING", False, "murió"),
        ("PENDING", False, "murió"),
        ("CRASHED", True, "en curso"),
        ("CRASHED", False, "se cortó"),
        ("COMPLETED", False, "terminó bien"),
        ("CANCELLING", True, "se está cancelando"),
    ],
)
def test_a_state_is_said_as_the_kernel_knows_it(estado: str, vive: bool | None, said: str) -> None:
    assert mala(estado, 2, vive=vive).dicho == said


def test_what_repairs_is_the_smallest_thing_that_does() -> None:
    """Not ``stack down``, which ends what runs well."""
    for facts in (
        con(SEGUNDA, BUENA),
        con_programa(proxima=None),
        con_programa(atrasadas=(hace(1),)),
    ):
        (found,) = judge(facts).findings
        assert "lindero stack restart " in found.todo
        assert "stack down" not in found.todo


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


# --- the platform --------------------------------------------------------------------------------

NOMBRES = ("postgres", "redis", "services", "pool", "worker", "server")


def con_plataforma(
    *partes: Part,
    nota: datetime | None = AHORA,
    ronda: datetime | None = AHORA,
    modo: Modo = Modo.PROD,
    **more: object,
) -> Facts:
    """All parts well but these."""
    known = {nombre: Part(nombre) for nombre in NOMBRES} | {one.nombre: one for one in partes}
    plataforma = Platform(AHORA, tuple(known.values()), nota, ronda)
    return replace(BIEN, plataforma=plataforma, modo=modo, **more)


def test_a_platform_at_work_says_nothing() -> None:
    assert codigos(con_plataforma()) == []


@pytest.mark.parametrize("nombre", [one for one in NOMBRES if one != "server"])
def test_each_part_that_does_not_work_is_an_error_that_says_what_is_lost(nombre: str) -> None:
    (found,) = judge(con_plataforma(Part(nombre, "no responde"))).findings
    assert (found.code, found.is_error) == (f"plataforma_{nombre}", True)
    assert "no responde" in found.what
    assert "ninguna corrida" in found.what or "no quedan agendadas" in found.what
    assert found.todo


def test_a_dead_store_is_one_cause_and_not_one_for_each_that_needs_it() -> None:
    caido = Servidor("http://x", error="contesta 503")
    hechos = con_plataforma(
        *(Part("postgres", "no responde"), Part("server", "contesta 503")),
        *(Part("services", "lleva 200 s sin pasar"), Part("worker", "no da señales")),
        servidor=caido,
    )
    assert codigos(hechos) == ["plataforma_postgres"]
    server_only = con_plataforma(Part("server", "no responde"), servidor=caido)
    assert codigos(server_only) == ["servidor"]


def test_who_hangs_or_died_is_not_said_of_who_watches() -> None:
    """The round is of who watches, the note of the companion of services: each its own words."""
    late = AHORA - NOTE_HOLDS - timedelta(seconds=1)
    said = [
        judge(con_plataforma(nota=nota, ronda=ronda)).findings
        for nota, ronda in ((AHORA, AHORA), (AHORA, late), (late, AHORA), (late, late))
    ]
    assert [[one.code for one in found] for found in said] == [[], *[["sin_vigia"]] * 3]
    begun = [found[0].what.partition(" desde ")[0] for found in said[1:]]
    nobody = "Nadie vigila las noches"
    assert begun == [nobody, "El vigía de services no mira", nobody]


def test_nobody_is_told_to_begin_a_night_that_waits_to_be_done_again() -> None:
    hechos = con(mala("CRASHED", 1, del_horario=True))
    (now,) = judge(hechos).findings
    servidor = hechos.servidor
    assert servidor is not None
    waits = tuple(replace(one, otra_vez=True) for one in servidor.programas)
    (later,) = judge(replace(hechos, servidor=replace(servidor, programas=waits))).findings
    assert "lindero run backup" in now.todo
    assert "lindero run backup" not in later.todo


def test_what_needs_a_store_may_take_two_minutes_to_come_back_with_it() -> None:
    """After an outage a healthy worker looks again within a minute: that is no alarm."""
    gone = Part("worker", "no da señales", senal=hace(0.1))
    back = Part("redis", desde=AHORA - SETTLING + timedelta(seconds=1))
    (found,) = judge(con_plataforma(gone, back)).findings
    assert (found.code, found.is_warning) == ("plataforma_worker", True)
    long_ago = replace(back, desde=AHORA - SETTLING)
    assert judge(con_plataforma(gone, long_ago)).exit_code == 1


def test_a_watch_that_fell_silent_is_an_error_and_one_that_never_was_a_warning() -> None:
    assert codigos(con_plataforma(nota=AHORA - NOTE_HOLDS)) == []
    (found,) = judge(con_plataforma(nota=AHORA - NOTE_HOLDS - timedelta(seconds=1))).findings
    assert (found.code, found.is_error) == ("sin_vigia", True)
    assert codigos(con_plataforma(nota=None)) == []  # it is seen from here
    blind = Platform(AHORA, (Part("server"), Part("worker")))
    (found,) = judge(replace(BIEN, plataforma=blind)).findings
    assert (found.code, found.is_warning) == ("sin_vigia", True)
    assert codigos(replace(BIEN, plataforma=blind, modo=Modo.TEST, publicada=PUBLICADA)) == []


def test_a_run_is_not_late_yet_where_the_worker_has_only_just_come_back() -> None:
    late = replace(SERVIDOR, programas=(replace(PROGRAMA, atrasadas=(hace(3),)),))
    just = Part("worker", desde=AHORA - timedelta(minutes=2))
    assert codigos(con_plataforma(just, servidor=late)) == []
    long_ago = Part("worker", desde=AHORA - timedelta(minutes=11))
    (found,) = judge(con_plataforma(long_ago, servidor=late)).findings
    assert found.code == "atrasada"
    assert "El worker anda y no la toma" in found.todo
    dead = con_plataforma(Part("worker", "no da señales"), servidor=late)
    assert codigos(dead) == ["plataforma_worker", "atrasada"]
    assert "lindero stack up" in judge(dead).findings[1].todo


@pytest.mark.parametrize(
    ("pool", "queue", "what"),
    [
        (None, f"default del pool {WORK_POOL}", f"a la cola default del pool {WORK_POOL}"),
        ("está en pausa", "", f"al pool {WORK_POOL}"),
        ("está en pausa", f"default del pool {WORK_POOL}", f"al pool {WORK_POOL}"),
    ],
)
def test_what_is_paused_is_named_where_a_run_is_late(
    pool: str | None, queue: str, what: str
) -> None:
    late = replace(PROGRAMA, atrasadas=(hace(1),), cola_en_pausa=queue)
    facts = con_plataforma(Part("pool", pool), servidor=replace(SERVIDOR, programas=(late,)))
    for found in judge(facts).findings:
        assert found.todo == f"Sacarle la pausa {what}, en la interfaz de Prefect"
    assert "atrasada" in codigos(facts)
    worker = Part("worker", "no da señales")
    ill = con_plataforma(worker, servidor=replace(SERVIDOR, programas=(late,)))
    assert "lindero stack up" in judge(ill).findings[-1].todo, "first what takes runs"


def test_a_paused_deployment_is_named() -> None:
    (found,) = judge(con_programa(en_pausa=True, proxima=None)).findings
    assert found.todo == f"Sacarle la pausa a {BACKUP.full_name}, en la interfaz de Prefect"


@pytest.mark.parametrize(
    ("free", "expected", "wakes"),
    [(2 * 1024**3, [], 0), (2 * 1024**3 - 1, ["espacio"], 0), (50 * 1024**2 - 1, ["espacio"], 1)],
)
def test_room_is_told_before_it_is_gone(free: int, expected: list[str], wakes: int) -> None:
    hechos = replace(BIEN, libres={"Espacio para los backups": free})
    assert codigos(hechos) == expected
    assert judge(hechos).exit_code == wakes


# --- the night that must be there by an hour ----------------------------------------------------


def al(local: str, publicada: str | None, zone: ZoneInfo = ZONE, **programa: object) -> Facts:
    """Facts at a local moment, with a night published at another."""

    def moment(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)

    return replace(
        con_programa(proxima=datetime.max.replace(tzinfo=UTC), **programa),
        ahora=moment(local),
        zone=zone,
        noche_para=time(6, 30),
        publicada=None if publicada is None else replace(PUBLICADA, cuando=moment(publicada)),
    )


@pytest.mark.parametrize(
    ("local", "publicada", "expected"),
    [
        ("2026-11-21 06:29", "2026-11-20 03:05", []),  # still has a minute
        ("2026-11-21 06:30", "2026-11-20 03:05", ["sin_noche"]),
        ("2026-11-21 06:30", "2026-11-20 20:00", ["sin_noche"]),  # by hand, the evening before
        ("2026-11-21 06:30", "2026-11-21 03:02", []),
        ("2026-11-21 06:30", "2026-11-21 05:59", []),
        ("2026-11-22 06:29", "2026-11-21 03:02", []),
        ("2026-11-22 06:29", "2026-11-20 03:02", ["sin_noche"]),  # yesterday's never came
        ("2026-11-21 10:00", None, ["nunca_publicado", "sin_noche"]),
    ],
)
def test_a_night_must_be_there_by_its_hour(
    local: str, publicada: str | None, expected: list[str]
) -> None:
    assert codigos(al(local, publicada)) == expected


def test_the_hour_of_the_night_follows_the_clocks_of_its_own_day() -> None:
    """In Santiago the clocks jumped from 00:00 to 01:00 on 2026-09-06."""
    santiago = ZoneInfo("America/Santiago")
    before, after = al("2026-09-05 06:30", None, santiago), al("2026-09-06 06:30", None, santiago)
    assert (after.ahora - before.ahora) == timedelta(hours=23)
    for hechos in (before, after):
        assert "sin_noche" in codigos(hechos)
        a_minute_ago = replace(hechos, ahora=hechos.ahora - timedelta(minutes=1))
        due = a_minute_ago.ahora - timedelta(hours=24)
        assert codigos(replace(a_minute_ago, publicada=replace(PUBLICADA, cuando=due))) == []


def test_no_night_is_missed_that_nobody_wants_or_that_was_not_due_yet() -> None:
    missed = ("2026-11-21 10:00", "2026-11-20 09:00")
    assert codigos(al(*missed)) == ["sin_noche"]
    assert codigos(al(*missed, en_pausa=True)) == ["sin_programa"]
    assert codigos(al(*missed, desde=datetime(2026, 11, 21, 12, tzinfo=UTC))) == []
    assert codigos(replace(al(*missed), noche_para=None)) == []
    assert codigos(replace(al(*missed), servidor=None)) == ["sin_servidor"]
    assert codigos(replace(al(*missed), modo=Modo.TEST)) == []


def test_a_night_that_is_missed_while_the_server_is_silent_is_said_too() -> None:
    hechos = replace(
        al("2026-11-21 10:00", "2026-11-20 09:00"), servidor=Servidor("x", error="cayó")
    )
    assert codigos(hechos) == ["sin_noche", "servidor"]


def test_a_night_that_is_still_on_is_waited_for() -> None:
    on = Run(BACKUP.flow, "noche-1", "RUNNING", AHORA, AHORA - timedelta(hours=1))
    hechos = al("2026-11-21 06:40", "2026-11-20 03:05")
    hechos = replace(hechos, servidor=replace(hechos.servidor, corridas=(on,)))
    (found,) = judge(hechos).findings
    assert found.code == "sin_noche"
    assert "en curso, noche-1: esperar" in found.todo


# --- the kernel knows who lives ------------------------------------------------------------------


def test_a_run_that_prefect_calls_crashed_and_that_lives_is_no_fault() -> None:
    lives = mala("CRASHED", 1, vive=True)
    (found,) = judge(con(lives)).findings
    assert (found.code, found.is_warning) == ("sigue_viva", True)
    assert "su proceso sigue" in found.what
    assert codigos(con(replace(lives, vive=False))) == ["cortada"]


def test_a_run_that_prefect_calls_running_and_that_died_is_a_fault() -> None:
    dead = replace(PRIMERA, vive=False)
    (found,) = judge(con(dead)).findings
    assert (found.code, found.is_error) == ("muerta", True)
    assert codigos(con(replace(dead, vive=True))) == []


def test_the_place_is_held_by_a_run_of_the_same_deployment_whatever_its_mode() -> None:
    mine = replace(SEGUNDA, despliegue="a")
    trial = replace(PRIMERA, nombre="una-prueba", despliegue="a", prueba=True)
    (found,) = judge(con(mine, trial)).findings
    assert found.code == "cancelada_por_otra"
    assert "una-prueba, que sigue en curso" in found.what
    by_hand = replace(trial, despliegue=None, prueba=False)  # holds no place of the deployment
    assert codigos(con(mine, by_hand)) == ["cancelada"]
    dead = replace(trial, vive=False)
    assert "murió, y por unos minutos más tiene el lugar" in judge(con(mine, dead)).findings[0].what


def test_who_holds_the_turn_is_waited_for_and_no_worker_restarted() -> None:
    (found,) = judge(replace(con(SEGUNDA, BUENA), turno="pid 7 de ana en casa")).findings
    assert "pid 7 de ana en casa" in found.todo
    assert "worker" not in found.todo
