"""The registry of deployments: what it promises, and that ``prefect.yaml`` says the same."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from prefect import Flow
from prefect.server.schemas.schedules import CronSchedule

from Modules.orchestration import deploy
from Modules.orchestration.deployments import (
    BACKUP,
    DEPLOYMENTS,
    H3,
    KMZ,
    OF_EMPRESAS,
    SCHEDULE_SLUG,
    Deployment,
    named,
    of_the_other_mode,
    release,
    set_by_hand,
    wanted_facts,
)
from Modules.settings import PROJECT_ROOT
from Modules.words.errors import SettingsError

ALL = tuple(DEPLOYMENTS.values())


def _as_prefect_yaml(one: Deployment) -> dict[str, Any]:
    schedule = {"slug": SCHEDULE_SLUG, "cron": one.cron, "timezone": one.timezone}
    return {
        "name": one.name,
        "entrypoint": one.entrypoint,
        "description": one.description,
        "version": "{{ lindero.version }}",
        "tags": list(one.tags),
        "parameters": dict(one.parameters),
        "schedules": [schedule] if one.cron else [],
        "concurrency_limit": {"limit": one.limit, "collision_strategy": one.collision},
        "work_pool": {"name": one.work_pool, "job_variables": {"env": dict(one.env)}},
    }


def test_prefect_yaml_holds_exactly_the_deployments_of_the_registry(project_root: Path) -> None:
    page = yaml.safe_load((project_root / "prefect.yaml").read_text(encoding="utf-8"))
    expected = [_as_prefect_yaml(one) for one in ALL]
    assert page["deployments"] == expected, yaml.safe_dump(
        expected, allow_unicode=True, sort_keys=False
    )


def test_prefect_yaml_names_no_folder_of_a_machine(project_root: Path) -> None:
    page = yaml.safe_load((project_root / "prefect.yaml").read_text(encoding="utf-8"))
    step = "prefect.deployments.steps.set_working_directory"
    assert page["pull"] == [{step: {"directory": "{{ lindero.root }}"}}]
    assert str(project_root) not in (project_root / "prefect.yaml").read_text(encoding="utf-8")


def test_prefect_yaml_names_the_prefect_that_is_locked(project_root: Path) -> None:
    page = yaml.safe_load((project_root / "prefect.yaml").read_text(encoding="utf-8"))
    lock = (project_root / "uv.lock").read_text(encoding="utf-8")
    assert f'name = "prefect"\nversion = "{page["prefect-version"]}"' in lock


@pytest.mark.parametrize("one", [one for one in ALL if one.cron], ids=lambda one: one.name)
def test_the_scheduler_of_the_prefect_installed_finds_the_hours_of_every_schedule(
    one: Deployment,
) -> None:
    """With Prefect 3.9.1 and whenever 0.10 on Python 3.11 and 3.12 it ends in a ValueError."""
    schedule = CronSchedule(cron=one.cron, timezone=one.timezone)
    dates = asyncio.run(schedule.get_dates(n=3, start=datetime(2026, 11, 30, tzinfo=UTC)))
    minute, hour, *_ = one.cron.split()
    assert {(date.hour, date.minute) for date in dates} == {(int(hour), int(minute))}
    assert {date.utcoffset() for date in dates} == {timedelta(hours=-3)}
    assert len(dates) == 3


@pytest.mark.parametrize("one", ALL, ids=lambda one: one.name)
def test_every_deployment_is_one_run_at_a_time_of_a_flow_that_is_there(
    one: Deployment, project_root: Path
) -> None:
    assert (one.limit, one.collision, one.work_pool) == (1, "CANCEL_NEW", "local-pool")
    assert one.description
    assert one.tags
    ZoneInfo(one.timezone)
    path, _, function = one.entrypoint.partition(":")
    assert f"def {function}(" in (project_root / path).read_text(encoding="utf-8")


def test_names_of_deployments_and_flows_are_told_apart() -> None:
    assert len({one.name for one in ALL}) == len(ALL)
    assert len({(one.flow, one.parameters.get("test")) for one in ALL}) == len(ALL)


@pytest.mark.parametrize("flow", sorted({one.flow for one in ALL if one.parameters}))
def test_nights_and_trials_have_a_place_of_their_own_and_a_fixed_mode(flow: str) -> None:
    night, trial = (one for one in ALL if one.flow == flow)
    assert (night.parameters, trial.parameters) == ({"test": False}, {"test": True})
    assert trial.cron is None
    assert "prod" in night.tags
    assert {*trial.tags} ^ {*night.tags} == {"prod", "prueba"}
    assert of_the_other_mode(flow, night.tags, test=True) == trial
    assert of_the_other_mode(flow, trial.tags, test=False) == night
    for same in (night, trial):
        assert of_the_other_mode(flow, same.tags, test=same.parameters["test"]) is None
    assert of_the_other_mode("otro", ["prod"], test=True) is None


def test_a_trial_that_somebody_made_of_the_nights_is_undone_by_the_next_deploy() -> None:
    schema = {"properties": {"campania": {"default": None}, "test": {"default": False}}}
    given = [{"slug": SCHEDULE_SLUG, "parameters": {"test": True, "campania": "24/25"}}]
    held = {"parameters": {"test": True}, "parameter_openapi_schema": schema, "schedules": given}
    wanted = wanted_facts(BACKUP, held)
    assert wanted["parameters"] == {"test": False}
    assert wanted["schedules"][0]["parameters"] == {"campania": "24/25"}


@pytest.mark.parametrize(
    ("cron", "said"),
    [
        ("0 3 * * *", "todos los días a las 03:00"),
        ("30 3 * * *", "todos los días a las 03:30"),
        ("0 2 * * 1", "los lunes a las 02:00"),
        ("5 14 * * 0", "los domingos a las 14:05"),
        ("*/5 * * * *", "cron */5 * * * *"),
        ("0 3 1 * *", "cron 0 3 1 * *"),
        (None, "solo a pedido"),
    ],
)
def test_people_read_when_a_deployment_runs(cron: str | None, said: str) -> None:
    assert replace(BACKUP, cron=cron).cuando == said


def test_a_deployment_is_found_by_any_of_its_names_and_once() -> None:
    assert named(["backup", "generar-kmz-weekly", "Generar H3/generar-h3-daily", "h3"]) == (
        *(BACKUP, KMZ, H3),
    )
    with pytest.raises(SettingsError, match=f"hay: {', '.join(DEPLOYMENTS)}"):
        named(["bakcup"])


def test_the_version_of_a_deployment_is_that_of_package_and_code() -> None:
    package, _, code = release().partition("+")
    assert package == "0.1.0"
    assert len(code) == 12
    assert release() == f"{package}+{code}"


def test_a_parameter_is_a_persons_unless_it_is_the_default_it_was_deployed_with() -> None:
    """An earlier release held the campaña in code: what it wrote on a server is nobody's wish."""
    older = {"properties": {"campania": {"default": "25/26"}, "test": {"default": False}}}
    now = {"properties": {"campania": {"default": None}, "test": {"default": False}}}

    def kept(schema: dict[str, Any], **parameters: Any) -> dict[str, Any]:
        held = {"parameters": parameters, "parameter_openapi_schema": schema, "schedules": []}
        assert wanted_facts(BACKUP, held)["parameters"] == {**set_by_hand(held), "test": False}
        return set_by_hand(held)

    assert kept(older, campania="25/26", test=False) == {}
    assert kept(older, campania="26/27", test=False) == {"campania": "26/27"}
    assert kept(now, campania="25/26") == {"campania": "25/26"}
    assert kept(now, gone=1) == {}
    assert not any("campania" in one.parameters for one in ALL), "no deployment carries a campaña"


@pytest.mark.parametrize("one", [*ALL, *OF_EMPRESAS.values()], ids=lambda one: one.name)
def test_the_doctor_wants_what_prefect_would_deploy(one: Deployment) -> None:
    flow = Flow.from_source(str(PROJECT_ROOT), one.entrypoint)
    prefects = deploy._wanted(one, flow, None)
    wanted = wanted_facts(one)
    options, (pull_step,) = prefects.concurrency_options, wanted.pop("pull_steps")
    assert prefects.storage.to_pull_step() in (pull_step, [pull_step])
    assert wanted.pop("collision_strategy") == options.collision_strategy.value
    assert wanted.pop("schedules") == [
        {"slug": schedule.slug, "parameters": schedule.parameters or {}}
        | schedule.schedule.model_dump(mode="json", exclude_none=True)
        for schedule in prefects.schedules
    ]
    assert wanted == {name: getattr(prefects, name) for name in wanted} | {
        "tags": sorted(prefects.tags)
    }
