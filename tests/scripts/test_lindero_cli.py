"""The command line as a person meets it: help, usage errors, and the commands without a flow."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import requests

from Modules.demo.world import build_world
from tests.demo.running import running_portal
from tests.scripts.conftest import Command, command_in, environment_below, python_in

COMMANDS = (
    (),
    ("run",),
    ("run", "backup"),
    ("run", "productos"),
    ("run", "kmz"),
    ("run", "h3"),
    ("api", "check"),
    ("backups", "list"),
    ("backups", "show"),
    ("backups", "verify"),
    ("backups", "diff"),
    ("backups", "restore"),
    ("backups", "export"),
    ("backups", "accept"),
    ("backups", "prune"),
    ("run", "verificar"),
    ("deploy",),
    ("stack", "init"),
    ("stack", "up"),
    ("status",),
    ("doctor",),
    ("avisos", "probar"),
    ("validar", "eudr"),
    ("demo-portal",),
)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help_and_loads_no_prefect(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    code = (
        "import sys\nfrom Modules.cli.main import app\n"
        f"app([*{command!r}, '--help'])\n"
        "assert 'prefect' not in sys.modules"
    )
    done = python_in(tmp_path, "-c", code, prefect=False)
    assert done.code == 0, done.err
    assert "Uso: lindero" in done.out


def test_version_is_that_of_the_package(lindero: Command) -> None:
    assert lindero("--version").out.strip() == version("lindero")


def test_a_port_that_does_not_exist_is_wrong_usage(lindero: Command) -> None:
    assert lindero("demo-portal", "--port", "99999").code == 2


def test_the_readme_names_every_command(project_root: Path) -> None:
    page = (project_root / "README.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("| `lindero")]
    missing = [
        " ".join(command)
        for command in COMMANDS
        if len(command) > 1
        and not any(f"`lindero {command[0]} " in row and command[1] in row for row in rows)
    ]
    assert missing == []


def test_the_demo_portal_alone_answers_and_ends_at_ctrl_c(tmp_path: Path) -> None:
    portal = subprocess.Popen(
        [sys.executable, "-m", "Modules.cli.main", "demo-portal", "--port", "0"],
        env={**environment_below(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert portal.stdout is not None
        facts = json.loads(portal.stdout.readline())
        form = {"grant_type": "client_credentials"} | {
            name: facts[name] for name in ("client_id", "client_secret")
        }
        answer = requests.post(f"{facts['base_url']}/auth/token", data=form, timeout=30)
        assert answer.json()["token_type"] == "Bearer"
        portal.send_signal(signal.SIGINT)
        assert portal.wait(30) == 0
    finally:
        portal.kill()
        portal.wait()
        if portal.stdout is not None:
            portal.stdout.close()


def test_api_check_of_a_portal_as_the_contract_has_it(tmp_path: Path) -> None:
    with running_portal(build_world("mini")) as portal:
        lindero = command_in(
            tmp_path,
            DATABALER_BASE_URL=portal.base_url,
            DATABALER_CLIENT_ID=portal.client_id,
            DATABALER_CLIENT_SECRET=portal.client_secret,
        )
        good = lindero("api", "check")
        assert good.code == 0, good.err
        assert "No hace falta cambiar el perfil" in good.out
        assert "sobra" not in good.out
        bad = lindero("api", "check", DATABALER_CLIENT_SECRET="canary-77")
        assert bad.code == 2
        assert "canary" not in bad.out + bad.err


def test_validar_eudr_says_rule_by_rule_and_exits_by_the_verdict(
    lindero: Command, tmp_path: Path
) -> None:
    ring = "[[-62.100000,-35.100000],[-62.100000,-35.110000],[-62.090000,-35.110000],{last}]"
    text = (
        '{"type":"FeatureCollection","features":[{"type":"Feature","properties":'
        '{"ProducerName":"A","ProducerCountry":"AR","ProductionPlace":"P","Area":50.0},'
        '"geometry":{"type":"Polygon","coordinates":[%s]}}]}'
    )
    good, bad = tmp_path / "bien.geojson", tmp_path / "abierto.geojson"
    good.write_text(text % ring.format(last="[-62.100000,-35.100000]"), encoding="utf-8")
    bad.write_text(text % ring.format(last="[-62.090000,-35.100000]"), encoding="utf-8")
    assert lindero("validar", "eudr", str(good)).code == 0
    rows = json.loads(lindero("validar", "eudr", str(good), "--json").out)
    assert {"sin_agujeros", "nombres_exactos"} <= {row["regla"]["codigo"] for row in rows}
    answer = lindero("validar", "eudr", str(bad))
    assert answer.code == 1
    assert "NO CUMPLE" in answer.out
    missing = lindero("validar", "eudr", str(tmp_path / "no.geojson"))
    assert (missing.code, missing.err.count("\n")) == (2, 1)


def test_a_backup_that_is_not_there_cannot_be_accepted(lindero: Command) -> None:
    for name in ("2025-11-20T060002Z-000042", "../../etc"):
        answer = lindero("backups", "accept", name, "--reason", "x", "--test")
        assert (answer.code, answer.err.count("\n")) == (2, 1)
    assert lindero("backups", "list", "--json").out.strip() == "[]"


def test_products_without_a_backup_are_refused_with_one_line(
    lindero: Command, tmp_path: Path
) -> None:
    answer = lindero("run", "productos", "--test")
    assert (answer.code, answer.err.count("\n")) == (1, 1)
    assert "lindero run backup" in answer.err
    assert not (tmp_path / "test_outputs").exists()


@pytest.mark.parametrize("command", ["status", "doctor"])
def test_an_output_that_lacks_letters_still_gets_the_whole_answer(
    lindero: Command, command: str
) -> None:
    """A scheduled task on Windows writes to cp1252, which has no arrow."""
    answer = lindero(command, PYTHONIOENCODING="ascii")
    assert answer.code in (0, 1), answer.err
    assert answer.err == ""
    assert "lindero" in answer.out
