"""Two environments on one Prefect server: names that never meet, and runs that know theirs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from Modules.orchestration import deployments
from Modules.orchestration.deployments import of_another_environment
from Modules.settings import PROJECT_ROOT
from tests.processes import patience

NAMES = """
import json
from Modules.orchestration.deployments import DEPLOYMENTS, WORK_POOL
from Modules.orchestration.stages import _STORIES
print(json.dumps([WORK_POOL, {key: [one.full_name, one.work_pool, *one.tags] for key, one in
    DEPLOYMENTS.items()}, sorted(_STORIES)]))
"""


def run(environment: Mapping[str, str], *command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command],
        cwd=PROJECT_ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=patience(120),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_staging_differs_in_every_name_and_production_has_todays() -> None:
    found = {
        one: json.loads(run({"LINDERO_ENTORNO": one}, "-c", NAMES))
        for one in ("", "production", "staging")
    }
    pool, today, stories = found[""]
    assert (pool, stories) == ("local-pool", found["production"][2])
    assert today == {
        key: [one.full_name, one.work_pool, *one.tags]
        for key, one in deployments.DEPLOYMENTS.items()
    }
    pool, production, _ = found["production"]
    assert pool == "local-pool"
    for key, (name, of, *tags) in production.items():
        assert [name, of] == today[key][:2]
        assert sorted(tags) == sorted([*today[key][2:], "env:production"])
    pool, staging, stories = found["staging"]
    assert pool == "local-pool-staging"
    for key, (name, of, *tags) in staging.items():
        assert (name, of) == (f"{today[key][0]}-staging", pool)
        assert sorted(tags) == sorted([*today[key][2:], "env:staging"])
    assert not {one[0] for one in staging.values()} & {one[0] for one in today.values()}
    assert not set(stories) & set(found[""][2])


@pytest.mark.parametrize("many", [False, True])
def test_with_a_pool_of_a_cluster_the_same_names_are_there_and_the_maps_on_it(many: bool) -> None:
    of_many = deployments.OF_EMPRESAS if many else {}
    today = {key: one.full_name for key, one in {**deployments.DEPLOYMENTS, **of_many}.items()}
    told = {"LINDERO_K8S_POOL": "k8s-pool", "LINDERO_EMPRESAS": "empresas.toml" if many else ""}
    pool, with_cluster, _ = json.loads(run(told, "-c", NAMES))
    assert {key: name for key, (name, *_) in with_cluster.items()} == today
    on_it = {key for key, (_, of, *_) in with_cluster.items() if of == "k8s-pool"}
    maps = {"mapas-empresas", "tanda-mapas", "mapas-empresas-prueba"}
    assert on_it == {"kmz", "h3", "kmz-prueba", "h3-prueba"} | (maps if many else set())
    assert pool == "local-pool"
    assert {of for key, (_, of, *_) in with_cluster.items() if key not in on_it} == {"local-pool"}


@pytest.mark.parametrize(
    ("tags", "here", "theirs"),
    [
        (["backup", "prod"], "", None),
        (["prod"], "production", None),
        (["prod"], "staging", "production"),
        (["env:production"], "staging", "production"),
        (["env:staging"], "staging", None),
        (["env:staging"], "", "staging"),
        (["env:staging", "prod"], "production", "staging"),
    ],
)
def test_a_run_without_a_tag_is_productions(tags: list[str], here: str, theirs: str | None) -> None:
    assert of_another_environment(tags, here) == theirs
