"""``compose.onedrive.yml`` says the same to YAML and to compose, whatever a folder is called."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path, PurePosixPath, PureWindowsPath

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from Modules.onedrive.compose import COMPOSE_NAME, compose, quoted
from Modules.onedrive.config import Enlace

HOSTILE = (
    "C:/Users/ñandú/OneDrive - EMPRESA/cultivos",
    "C:/Users/O'Brien/OneDrive - ‘E’ ‚x‛/KMZ",
    "C:/a/OneDrive/$HOME ${x} $$y",
    "C:/a/OneDrive/`b` [c] {d} #e, f; g && h %PATH% !i & *j @k ~l",
    "C:/a/OneDrive/ - yes",
    "C:/a/OneDrive/" + "muy largo " * 18 + "fin",
    "C:/a/OneDrive/🌾 trigo",
)
LINKS = [
    Enlace(PurePosixPath(f"outputs/carpeta {number}"), PureWindowsPath(target))
    for number, target in enumerate(HOSTILE)
]


def _mounts(text: str) -> list[dict[str, object]]:
    found = yaml.safe_load(text)["services"]
    assert list(found) == ["prefect-worker"]
    volumes: list[dict[str, object]] = found["prefect-worker"]["volumes"]
    return volumes


def test_each_target_is_mounted_on_its_product_folder_and_must_be_there() -> None:
    mapping, *mounts = _mounts(compose(LINKS))
    assert mapping["target"] == "/app/symlink_config.json"
    assert mapping["read_only"] is True
    twice = [text for text in HOSTILE for _ in range(2)]  # a run may begin in scripts
    assert [str(one["source"]).replace("$$", "$") for one in mounts] == twice
    roots = ("/app", "/app/scripts")
    assert [one["target"] for one in mounts] == [
        f"{root}/{link.enlace}" for link in LINKS for root in roots
    ]
    assert all(one["bind"] == {"create_host_path": False} for one in (mapping, *mounts))
    assert {one["type"] for one in (mapping, *mounts)} == {"bind"}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_comes_back_from_yaml_with_dollars_doubled(text: str) -> None:
    assert yaml.safe_load(quoted(text)) == text.replace("$", "$$")


@pytest.mark.integration
def test_compose_reads_it_beside_the_stack(tmp_path: Path) -> None:
    """docker-compose 1.29 never makes a missing folder, and does not know the option against it."""
    command = shutil.which("docker-compose")
    if command is None:
        pytest.skip("docker-compose is not installed")
    text = compose(LINKS).replace("        bind:\n          create_host_path: false\n", "")
    base = "services:\n  prefect-worker:\n    image: x\n    volumes: [./outputs:/app/outputs]\n"
    (tmp_path / "docker-compose.yml").write_text(base, encoding="utf-8")
    (tmp_path / COMPOSE_NAME).write_text(text, encoding="utf-8")
    done = subprocess.run(
        [command, "-f", "docker-compose.yml", "-f", COMPOSE_NAME, "config"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    volumes = yaml.safe_load(done.stdout)["services"]["prefect-worker"]["volumes"]
    sources = {v["target"]: v["source"] for v in volumes if isinstance(v, dict)}
    for link, target in zip(LINKS, HOSTILE, strict=True):
        assert sources[f"/app/{link.enlace}"].replace("$$", "$").endswith(target)
