"""The Dockerfile and what may go into the image; ``make image-check`` builds and runs it."""

from __future__ import annotations

import fnmatch
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from Modules.settings import variable_names

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
BARE = re.sub(r"^\s*#.*\n", "", TEXT, flags=re.M)  # comments may stand inside a continued line
LINES = re.sub(r"\\\n\s*", " ", BARE).splitlines()
IGNORE = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
CHECKS = ("image-check", "compose-check", "standin", "run")


def _all(instruction: str) -> list[str]:
    return [line.split(" ", 1)[1] for line in LINES if line.startswith(f"{instruction} ")]


def test_all_stages_are_of_one_pinned_base_that_an_argument_replaces() -> None:
    assert _all("FROM") == ["${BASE_IMAGE} AS packages", "packages AS build", "${BASE_IMAGE}"]
    base = next(one for one in _all("ARG") if one.startswith("BASE_IMAGE="))
    assert re.fullmatch(r"BASE_IMAGE=python:3\.13\.\d+-slim-trixie", base)


def test_everything_comes_from_the_lock_by_a_pinned_uv() -> None:
    assert any(re.fullmatch(r"UV_VERSION=\d+\.\d+\.\d+", one) for one in _all("ARG"))
    assert '"uv==${UV_VERSION}"' in TEXT
    syncs = [line for line in _all("RUN") if "uv sync" in line]
    assert len(syncs) == 2
    assert all("uv sync --locked --no-dev --extra prompts" in line for line in syncs)
    assert "--no-install-project" in syncs[0]
    assert "UV_PYTHON_DOWNLOADS=never" in TEXT
    assert not re.search(r"apt-get|curl|wget|pip install (?!--no-cache-dir)", BARE)


def test_no_package_host_and_no_secret_is_named() -> None:
    assert "://" not in BARE
    assert not re.search(r"index-url|extra-index|find-links|trusted-host|--index", BARE)
    assert not [name for name in variable_names() if name != "TZ" and name in BARE]
    assert not re.search(r"(password|secret|token)\s*=", BARE, re.I)
    assert not _all("ADD")


def test_the_image_runs_as_nobody_special_and_writes_below_tmp() -> None:
    assert LINES.index("USER 1000:1000") > LINES.index("FROM ${BASE_IMAGE}")
    assert _all("USER") == ["1000:1000"]
    environment = " ".join(_all("ENV"))
    for name in ("HOME", "PREFECT_HOME", "PREFECT_SERVER_UI_STATIC_DIRECTORY"):
        assert re.search(rf"\b{name}=/tmp\b", environment), name
    assert "PYTHONDONTWRITEBYTECODE=1" in environment
    assert "PYTHONPATH" not in environment  # the project is installed, editable, from /app
    assert "--no-editable" not in TEXT
    assert _all("WORKDIR") == ["/app", "/app"]


def test_the_runtime_stage_takes_only_the_environment_and_the_project() -> None:
    runtime = LINES[LINES.index("FROM ${BASE_IMAGE}") :]
    copies = [line for line in runtime if line.startswith("COPY ")]
    assert copies == [
        "COPY --from=packages /opt/lindero /opt/lindero",  # the same while the lock is
        "COPY --from=build /opt/own /",
        "COPY --from=build /app /app",
    ]


def test_a_change_of_code_makes_no_layer_of_the_packages() -> None:
    """rm and chmod of the packages in the layer of the code cost 646 MB and 15 s a change."""
    packages, build = BARE.split("FROM packages AS build")
    assert "COPY . ." not in packages
    assert "rm -r pyarrow/include" in packages
    assert "! -name drive.v3.json ! -name sheets.v4.json -delete" in packages
    assert "chmod -R a+rX,go-w /opt/lindero\n" in packages
    assert not re.search(r"\brm\b|chmod[^\n]*/opt/lindero\b", build)


@pytest.mark.parametrize(
    ("command", "asked"),
    [
        ("/sbin/docker-init -- python -m Modules.stack.entry worker", "worker"),
        ("python -m prefect worker start --pool local-pool", "worker"),
        ("/sbin/docker-init -- python -m Modules.stack.entry services", "services"),
        ("python -m prefect server services start", "services"),
        ("/sbin/docker-init -- python -m Modules.stack.entry server", "server"),
        (
            "python -m Modules.stack.logs Modules.orchestration.prefect_masked server start",
            "server",
        ),
        ("/sbin/docker-init -- lindero demo-portal --port 8799", None),
        ("lindero --help", None),
    ],
)
def test_the_image_says_how_its_process_does(
    tmp_path: Path, command: str, asked: str | None
) -> None:
    (check,) = _all("HEALTHCHECK")
    text = check.partition("CMD ")[2]
    (tmp_path / "cmdline").write_text(command.replace(" ", "\0") + "\0")
    (tmp_path / "python").write_text('#!/bin/sh\necho "$*"\n')
    (tmp_path / "python").chmod(0o755)
    said = subprocess.run(
        ["sh", "-c", text.replace("/proc/1/cmdline", str(tmp_path / "cmdline"))],
        env={"PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert said.returncode == 0, said.stderr
    own = {"services": "-m Modules.watch healthy\n"}  # its companion too
    assert said.stdout == (
        own.get(asked, f"-m Modules.stack.entry healthy {asked}\n") if asked else ""
    )


@pytest.mark.parametrize(
    "path",
    [
        *(".env", ".env.local", "Modules/.env", "symlink_config.json", "anything-new.pem"),
        *("data/lindero/x", "outputs/x", "test_outputs/x", "logs/x", ".git/config", ".ci/run"),
        *("tests/conftest.py", "bench/kmz.py", "docs/settings.md", "docker-compose.yml"),
        *(".venv/bin/python", ".tools/bin/uv", "Modules/__pycache__/x.pyc", "scripts/x.pyc"),
    ],
)
def test_stays_out_of_the_image(path: str) -> None:
    assert not _sent(path)


@pytest.mark.parametrize(
    "path",
    [
        *("pyproject.toml", "uv.lock", "README.md", "LICENSE", "prefect.yaml"),
        *("Modules/settings.py", "Modules/demo/world.py", "scripts/backup_lotes.py"),
        "Modules/onedrive/create_symlinks.ps1",
    ],
)
def test_goes_into_the_image(path: str) -> None:
    assert (ROOT / path).is_file()
    assert _sent(path)


def test_what_the_project_file_names_is_sent() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    built = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    named = [project["project"]["readme"], *project["project"]["license-files"]]
    assert all(_sent(name) for name in named)
    assert all(_sent(f"{package}/__init__.py") for package in built)


@pytest.mark.parametrize("name", CHECKS)
def test_what_builds_and_runs_it_for_real_is_sound_shell(name: str) -> None:
    path = ROOT / ".ci" / name
    assert path.stat().st_mode & 0o111
    bash = shutil.which("bash")
    assert bash is not None
    assert subprocess.run([bash, "-n", str(path)]).returncode == 0
    text = path.read_text(encoding="utf-8")
    # hosts are the business of the machine it runs on
    assert "://" not in re.sub(r"(unix|http)://(\$|127\.0\.0\.1)", "", text)


def test_pip_lists_the_packages_of_the_image_and_not_those_of_its_base() -> None:
    assert "PIP_PYTHON=/opt/lindero/bin/python" in " ".join(_all("ENV"))


def _sent(path: str) -> bool:
    """Whether .dockerignore lets a file into the build: the last line that matches decides."""
    sent = True
    parts = Path(path).parts
    above = ["/".join(parts[: count + 1]) for count in range(len(parts))]
    for line in IGNORE:
        pattern = line.removeprefix("!").removeprefix("**/")
        if not pattern or line.startswith("#"):
            continue
        names = parts if "**/" in line else above
        if any(fnmatch.fnmatchcase(name, pattern) for name in names):
            sent = line.startswith("!")
    return sent
