"""What `lindero doctor` says of this machine's settings and folders."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from Modules.disk.publish import publish_files
from Modules.disk.published import conflict_copies
from Modules.disk.sentinels import RECORDS_NAME, SENTINEL_NAME, sentinel_text
from Modules.health import doctor_server
from Modules.health.doctor import examine
from Modules.products.cultivos import CARPETA as CULTIVOS
from Modules.products.registry import product_folders
from Modules.settings import PROJECT_ROOT, Settings
from Modules.store.snapshots import SnapshotStore
from Modules.words.domain import Modo
from Modules.words.finding import Finding
from Modules.words.secret import Secret
from tests.store.test_snapshots import night

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CANARY = "canario7f3a9c"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        lindero_outputs_dir=tmp_path / "outputs",
        lindero_state_dir=tmp_path / "state",
        lindero_symlink_config=tmp_path / "symlink_config.json",
    )


def rows(settings: Settings, **changes: object) -> dict[str, Finding]:
    found = examine(replace(settings, **changes), Modo.PROD, NOW).findings
    return {one.what: one for one in found}


def bad(found: dict[str, Finding]) -> list[str]:
    return [one.what for one in found.values() if one.is_error]


def test_a_fresh_machine_has_warnings_and_nothing_bad(settings: Settings) -> None:
    found = rows(settings)
    assert bad(found) == []
    assert examine(settings, Modo.PROD, NOW).exit_code == 0
    assert found["Avisos de una noche mala"].is_warning
    assert "nadie se entera" in found["Avisos de una noche mala"].notes[0]
    assert found["Servidor de Prefect"].is_warning
    assert {f"Destino {name}" for name in product_folders()} <= set(found)
    assert all(one.todo for one in found.values() if one.is_error)
    assert not settings.lindero_outputs_dir.exists()  # a look leaves nothing behind
    assert not settings.lindero_state_dir.exists()


@pytest.mark.parametrize(
    ("value", "strong"),
    [("prefect", False), (f"corta{CANARY}"[:8], False), (f"{CANARY}-x8Kd2", True)],
)
def test_a_secret_is_judged_and_never_shown(settings: Settings, value: str, strong: bool) -> None:
    found = rows(settings, prefect_redis_messaging_password=Secret(value))
    assert found["Secreto de Redis"].fine is strong
    assert found["Secreto de Redis"].is_error is not strong
    assert "PREFECT_REDIS_MESSAGING_PASSWORD" in found["Secreto de Redis"].notes[0]
    assert "canario" not in str(found)


@pytest.mark.skipif(sys.platform == "win32", reason="its files have no such modes")
@pytest.mark.parametrize(("mode", "open_"), [(0o600, False), (0o640, False), (0o644, True)])
def test_a_file_of_secrets_that_everybody_reads_is_a_warning(
    settings: Settings, tmp_path: Path, mode: int, *, open_: bool
) -> None:
    path = tmp_path / "secret"
    path.write_text("canary-of-the-portal")
    path.chmod(mode)
    found = rows(settings, databaler_client_secret=Secret("canary-of-the-portal", path))
    assert ("Archivo de secretos" in found) is open_
    if open_:
        said = found["Archivo de secretos"]
        assert not said.fine
        assert not said.is_error
        assert f"chmod 600 {path}" in str(said)
        assert "canary" not in str(said)


def test_where_the_server_is_elsewhere_its_stores_secrets_are_not_missed(
    settings: Settings,
) -> None:
    here = rows(settings)
    there = rows(settings, prefect_api_url="http://prefect-server:4200/api")
    assert {"Secreto de la base", "Secreto de Redis"} <= set(here)
    assert not {"Secreto de la base", "Secreto de Redis"} & set(there)
    assert "Secreto de la API" in there


def test_alerts_that_are_set_and_wrong_are_bad(settings: Settings) -> None:
    assert bad(rows(settings, lindero_alert_email="a@b.example")) == ["Avisos de una noche mala"]
    hook = Secret(f"https://hooks.example/{CANARY}")
    found = rows(settings, lindero_alert_webhook_url=hook)
    assert found["Avisos de una noche mala"].fine
    assert "van por webhook" in found["Avisos de una noche mala"].notes[0]
    assert CANARY not in str(found)


def test_a_portal_without_credentials_is_a_warning(settings: Settings) -> None:
    found = rows(settings, databaler_base_url="https://portal.example")
    assert found["Portal"].is_warning
    assert "DATABALER_CLIENT_SECRET" in found["Portal"].notes[0]


def test_a_profile_that_cannot_be_read_is_bad(settings: Settings, tmp_path: Path) -> None:
    assert bad(rows(settings, databaler_profile=tmp_path / "falta.toml")) == ["Perfil del portal"]


def test_a_file_where_a_folder_is_needed_is_bad(settings: Settings) -> None:
    settings.lindero_outputs_dir.mkdir()
    (settings.lindero_outputs_dir / CULTIVOS).write_text("a file", "utf-8")
    assert bad(rows(settings)) == ["Destino cultivos"]


def test_state_that_cannot_be_written_is_bad(settings: Settings) -> None:
    settings.lindero_state_dir.write_text("a file", "utf-8")
    assert "Carpeta de los backups" in bad(rows(settings))


# --- links and sentinels -------------------------------------------------------------------------


def linked(settings: Settings, target: Path) -> Path:
    """A link for cultivos, configured and there."""
    config = {"../outputs/cultivos": str(target)}
    settings.lindero_symlink_config.write_text(json.dumps(config), "utf-8")
    settings.lindero_outputs_dir.mkdir()
    link = settings.lindero_outputs_dir / CULTIVOS
    link.symlink_to(target)
    return link


def prepared(settings: Settings) -> None:
    record = settings.lindero_outputs_dir / RECORDS_NAME / f"{CULTIVOS}.json"
    record.parent.mkdir()
    record.write_text(sentinel_text(CULTIVOS), "utf-8")


def test_a_target_with_its_sentinel_is_good(settings: Settings, tmp_path: Path) -> None:
    target = tmp_path / "OneDrive"
    target.mkdir()
    linked(settings, target)
    prepared(settings)
    (target / SENTINEL_NAME).write_text("\ufeff" + sentinel_text(CULTIVOS), "utf-8")
    found = rows(settings)
    assert bad(found) == []
    assert found["Señal de cultivos"].notes[0] == "el destino es el que se preparó"


def test_not_reachable_is_told_from_empty(settings: Settings, tmp_path: Path) -> None:
    target = tmp_path / "OneDrive"
    linked(settings, target)  # it leads nowhere
    prepared(settings)
    found = rows(settings)
    assert found["Señal de cultivos"].notes[0] == "el destino no se alcanza"
    target.mkdir()  # an empty folder stands where the target should be mounted
    found = rows(settings)
    assert found["Señal de cultivos"].is_error
    assert "vacía" in found["Señal de cultivos"].notes[0]
    (target / "viejo.kmz").write_text("x", "utf-8")
    assert "con archivos, sin la señal" in rows(settings)["Señal de cultivos"].notes[0]
    (target / SENTINEL_NAME).write_text(sentinel_text("muestreos"), "utf-8")
    assert "de otra carpeta" in rows(settings)["Señal de cultivos"].notes[0]


def test_a_folder_that_a_product_looks_for_beside_its_own_is_told_where_it_is_not(
    settings: Settings, tmp_path: Path
) -> None:
    drive = tmp_path / "OneDrive"
    (drive / "informe").mkdir(parents=True)
    config = {"../outputs/informe": str(drive / "informe")}
    config["../outputs/mapa"] = str(drive / "mapa")
    settings.lindero_symlink_config.write_text(json.dumps(config), "utf-8")
    found = examine(settings, Modo.PROD, NOW).findings
    notes = [note for one in found if one.what == "Destino informe" for note in one.notes]
    assert f"{CULTIVOS} lleva a otro lugar: desde informe no se abren sus archivos" in notes
    assert not [note for note in notes if note.startswith("mapa ")]


def test_a_target_that_was_never_prepared_is_a_warning(settings: Settings, tmp_path: Path) -> None:
    target = tmp_path / "OneDrive"
    target.mkdir()
    linked(settings, target)
    assert rows(settings)["Señal de cultivos"].is_warning


def test_a_plain_folder_where_a_link_is_configured_is_bad(
    settings: Settings, tmp_path: Path
) -> None:
    linked(settings, tmp_path / "OneDrive").unlink()
    (settings.lindero_outputs_dir / CULTIVOS).mkdir()
    assert "Destino cultivos" in bad(rows(settings))


def test_a_configuration_of_links_that_cannot_be_read_is_bad(settings: Settings) -> None:
    settings.lindero_symlink_config.write_text("{", "utf-8")
    assert bad(rows(settings)) == ["Enlaces"]


# --- conflicts and retention ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "is_conflict"),
    [
        ("cultivos_25-26-DESKTOP-AB12CD3.gpkg", True),
        ("cultivos_25-26-NOTEBOOK-ANA.gpkg", True),
        ("cultivos_25-26-OficinaPC 2.gpkg", True),
        ("cultivos_25-26-revisado.gpkg", False),  # a person's own copy
        ("cultivos_25-26-DESKTOP-AB12CD3.qgz", False),
        ("otra-DESKTOP-AB12CD3.gpkg", False),
        ("cultivos_25-26-ESTE-NOMBRE-ES-MUY-LARGO.gpkg", False),
    ],
)
def test_copies_in_conflict_are_known_by_the_computers_name(
    tmp_path: Path, name: str, is_conflict: bool
) -> None:
    folder = tmp_path / "outputs" / CULTIVOS
    source = tmp_path / "made.gpkg"
    source.write_text("x", "utf-8")
    built = {"cultivos_25-26.gpkg": source, "cultivos_25-26-PUBLICADO.gpkg": source}
    publish_files(built, folder, snapshot_id="x", now=NOW)
    (folder / name).write_text("y", "utf-8")
    found = list(conflict_copies(tmp_path / "outputs"))
    assert found == ([folder / name] if is_conflict else [])


def test_copies_in_conflict_are_listed(settings: Settings, tmp_path: Path) -> None:
    source = tmp_path / "made.kmz"
    source.write_text("x", "utf-8")
    folder = settings.lindero_outputs_dir / CULTIVOS
    publish_files({"a/uno.kmz": source}, folder, snapshot_id="x", now=NOW)
    (folder / "a" / "uno-PC-CAMPO.kmz").write_text("y", "utf-8")
    row = rows(settings)["Copias en conflicto"]
    assert row.is_warning
    assert row.notes == ("1: cultivos/a/uno-PC-CAMPO.kmz",)


def test_quarantine_beyond_its_days_is_a_warning(settings: Settings) -> None:
    store = SnapshotStore(settings.store_dir(Modo.PROD))
    night(store, accepted=False, now=NOW - timedelta(days=30))
    assert rows(settings)["Retención"].fine
    night(store, accepted=False, now=NOW - timedelta(days=120))
    row = rows(settings)["Retención"]
    assert row.is_warning
    assert "0 backups, 2 en cuarentena" in row.notes[0]


def test_a_damaged_backup_is_bad(settings: Settings) -> None:
    snapshot = night(SnapshotStore(settings.store_dir(Modo.PROD)), now=NOW)
    (snapshot.path / "manifest.json").write_text("{}", "utf-8")
    found = rows(settings)
    assert bad(found) == ["Backups dañados"]
    assert str(snapshot.id) in found["Backups dañados"].notes[0]


def test_another_time_zone_is_a_warning(settings: Settings) -> None:
    assert rows(settings, tz="America/Montevideo")["Zona horaria"].is_warning


class _Server:
    """A Prefect server that holds deployments that are not ours."""

    def ask(self, path: str, body: object = None) -> object:
        if path.startswith("/flows/"):
            return {"name": "Lluvias"}
        if body["offset"]:  # type: ignore[index]
            return []
        step = "prefect.deployments.steps.set_working_directory"
        folders = {"bien": PROJECT_ROOT, "mal": PROJECT_ROOT / "scripts", "fuera": "/srv/otro"}
        folders["montada"] = "/app/scripts"  # where a container has outputs and test_outputs too
        zones = {"bien": "America/Argentina/Buenos_Aires", "fuera": None}
        crons = {name: {"cron": "0 3 * * *", "timezone": zone} for name, zone in zones.items()}
        return [
            {
                "name": name,
                "flow_id": "1",
                "pull_steps": [{step: {"directory": str(folder)}}],
                "schedules": [{"schedule": crons[name]}] if name in crons else [],
            }
            for name, folder in folders.items()
        ] + [
            {
                "name": "nada",
                "flow_id": "1",
                "pull_steps": None,
                "schedules": [{"schedule": {"interval": 60.0}}],
            }
        ]


def test_a_flow_of_the_users_whose_outputs_would_land_in_scripts_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doctor_server, "DEPLOYMENTS", {})
    others, astray, zoneless = doctor_server._deployments(_Server())  # type: ignore[arg-type]
    assert others.fine
    assert others.notes[0].count("Lluvias/") == 5
    assert astray.is_warning
    assert astray.notes[0].endswith('Path("outputs"): Lluvias/mal')
    assert f"source={PROJECT_ROOT}" in astray.todo
    assert zoneless.is_warning
    assert zoneless.notes[0].endswith("corre tres horas antes: Lluvias/fuera")
    assert "timezone=" in zoneless.todo
