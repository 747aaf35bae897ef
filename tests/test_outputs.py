"""Folders of the users' own products: where ``test`` says, and refused as ours are."""

from __future__ import annotations

from pathlib import Path

import pytest

from Modules.outputs import carpeta
from Modules.words.errors import PublishError


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINDERO_OUTPUTS_DIR", str(tmp_path / "outputs"))
    monkeypatch.setenv("LINDERO_TEST_OUTPUTS_DIR", str(tmp_path / "test_outputs"))
    monkeypatch.setenv("LINDERO_SYMLINK_CONFIG", str(tmp_path / "symlink_config.json"))


def test_a_trial_goes_below_test_outputs_and_the_rest_below_outputs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert carpeta("lluvias", test=True) == tmp_path / "test_outputs" / "lluvias"
    assert carpeta("lluvias/25-26", test=False) == tmp_path / "outputs" / "lluvias" / "25-26"
    assert carpeta("lluvias/25-26", test=False).is_dir()


@pytest.mark.parametrize("name", ["", "../otro", "/tmp/x", "C:/x", "nul", "a?b", "lluvias/"])
def test_a_name_that_leaves_the_outputs_or_that_windows_refuses_is_refused(
    name: str, tmp_path: Path
) -> None:
    with pytest.raises(PublishError):
        carpeta(name, test=True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["lluvias", "lluvias/25-26"])
def test_a_plain_folder_where_a_link_is_configured_is_refused(name: str, tmp_path: Path) -> None:
    onedrive = tmp_path / "OneDrive"
    onedrive.mkdir()
    (tmp_path / "symlink_config.json").write_text(
        f'{{"../outputs/lluvias": "{onedrive.as_posix()}"}}', encoding="utf-8"
    )
    with pytest.raises(PublishError, match="set it up"):
        carpeta(name, test=False)
    carpeta(name, test=True)  # a trial has no links
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "lluvias").symlink_to(onedrive)
    (carpeta(name, test=False) / "mm.csv").write_text("12", encoding="utf-8")
    assert [path.name for path in onedrive.rglob("*.csv")] == ["mm.csv"]
