"""A night of the demo portal, kept once for all tests here, and neighbours to tell it to."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from Modules.demo.google_office import DEMO_GOOGLE_CLIENT, DEMO_GOOGLE_REFRESH_TOKEN, GoogleOffice
from Modules.demo.jira_site import DEMO_JIRA_TOKEN, DEMO_JIRA_USER
from Modules.integrations.tasks import PER_SECOND
from Modules.jobs import backup
from Modules.jobs.portal_access import open_portal
from Modules.jobs.products import last_accepted, order
from Modules.night.tables import Tables
from Modules.settings import Settings, load_settings
from Modules.words.domain import Modo
from tests.integrations.conftest import (
    NotedSite,
    RunningGoogle,
    RunningJira,
    _google,  # noqa: F401 - fixtures of theirs
    _jira,  # noqa: F401
    google,  # noqa: F401
    jira,  # noqa: F401
)

SEASON = "25/26"
CONFIG = """[jira]
proyecto = "CAMPO"
tipo = "Tarea"
pausa_s = 0.0
asienta_s = {asienta_s}
por_pedido = {por_pedido}
[jira.tipos]
"suelo" = "Muestreo"
[jira.responsables]
"Cuadrilla 1" = "5b10-cuadrilla-1"
"Cuadrilla 2" = "5b10-cuadrilla-2"
[jira.campos]
inicio = "customfield_10015"
superficie_ha = "customfield_10102"
"""


@pytest.fixture(scope="session")
def night_state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state after one accepted night of the made-up company, of which nothing was published."""
    folder = tmp_path_factory.mktemp("night")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LINDERO_STATE_DIR", str(folder / "state"))
        patch.setenv("LINDERO_TEST_OUTPUTS_DIR", str(folder / "outputs"))
        patch.setenv("LINDERO_SYMLINK_CONFIG", str(folder / "none.json"))
        settings = load_settings()
        job = backup.prepare(settings, SEASON, modo=Modo.TEST)
        with open_portal(settings, Modo.TEST) as access:
            night = backup.judge_night(job, access, backup.fetch(job, access))
        assert backup.keep(job, night, datetime.now(UTC)).accepted
    return folder / "state"


@pytest.fixture(scope="session")
def night_tables(night_state: Path) -> Tables:
    """What its products are given of that night; nobody changes them."""
    settings = Settings(lindero_state_dir=night_state)
    store, snapshot = last_accepted(settings, SEASON, Modo.TEST)
    return order(settings, Modo.TEST, store, snapshot, datetime.now(UTC)).fuente.tables


@dataclass
class Farm:
    """A company with a night, a drive and a Jira; its settings are in the environment."""

    folder: Path
    office: GoogleOffice
    site: NotedSite
    google: RunningGoogle
    jira: RunningJira
    environment: dict[str, str]
    tables: Tables

    def configure(self, asienta_s: float = 0.0, por_pedido: int = 45) -> None:
        text = CONFIG.format(asienta_s=asienta_s, por_pedido=por_pedido)
        (self.folder / "integrations.toml").write_text(text, encoding="utf-8")

    def rows(self, number: int, depths: tuple[str, ...] = ("0-20", "20-40")) -> list[list[Any]]:
        """A plan of the first lotes: header, then a row for each depth of each."""
        lotes = self.tables.lotes.sort_values("lote_id")
        names = zip(lotes["campo"], lotes["lote"], strict=True)
        each = [(campo, lote, depth) for campo, lote in names for depth in depths][:number]
        header = ["Campo", "Lote", "Fecha", "Profundidad", "Responsable", "Tipo", "Tarea"]
        return [
            header,
            *(
                [campo, lote, f"{1 + at % 28:02d}/11/2026", depth, "Cuadrilla 1", "Suelo", ""]
                for at, (campo, lote, depth) in enumerate(each)
            ),
        ]

    def plan(self, rows: list[list[Any]], name: str = "Demo", **more: Any) -> str:
        """A sheet of November in the drive; its id."""
        title = f"Plan de muestreo - {name} - Noviembre 2026"
        return self.office.spreadsheet(title, {"Plan": rows}, **more)


@pytest.fixture
def farm(
    night_state: Path,
    night_tables: Tables,
    google: RunningGoogle,  # noqa: F811
    jira: RunningJira,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Farm:
    shutil.copytree(night_state, tmp_path / "state")
    environment = {
        "LINDERO_STATE_DIR": str(tmp_path / "state"),
        "LINDERO_TEST_OUTPUTS_DIR": str(tmp_path / "outputs"),
        "LINDERO_SYMLINK_CONFIG": str(tmp_path / "none.json"),
        "LINDERO_INTEGRATIONS": str(tmp_path / "integrations.toml"),
        "LINDERO_CAMPANIA": SEASON,
        "LINDERO_GOOGLE_ENDPOINT": google.url,
        "LINDERO_GOOGLE_CLIENT_ID": DEMO_GOOGLE_CLIENT[0],
        "LINDERO_GOOGLE_CLIENT_SECRET": DEMO_GOOGLE_CLIENT[1],
        "LINDERO_GOOGLE_REFRESH_TOKEN": DEMO_GOOGLE_REFRESH_TOKEN,
        "LINDERO_JIRA_URL": jira.url,
        "LINDERO_JIRA_USER": DEMO_JIRA_USER,
        "LINDERO_JIRA_TOKEN": DEMO_JIRA_TOKEN,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("Modules.integrations.tasks._PACES", dict.fromkeys(PER_SECOND, Unhurried()))
    farm = Farm(tmp_path, google.office, jira.site, google, jira, environment, night_tables)
    farm.configure()
    return farm


class Unhurried:
    """No test here is about time."""

    def wait_turn(self, what: str) -> None: ...
