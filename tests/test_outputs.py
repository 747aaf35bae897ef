"""Folders of the users' own products: where ``test`` says, and refused as ours are."""

from __future__ import annotations

from pathlib import Path

import pytest

from Modules.outputs import carpeta, publicar, ultimas_tablas
from Modules.settings import load_settings
from Modules.words.errors import DataError, PublishError
from scripts.ejemplo_propio import resumir
from tests.productos_hechos import keep
from tests.sample_tables import SEASON, tables


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINDERO_OUTPUTS_DIR", str(tmp_path / "outputs"))
    monkeypatch.setenv("LINDERO_TEST_OUTPUTS_DIR", str(tmp_path / "test_outputs"))
    monkeypatch.setenv("LINDERO_SYMLINK_CONFIG", str(tmp_path / "symlink_config.json"))
    monkeypatch.setenv("LINDERO_STATE_DIR", str(tmp_path / "data"))


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
    with pytest.raises(PublishError, match="armarlo"):
        carpeta(name, test=False)
    carpeta(name, test=True)  # a trial has no links
    (tmp_path / "outputs").mkdir()
    (tmp_path / "outputs" / "lluvias").symlink_to(onedrive)
    (carpeta(name, test=False) / "mm.csv").write_text("12", encoding="utf-8")
    assert [path.name for path in onedrive.rglob("*.csv")] == ["mm.csv"]


def test_what_a_block_builds_is_published_whole_and_replaces_what_it_built_before() -> None:
    with publicar("lluvias", test=True) as building:
        (building / "enero.csv").write_text("1")
        (building / "mapas").mkdir()
        (building / "mapas" / "norte.csv").write_text("2")
    folder = carpeta("lluvias", test=True)
    (folder / "de_otro.txt").write_text("mine")
    with publicar("lluvias", test=True) as building:
        (building / "febrero.csv").write_text("3")

    left = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert left == {"febrero.csv", "de_otro.txt", ".lindero.json"}


def test_a_block_that_fails_publishes_nothing() -> None:
    with publicar("lluvias", test=True) as building:
        (building / "enero.csv").write_text("1")

    def half(building: Path) -> None:
        (building / "enero.csv").write_text("half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), publicar("lluvias", test=True) as building:
        half(building)

    assert (carpeta("lluvias", test=True) / "enero.csv").read_text() == "1"


def test_the_example_publishes_the_hectares_of_the_last_accepted_night() -> None:
    with pytest.raises(DataError, match="no hay un backup aceptado"):
        ultimas_tablas(str(SEASON), test=True)
    night = tables(6)
    night.siembras["lote_id"] = night.lotes["lote_id"]
    keep(load_settings(), night)

    assert resumir.fn(str(SEASON), test=True) == "ejemplo_propio"

    lines = (carpeta("ejemplo_propio", test=True) / "cultivos.csv").read_text().splitlines()
    hectares = sum(float(line.split(";")[1].replace(",", ".")) for line in lines[1:])
    assert lines[0] == "cultivo;superficie_ha"
    assert hectares == pytest.approx(night.lotes["superficie_ha"].sum(), abs=0.01 * len(lines))
