"""The Makefile: every target has its line of help, and does what the line says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from Modules.words.folders import PUERTA
from tests.compose_files import STORES, services

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "Makefile").read_text(encoding="utf-8")
HELP = dict(re.findall(r"^([a-z-]+):.*## (.+)$", TEXT, flags=re.M))
CONTAINERS = {
    *("up", "down", "restart", "build", "logs", "logs-server", "logs-worker"),
    *("shell", "shell-server"),
}
ASKED_FOR = CONTAINERS | {
    *("deploy", "demo", "test", "test-unit", "test-integration", "lint", "format", "check"),
    *("bench", "clean", "image-check"),
}

pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="make is not on this machine")


def test_every_target_that_is_asked_for_has_its_line_of_help() -> None:
    assert set(HELP) >= ASKED_FOR
    shown = _make("help", cwd=ROOT).stdout
    for target, line in HELP.items():
        assert re.search(rf"^{target} +{re.escape(line)}$", shown, re.M), target


def test_every_target_is_phony_and_none_is_without_help_by_accident() -> None:
    phony = set(
        re.search(r"^\.PHONY: ((?:.|\\\n)+?[^\\])$", TEXT, re.M)[1].replace("\\\n", "").split()
    )
    assert set(HELP) == phony - {"deploy-here"}


@pytest.mark.parametrize("target", sorted(HELP))
def test_every_target_is_understood(target: str, tmp_path: Path) -> None:
    read = _make("-n", target, cwd=ROOT, path=_with_compose(tmp_path))
    assert read.returncode == 0, read.stderr


@pytest.mark.parametrize("target", sorted(CONTAINERS))
def test_without_compose_the_containers_say_so_in_one_line(target: str, tmp_path: Path) -> None:
    said = _make(target, cwd=_copy(tmp_path), path=_bare(tmp_path))
    assert said.returncode == 2
    assert "en esta máquina no hay docker compose ni docker-compose" in said.stderr
    assert "lindero stack up" in said.stderr
    assert sorted(one.name for one in (tmp_path / "copy").iterdir()) == ["Makefile", "data"]


@pytest.mark.parametrize("demo", [False, True])
def test_up_makes_the_mounted_folders_first(tmp_path: Path, demo: bool) -> None:
    copy = _copy(tmp_path)
    said = _make("up", *(["DEMO=1"] if demo else []), cwd=copy, path=_with_compose(tmp_path))
    assert said.returncode == 0, said.stderr
    asked = (tmp_path / "asked").read_text().splitlines()[-1]
    assert asked.strip().endswith("up --detach --build --remove-orphans")
    assert ("-p lindero-demo" in asked and "-f compose.demo.yml" in asked) is demo
    state, out = ("data/demo", "test_outputs/demo/") if demo else ("data", "")
    folders = [f"{state}/{name}" for name in ("postgres", "redis", "lindero")]
    folders += [f"{out}outputs", f"{out}test_outputs"]
    for folder in folders:
        assert (copy / folder).is_dir(), folder
        if os.geteuid() == 0:
            assert (copy / folder).stat().st_uid == 1000
    assert (copy / "outputs").exists() is not demo


def test_up_with_one_login_makes_the_folders_that_are_shown(tmp_path: Path) -> None:
    """Docker would make them as root, and the worker could not publish into them."""
    copy = _copy(tmp_path)
    said = _make("up", "SSO=1", "ENTORNO=1", cwd=copy, path=_with_compose(tmp_path))
    assert said.returncode == 0, said.stderr
    asked = (tmp_path / "asked").read_text().splitlines()[-1].split(" up ")[0].split("-f ")
    assert [one.strip() for one in asked if one] == [
        *("docker-compose.yml", "deploy/compose.sso.yml", "deploy/compose.entorno.yml")
    ]
    assert {one.name for one in (copy / "outputs").iterdir()} == set(PUERTA)
    for folder in (copy / "outputs").iterdir():
        assert folder.is_dir()
        if os.geteuid() == 0:
            assert folder.stat().st_uid == 1000


def test_up_takes_the_user_of_the_containers_from_dot_env(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a folder to somebody else")
    copy = _copy(tmp_path)
    (copy / ".env").write_text("LINDERO_UID=1234\nLINDERO_GID=1235\n")
    assert _make("up", cwd=copy, path=_with_compose(tmp_path)).returncode == 0
    found = (copy / "data" / "postgres").stat()
    assert (found.st_uid, found.st_gid) == (1234, 1235)
    assert (tmp_path / "user").read_text() == "1234:1235\n"
    assert (copy / ".env").read_text() == "LINDERO_UID=1234\nLINDERO_GID=1235\n"


def test_up_without_the_files_of_the_secrets_starts_nothing(tmp_path: Path) -> None:
    copy = _copy(tmp_path)
    shutil.rmtree(copy / "data")
    said = _make("up", cwd=copy, path=_with_compose(tmp_path))
    assert said.returncode == 2
    assert "faltan los archivos de data/secretos; los escribe: make init" in said.stderr
    assert not (tmp_path / "asked").exists() or " up " not in (tmp_path / "asked").read_text()


@pytest.mark.parametrize("changed", [False, True])
def test_up_makes_the_containers_anew_where_a_secret_changed(tmp_path: Path, changed: bool) -> None:
    copy = _copy(tmp_path)
    lindero = copy / ".venv" / "bin" / "lindero"
    lindero.parent.mkdir(parents=True)
    said = "data/secretos: cambió databaler_client_secret" if changed else ".env: no falta ninguno"
    lindero.write_text(f'#!/bin/sh\n[ "$*" = "stack init" ] && echo "{said}"\n')
    lindero.chmod(0o755)
    up = _make("up", cwd=copy, path=_with_compose(tmp_path))
    assert up.returncode == 0, up.stderr
    assert ("--force-recreate" in (tmp_path / "asked").read_text()) is changed
    assert ("cambió databaler_client_secret" in up.stdout) is changed


def test_images_are_pinned_to_the_digests_that_this_machine_has(tmp_path: Path) -> None:
    copy, docker = _copy(tmp_path), tmp_path / "docker"
    for name in (".ci/pin", "Dockerfile", "docker-compose.yml"):
        (copy / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    docker.write_text('#!/bin/sh\necho "${5%:*}@sha256:$(printf %064d ${#5})"\n')
    docker.chmod(0o755)
    told = {"PATH": os.environ["PATH"], "DOCKER": str(docker)}
    run = {"cwd": copy, "env": told, "capture_output": True, "text": True, "timeout": 60}
    assert subprocess.run([".ci/pin"], **run).returncode == 0
    pinned = yaml.safe_load((copy / "compose.pins.yml").read_text())["services"]
    images = [pinned["postgres"]["image"], pinned["redis"]["image"]]
    images.append(pinned["prefect-server"]["build"]["args"]["BASE_IMAGE"])
    tags = [services()[name]["image"] for name in STORES]
    tags += re.findall("^ARG BASE_IMAGE=(.+)$", (ROOT / "Dockerfile").read_text(), re.M)
    assert images == [f"{tag}@sha256:{len(tag):064d}" for tag in tags]
    assert _make("up", cwd=copy, path=_with_compose(tmp_path)).returncode == 0
    assert "-f compose.pins.yml up" in (tmp_path / "asked").read_text()

    newer = (copy / "docker-compose.yml").read_text().replace(tags[0], "postgres:99.1-trixie")
    (copy / "docker-compose.yml").write_text(newer)
    refused = subprocess.run([".ci/pin", "check"], **run)
    assert refused.returncode == 2
    assert "compose.pins.yml no fija postgres:99.1-trixie" in refused.stderr

    kept = (copy / "compose.pins.yml").read_bytes()
    has = docker.read_text().splitlines()[1]
    for lacks in ("postgres:*", "redis:*", "python:*", "*"):  # it came from no registry
        docker.write_text(f'#!/bin/sh\ncase "$5" in {lacks}) ;; *) {has};; esac\n')
        refused = subprocess.run([".ci/pin"], **run)
        assert refused.returncode == 2, lacks
        assert f"esta máquina no tiene {lacks[:-1]}" in refused.stderr
        assert (copy / "compose.pins.yml").read_bytes() == kept


@pytest.mark.parametrize("of", ["onedrive", "empresas"])
def test_a_compose_file_of_the_installation_is_taken_where_it_is(of: str, tmp_path: Path) -> None:
    copy = _copy(tmp_path)
    (copy / f"compose.{of}.yml").write_text("services: {}\n")
    _make("down", cwd=copy, path=_with_compose(tmp_path))
    assert f"-f docker-compose.yml -f compose.{of}.yml down" in (tmp_path / "asked").read_text()


def test_down_keeps_what_the_containers_said_last(tmp_path: Path) -> None:
    """Docker takes their logs away with them; nothing is kept over by a second down."""
    copy, path = _copy(tmp_path), _with_compose(tmp_path)
    program = Path(path) / "docker-compose"
    program.write_text(
        '#!/bin/sh\ncase "$* " in *" ps "*) echo id;; *" logs "*) echo "worker | dijo";; esac\n'
    )
    kept = copy / "data" / "contenedores.log"
    assert _make("down", cwd=copy, path=path).returncode == 0
    assert kept.read_text() == "worker | dijo\n"
    program.write_text("#!/bin/sh\n")
    assert _make("down", cwd=copy, path=path).returncode == 0
    assert kept.read_text() == "worker | dijo\n"


def test_clean_removes_only_what_the_targets_made(tmp_path: Path) -> None:
    copy = _copy(tmp_path)
    made = [".venv/bin/python", ".tools/image-check/trixie/etc/x", ".pytest_cache/x", "build/x"]
    made += ["lindero"]
    theirs = [".env", "outputs/cultivos/x.gpkg", "test_outputs/x", "data/lindero/prod/x", "logs/x"]
    theirs += ["data/postgres/pgdata/x", "symlink_config.json", "compose.onedrive.yml", "mine.txt"]
    for name in (*made, *theirs):
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text("x")
    assert _make("clean", cwd=copy).returncode == 0
    assert [name for name in made if (copy / name).exists()] == []
    assert [name for name in theirs if not (copy / name).exists()] == []


def test_the_parts_of_the_tests_are_all_of_them() -> None:
    asked = {
        "test": '-m "not slow"',
        "test-slow": "-m slow",
        "test-unit": '-m "not integration and not slow"',
        "test-integration": '-m "integration and not slow"',
    }
    for target, which in asked.items():
        assert f"{which} \n" in _make("-n", target, cwd=ROOT).stdout


def _copy(tmp_path: Path) -> Path:
    """The Makefile alone in a folder, after ``make init``."""
    folder = tmp_path / "copy"
    (folder / "data" / "secretos").mkdir(parents=True)
    (folder / "data" / "secretos" / "prefect_postgres_password").write_text("x")
    shutil.copy(ROOT / "Makefile", folder)
    return folder


def _bare(tmp_path: Path) -> str:
    """A path on which there is a shell and its tools, and no compose."""
    folder = tmp_path / "bare"
    folder.mkdir()
    tools = "bash sh make grep sed expand tail id mkdir chown printf rm true false env dirname"
    for name in tools.split():
        found = shutil.which(name)
        if found:
            (folder / name).symlink_to(found)
    return str(folder)


def _with_compose(tmp_path: Path) -> str:
    """The same with a docker-compose that notes what it was asked."""
    folder = Path(_bare(tmp_path))
    program = folder / "docker-compose"
    program.write_text(
        f'#!/bin/sh\necho "$*" >> {tmp_path}/asked\n'
        f'echo "$LINDERO_UID:$LINDERO_GID" > {tmp_path}/user\n'
    )
    program.chmod(0o755)
    return str(folder)


def _make(*targets: str, cwd: Path, path: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [shutil.which("make") or "make", *targets],
        cwd=cwd,
        env={"PATH": path or os.environ["PATH"], "HOME": str(cwd)},
        capture_output=True,
        text=True,
        timeout=60,
    )
