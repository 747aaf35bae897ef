"""The campañas of a run: what the portal says is on, what a night keeps of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from Modules.demo.world import build_world
from Modules.health.facts import gather
from Modules.health.rules import judge
from Modules.jobs import backup, portal_access, temporada
from Modules.jobs import products as productos
from Modules.portal.profile import parse_profile
from Modules.settings import Settings
from Modules.words.domain import Campania, Modo
from Modules.words.errors import CampaniaUnknown, DataError
from Modules.words.secret import Secret
from tests.demo.running import running_portal
from tests.field_cases import ACCESS, fetched_of

OLD, NEW = Campania(25, 26), Campania(26, 27)
HOY = date(2026, 11, 29)


def test_the_portal_tells_which_campania_is_on() -> None:
    with running_portal(build_world("small")) as portal:
        settings = Settings(
            databaler_base_url=portal.base_url,
            databaler_client_id=portal.client_id,
            databaler_client_secret=Secret(portal.client_secret),
            lindero_campania=(),
        )
        with portal_access.open_portal(settings, Modo.TEST) as access:
            assert temporada.ask(access, HOY) == (OLD,)
            now = datetime(2026, 11, 29, tzinfo=UTC)
            assert temporada.asked_of(access, settings, None, now) == OLD
            assert temporada.asked_of(access, settings, "26/27", now) == NEW
            other = parse_profile('[season]\ncodigo = "T{aa}"\n', "otro.toml")
            with pytest.raises(CampaniaUnknown, match=r"\(ninguna\).*LINDERO_CAMPANIA"):
                temporada.ask(replace(access, config=replace(access.config, profile=other)), HOY)


@pytest.mark.shared
def test_a_night_of_a_season_that_is_over_warns_in_summary_status_and_alert(
    shared_data: Path, job: backup.Job
) -> None:
    """Case 14: the campaña asked for ended on 31 May and is off; 26/27 is on."""
    fetched = fetched_of(shared_data / "cases" / "14-season-over.json")
    night = backup.judge_night(job, ACCESS, fetched, HOY, (OLD,))
    assert night.verdict.accepted
    kept = backup.keep(job, night, datetime(2026, 11, 29, 6, tzinfo=UTC))
    published = backup.publish(job, kept, datetime.now(UTC))
    outcome = backup.outcome(job, night, kept, published)
    assert outcome.error is None
    said = "la 25/26 terminó el 31/05/2026 y el portal tiene activa la 26/27"
    assert said in outcome.markdown
    assert "LINDERO\\_CAMPANIA=26/27" in outcome.markdown
    assert said in outcome.aviso, "what the alert says"

    report = judge(gather(job.settings, Modo.TEST, datetime(2026, 11, 29, 12, tzinfo=UTC)))
    (told,) = [one for one in report.findings if one.code == "campania_terminada"]
    assert told.is_warning
    assert said in told.what
    assert "LINDERO_CAMPANIA=26/27" in told.todo

    both = backup.judge_night(job, ACCESS, fetched, HOY, (OLD, NEW))
    assert both.over is None, "the new one comes too"


@pytest.mark.shared
def test_products_of_the_campania_that_is_on_are_of_the_one_the_last_night_found(
    shared_data: Path, job: backup.Job
) -> None:
    settings = replace(job.settings, lindero_campania=())
    with pytest.raises(DataError, match="todavía no hay un backup aceptado"):
        productos.asked(settings, None, Modo.TEST)
    fetched = fetched_of(shared_data / "cases" / "14-season-over.json")
    night = backup.judge_night(job, ACCESS, fetched, HOY, (OLD,))
    backup.keep(job, night, datetime.now(UTC))
    assert productos.asked(settings, None, Modo.TEST) == (OLD,), "there is nothing of 26/27 yet"
    newer = backup.prepare(settings, "26/27", modo=Modo.TEST)
    backup.keep(newer, replace(night, actual=NEW, parent=None), datetime.now(UTC))
    again = backup.judge_night(job, ACCESS, fetched, HOY, (OLD,))
    backup.keep(job, again, datetime.now(UTC))  # by hand, for a look at the old one
    assert productos.asked(settings, None, Modo.TEST) == (NEW,)
    assert productos.asked(settings, "24/25,25/26", Modo.TEST) == (Campania(24, 25), OLD)
