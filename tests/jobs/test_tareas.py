"""What the summary of a night says of issues in Jira: what is in the ledger, and its age."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from Modules.jobs import backup
from Modules.jobs.backup import Job, Night
from Modules.jobs.portal_access import Access
from Modules.jobs.tareas import tareas_markdown
from Modules.portal.client import PortalConfig
from Modules.portal.profile import DEFAULT_PROFILE
from Modules.store.snapshot import Snapshot
from Modules.store.tareas import NAME, Libro, Tarea, write_tareas
from Modules.words.domain import Portal, Recurso
from tests.night.answered import Items, answered, items

URL = "https://portal.example/base-portal/api/v1"
ACCESS = Access(PortalConfig(URL, DEFAULT_PROFILE), Portal(URL, DEFAULT_PROFILE.identity))
MONDAY = datetime(2026, 3, 2, 6, tzinfo=UTC)
TUESDAY = MONDAY + timedelta(days=1)
LOTE = items()[Recurso.LOTES][0]
ASKED = TUESDAY - timedelta(minutes=30)  # 02:30 in Buenos Aires


def judged(job: Job, night: Items, now: datetime) -> tuple[Night, Snapshot]:
    done = backup.judge_night(job, ACCESS, answered(night).fetched)
    return done, backup.keep(job, done, now)


def task(number: int, mark: str = "", *, closed: datetime | None = None) -> Tarea:
    return Tarea(
        **{"clave": str(number), "tarea": f"CAMPO-{number}", "origen": f"marcador {mark or '?'}"},
        **{"campania": "25/26", "grupo": "g", "url": f"https://x.example/browse/CAMPO-{number}"},
        **{"estado": "Listo" if closed else "En curso", "cerrada": closed, "marcador_id": mark},
        lote_id=LOTE["id"] if mark else "",
        marca="planificado",
    )


def note(job: Job, *tasks: Tarea, visto: datetime | None = ASKED) -> None:
    write_tareas(job.store.root, Libro({one.clave: one for one in tasks}, visto))


def test_the_morning_after_says_what_was_closed_and_which_marks_went(job: Job) -> None:
    before = items()
    gone, done, off, kept, *rest = before[Recurso.MARCADORES]
    judged(job, before, MONDAY)
    marks = [{**done, "estado": "hecho"}, {**off, "estado": "anulado"}]
    marks += [{**kept, "estado": "hecho"}, *rest]
    night, snapshot = judged(job, {**before, Recurso.MARCADORES: marks}, TUESDAY)
    assert night.verdict.accepted
    assert tareas_markdown(job, night, TUESDAY) == "", "without a ledger nothing is said"
    ids = [one["id"] for one in (gone, done, off, kept)]
    note(
        job,
        *(task(number, mark) for number, mark in enumerate(ids[:3], start=1)),
        replace(task(4, kept["id"]), marca="hecho"),  # what was seen there asks for it
        task(5),  # of a row of the plan
        task(6, "long ago", closed=MONDAY - timedelta(hours=1)),
        replace(task(7, kept["id"], closed=ASKED), origen="marcador [x](http://e.example)"),
        replace(task(8, "elsewhere"), campania="26/27"),
    )
    page = backup.outcome(job, night, snapshot, None).markdown
    section = page[page.index("## Tareas") :].split("\n\n")
    campo = next(one for one in before[Recurso.CAMPOS] if one["id"] == LOTE["campo_id"])
    where = f"{campo['nombre']}, lote {LOTE['nombre']}"
    assert section[1:6] == [
        "5 abiertas de 7, según Jira el 03/03/2026 02:30.",
        "Cerradas desde la última noche:",
        f"- [CAMPO-7](https://x.example/browse/CAMPO-7) · {where} · "
        "marcador \\[x\\](http://e.example): Listo",
        "Abiertas, pero su marcador ya no las pide:",
        "\n".join(
            f"- [CAMPO-{n}](https://x.example/browse/CAMPO-{n}) · {where} · marcador {mark}: {why}"
            for n, mark, why in zip(
                (1, 2, 3),
                ids,
                ("el marcador ya no está", "está hecho", "está anulado"),
                strict=False,
            )
        ),
    ]


def test_of_a_refused_night_no_mark_is_called_gone(job: Job) -> None:
    judged(job, items(), MONDAY)
    night, _ = judged(job, {**items(), Recurso.MARCADORES: [], Recurso.LOTES: []}, TUESDAY)
    assert not night.verdict.accepted
    note(job, task(1, items()[Recurso.MARCADORES][0]["id"]))
    page = tareas_markdown(job, night, TUESDAY)
    assert "1 abierta de 1" in page
    assert "ya no" not in page


@pytest.mark.parametrize(
    ("visto", "said"),
    [
        (ASKED, ""),
        (ASKED - timedelta(days=1), "lo último que se sabe de Jira es de hace 24 horas"),
        (TUESDAY - timedelta(hours=50), "lo último que se sabe de Jira es de hace 2 días"),
        (None, "1 abierta de 1, sin mirar Jira aún"),
    ],
)
def test_what_is_known_of_jira_has_an_age(job: Job, visto: datetime | None, said: str) -> None:
    night, _ = judged(job, items(), TUESDAY)
    note(job, task(1), visto=visto)
    page = tareas_markdown(job, night, TUESDAY)
    assert said in page
    assert ("**Aviso:**" in page) == (visto not in (None, ASKED))


def test_a_damaged_ledger_costs_no_night_and_is_named(job: Job) -> None:
    night, snapshot = judged(job, items(), TUESDAY)
    (job.store.root / NAME).write_text("{")
    outcome = backup.outcome(job, night, snapshot, None)
    assert outcome.error is None
    assert "tareas.json" in outcome.markdown
    assert "lindero run marcadores-a-jira" in outcome.markdown
