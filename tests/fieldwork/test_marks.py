"""Marks made into issues, over real sockets against the made-up site: once each, and what became.

The night after is the real one: its summary and its sampling plan know of Jira by the ledger alone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from Modules.demo.jira_site import DEMO_JIRA_TOKEN, DEMO_JIRA_USER
from Modules.fieldwork.marks import clave, graves, marcadores_a_jira
from Modules.fieldwork.notes import AUSENTE, CREADA
from Modules.integrations.config import Marks
from Modules.integrations.jira import Jira
from Modules.jobs import backup
from Modules.jobs.outcome import Outcome
from Modules.jobs.portal_access import Access
from Modules.portal.client import PortalConfig
from Modules.portal.profile import DEFAULT_PROFILE
from Modules.products.source import Fuente
from Modules.settings import load_settings
from Modules.store.tareas import NAME, Libro, Tarea, read_tareas
from Modules.words.domain import Modo, Portal, Recurso
from Modules.words.errors import ApiUnavailable, SettingsError, TareasFailed
from tests.faults.neighbours import Strike
from tests.fuentes import night_of
from tests.integrations.conftest import RunningJira, _jira, jira  # noqa: F401 - fixtures
from tests.night.answered import Item, answered, company, items
from tests.productos_hechos import encargo_of

URL = "https://portal.example/base-portal/api/v1"
ACCESS = Access(PortalConfig(URL, DEFAULT_PROFILE), Portal(URL, DEFAULT_PROFILE.identity))
MONDAY = datetime(2026, 3, 2, 6, tzinfo=UTC)  # 03:00 in Buenos Aires
TUESDAY = MONDAY + timedelta(days=1)
TIPOS = ("maleza", "plaga", "enfermedad")
CONFIG = """
[jira]
proyecto = "CAMPO"
tipo = "Tarea"
pausa_s = 0
asienta_s = 5
[jira.tipos]
Maleza = "Recorrida"
[jira.componentes]
"la paz - ñandu" = "Norte"
[marcadores]
severidades = []
"""


async def _at_once(_operation: object, work: Callable[..., Any], *args: Any) -> Any:
    return work(*args)


@dataclass
class Farm:
    """A company whose nights are kept, and its site of Jira."""

    folder: Path
    jira: RunningJira

    def night(self, marks: Sequence[Item] | None = None, at: datetime = MONDAY) -> str:
        """Keep a night with these marks; its summary."""
        settings = load_settings()
        job = backup.prepare(settings, "25/26", modo=Modo.TEST)
        came = items() if marks is None else {**items(), Recurso.MARCADORES: list(marks)}
        night = backup.judge_night(job, ACCESS, answered(came).fetched)
        assert night.verdict.accepted
        snapshot = backup.keep(job, night, at)
        return backup.outcome(job, night, snapshot, None).markdown

    def run(self, at: datetime = MONDAY, **given: Any) -> Outcome:
        async def sleep(seconds: float) -> None:
            self.jira.site.time_s += seconds  # type: ignore[attr-defined]

        story = marcadores_a_jira(
            **{"campania": "25/26", "test": True, "run": _at_once, "sleep": sleep, **given},
            now=lambda: at,
        )
        return asyncio.run(story)

    @property
    def libro(self) -> Libro:
        return read_tareas(self.folder / "state" / "test")

    def writes(self) -> int:
        return sum(one.writes for one in self.jira.site.asked)


@pytest.fixture
def farm(jira: RunningJira, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Farm:  # noqa: F811
    (tmp_path / "integrations.toml").write_text(CONFIG, encoding="utf-8")
    given = {
        "STATE_DIR": tmp_path / "state",
        "TEST_OUTPUTS_DIR": tmp_path / "outputs",
        "SYMLINK_CONFIG": tmp_path / "none.json",
        "INTEGRATIONS": tmp_path / "integrations.toml",
        "JIRA_URL": jira.url,
        "JIRA_USER": DEMO_JIRA_USER,
        "JIRA_TOKEN": DEMO_JIRA_TOKEN,
    }
    for name, value in given.items():
        monkeypatch.setenv(f"LINDERO_{name}", str(value))
    return Farm(tmp_path, jira)


def asking() -> list[Item]:
    marks = items()[Recurso.MARCADORES]
    return [one for one in marks if one["tipo"] in TIPOS and one["estado"] != "anulado"]


def test_a_mark_is_one_issue_and_the_next_morning_says_what_was_closed_and_what_went(
    farm: Farm,
) -> None:
    site, wanted = farm.jira.site, asking()
    farm.night()
    validated = farm.run()
    assert farm.writes() == 0
    assert f"| nueva | {len(wanted)} |" in validated.markdown
    assert farm.libro == Libro({}, MONDAY)

    lotes = {one["id"]: one["campo_id"] for one in items()[Recurso.LOTES]}
    there = {one["id"] for one in items()[Recurso.CAMPOS] if one["nombre"] == "La Paz - Ñandú"}
    bare = sum(lotes[one["lote_id"]] not in there for one in wanted)
    assert f"- aviso: {bare} sin componente" in validated.markdown

    made = farm.run(solo_validar=False)
    assert (made.error, made.parcial) == (None, False)
    assert f"| nueva | {len(wanted)} |" in made.markdown
    assert {one.clave for one in farm.libro.tareas.values()} == {
        f"marcador/{one['id']}" for one in wanted
    }
    assert {one.estado for one in farm.libro.tareas.values()} == {CREADA}
    before = farm.writes()
    again = farm.run(solo_validar=False)
    assert f"| sin cambios | {len(wanted)} |" in again.markdown
    assert farm.writes() == before, "a second run writes nothing"
    assert {one.estado for one in farm.libro.tareas.values()} == {"Por hacer"}

    key = {one.marcador_id: one.tarea for one in farm.libro.tareas.values()}
    closed, gone, off, *_ = (one["id"] for one in wanted)
    site.move(key[closed])
    marks = [
        {**one, "estado": "anulado"} if one["id"] == off else one
        for one in items()[Recurso.MARCADORES]
        if one["id"] != gone
    ]
    told = farm.run(at=TUESDAY - timedelta(minutes=30))  # before the night, which has not come
    assert farm.writes() == before
    page = farm.night(marks, at=TUESDAY)
    section = page[page.index("## Tareas") :]
    assert f"{len(wanted) - 1} abiertas de {len(wanted)}, según Jira el 03/03/2026 02:30." in page
    lines = [line for line in section.splitlines() if line.startswith("- [CAMPO-")]
    assert [line.partition("]")[0][3:] for line in lines] == [key[closed], key[gone], key[off]]
    assert lines[0].endswith(f"marcador {closed}: Listo")
    assert lines[1].endswith(f"marcador {gone}: el marcador ya no está")
    assert lines[2].endswith(f"marcador {off}: está anulado")
    assert "ya no las pide" not in told.markdown

    later = farm.run(at=TUESDAY, solo_validar=False)
    assert "| cerrada en Jira: queda así | 1 |" in later.markdown
    assert key[gone] in later.markdown.partition("ya no las pide")[2]
    assert (len(site.issues), farm.writes()) == (len(wanted), before)
    assert site.issues[key[closed]].fields["status"]["name"] == "Listo", "never opened again"
    states = {one.tarea: one.estado for one in encargo_of(load_settings(), now=TUESDAY).tareas}
    assert states[key[closed]] == "Listo", "what the sampling plan is given"


def test_an_issue_says_what_the_mark_says_and_changes_only_with_it(farm: Farm) -> None:
    farm.night()
    farm.run(solo_validar=False)
    campos = {one["id"]: one["nombre"] for one in items()[Recurso.CAMPOS]}
    lotes = {one["id"]: one for one in items()[Recurso.LOTES]}
    weed = next(one for one in asking() if one["tipo"] == "maleza")
    issue = farm.jira.site.issues[farm.libro.tareas[f"marcador/{weed['id']}"].tarea]
    lote = lotes[weed["lote_id"]]
    campo = campos[lote["campo_id"]]
    assert issue.fields["summary"] == f"Maleza: {weed['nombre']} · {campo}, lote {lote['nombre']}"
    assert issue.fields["issuetype"] == {"name": "Recorrida"}
    assert issue.fields.get("components") == (
        [{"name": "Norte"}] if campo == "La Paz - Ñandú" else None
    )
    other = {**weed, "observacion": "Tapa el surco"}
    marks = [other if one["id"] == weed["id"] else one for one in items()[Recurso.MARCADORES]]
    farm.night(marks, at=TUESDAY)
    done = farm.run(at=TUESDAY, solo_validar=False)
    assert "| cambiada | 1 |" in done.markdown
    assert "Tapa el surco" in str(issue.fields["description"])


@pytest.mark.parametrize("fault", ["neighbour_cut_done", "neighbour_502_done", "jira_index_lag"])
def test_whatever_becomes_of_a_creation_no_mark_has_two_issues(farm: Farm, fault: str) -> None:
    farm.night()
    farm.jira.server.strike(Strike(fault, at="POST .*issue/bulk"))
    farm.run(solo_validar=False)
    farm.run(solo_validar=False)
    assert len(farm.jira.site.issues) == len(asking())
    assert len(farm.libro.tareas) == len(asking())


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize(("at", "done"), [(4, False), (4, True), (6, True), (7, True)])
def test_a_run_that_was_killed_heals(
    farm: Farm, monkeypatch: pytest.MonkeyPatch, at: int, done: bool
) -> None:
    """At a creation, before or after it was done, and before the ledger was written."""
    toml = CONFIG.replace("pausa_s = 0", "pausa_s = 0\npor_pedido = 3")
    (farm.folder / "integrations.toml").write_text(toml, encoding="utf-8")
    asked = 0

    async def run(_operation: object, work: Callable[..., Any], *args: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == at and not done:
            raise Killed
        answer = work(*args)
        if asked == at:
            raise Killed
        return answer

    def write(*_: object) -> None:
        raise Killed

    farm.night()
    with monkeypatch.context() as patch:
        patch.setattr("Modules.fieldwork.marks.write_tareas", write)
        with pytest.raises(Killed):
            farm.run(solo_validar=False, max_tareas=9, run=run)
    left = len(farm.jira.site.issues)
    assert left == {(4, False): 0, (4, True): 3}.get((at, done), 9)
    assert not farm.libro.tareas
    healed = farm.run(solo_validar=False, max_tareas=9)
    assert healed.error is None
    made = [one.properties["lindero"]["clave"] for one in farm.jira.site.issues.values()]
    assert len(set(made)) == len(made) == min(len(asking()), max(left, 0) + 9)
    assert {one.clave for one in farm.libro.tareas.values()} == set(made)


def test_a_mark_that_jira_refuses_is_named_and_the_others_are_made(farm: Farm) -> None:
    farm.night()
    farm.jira.server.strike(Strike("jira_partial_bulk", at="POST .*issue/bulk"))
    done = farm.run(solo_validar=False)
    assert isinstance(done.error, TareasFailed)
    assert done.parcial
    first = min(one["id"] for one in asking())
    assert f"- marcador {first}: " in done.markdown
    assert len(farm.libro.tareas) == len(asking()) - 1
    assert farm.run(solo_validar=False).error is None
    assert len(farm.libro.tareas) == len(asking())


def test_a_lost_or_damaged_ledger_is_made_again_and_said_so(farm: Farm) -> None:
    farm.night()
    farm.run(solo_validar=False)
    farm.run()
    whole, path = farm.libro, farm.folder / "state/test" / NAME
    path.write_bytes(path.read_bytes()[:99])
    assert "se volvió a armar" in farm.run().markdown
    assert farm.libro == whole
    path.unlink()
    assert "faltaba el registro de tareas" in farm.run().markdown
    assert farm.libro == whole
    assert len(farm.jira.site.issues) == len(asking())
    farm.jira.site.issues.clear()  # somebody deleted them all
    farm.run(solo_validar=False)
    assert {one.estado for one in farm.libro.tareas.values()} == {AUSENTE}
    assert not farm.jira.site.issues, "what a person deleted is not made again"


def test_a_dead_jira_is_a_named_error_and_the_ledger_keeps_its_age(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm.night()
    farm.run(solo_validar=False)
    before = farm.libro
    monkeypatch.setenv("LINDERO_JIRA_URL", "http://127.0.0.1:9")
    monkeypatch.setattr("Modules.fieldwork.marks.Jira", partial(Jira, tries=1))
    with pytest.raises(TareasFailed) as failure:
        farm.run(at=TUESDAY)
    assert failure.value.exit_code == ApiUnavailable.exit_code
    assert farm.libro == before
    page = farm.night(at=TUESDAY)
    assert "lo último que se sabe de Jira es de hace 24 horas" in page


def test_a_project_that_was_archived_does_not_look_like_one_without_issues(farm: Farm) -> None:
    farm.night()
    farm.run(solo_validar=False)
    before = farm.libro
    farm.jira.site.archived = True
    with pytest.raises(TareasFailed, match="archivado"):
        farm.run(at=TUESDAY)
    assert farm.libro == before


def test_every_mark_and_what_became_of_it_is_in_a_file_of_the_run(farm: Farm) -> None:
    farm.night()
    farm.run(solo_validar=False)
    (path,) = (farm.folder / "outputs").rglob("marcadores_25-26.json")
    assert path.parent.parent.name == "marcadores-a-jira"
    page = json.loads(path.read_text(encoding="utf-8"))
    assert page["metadata"]["record_count"] == len(page["data"]) == len(asking())
    assert {row["resultado"] for row in page["data"]} == {"nueva"}
    assert {row["tarea"] for row in page["data"]} == set(farm.jira.site.issues)


def test_without_a_file_of_integrations_nothing_is_looked_at_and_it_is_said(
    farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINDERO_INTEGRATIONS", str(farm.folder / "none.toml"))
    done = farm.run()
    assert (done.error, farm.jira.site.asked) == (None, [])
    assert "integrations.toml" in done.markdown
    with pytest.raises(SettingsError, match=r"no se puede leer .*none"):
        farm.run(solo_validar=False)


def test_no_more_than_asked_are_made_and_the_rest_wait(farm: Farm) -> None:
    farm.night()
    done = farm.run(solo_validar=False, max_tareas=5)
    assert len(farm.jira.site.issues) == 5
    rest = len(asking()) - 5
    assert f"| para la próxima corrida | {rest} |" in done.markdown


def _fuente(**change: Any) -> Fuente:
    tables = company().built.tables
    return night_of(replace(tables, marcadores=tables.marcadores.assign(**change)))


@pytest.mark.parametrize(
    ("word", "said", "asks"),
    [
        ("alta", "Severidad ALTA, en la cabecera", True),
        ("alta", "le falta agua; resalta", False),
        ("muy alta", "muy  alta.", True),
        ("Crítica", "critica", True),
    ],
)
def test_a_severity_is_a_whole_word_of_what_people_wrote(word: str, said: str, asks: bool) -> None:
    fuente = _fuente(observacion=said, tipo="plaga", estado="hecho")
    found = graves(fuente, Marks(severidades=(word,)), Libro())
    assert len(found) == (len(fuente.tables.marcadores) if asks else 0)


def test_a_mark_that_was_done_since_it_asked_asks_no_more_and_one_born_so_does() -> None:
    which, fuente = Marks(severidades=()), _fuente(tipo="maleza", estado="hecho")
    everyone = graves(fuente, which, Libro())
    assert len(everyone) == len(fuente.tables.marcadores)
    first = everyone[0]
    one = Tarea(clave=clave(first), tarea="CAMPO-1", origen="", campania="25/26", grupo="g")
    for marca, count in (("planificado", -1), ("hecho", 0), ("", 0)):
        libro = Libro({one.clave: replace(one, marca=marca)})
        assert len(graves(fuente, which, libro)) == len(everyone) + count
    assert graves(_fuente(tipo="maleza", estado="anulado"), which, Libro()) == []
