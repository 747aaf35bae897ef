"""What starts the platform with the machine, read by those who will read it, or their grammar."""

from __future__ import annotations

import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from Modules.settings import PROJECT_ROOT
from Modules.stack import units
from tests import powershell_reading as ps

TASK = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files as ``lindero stack units`` writes them."""
    folder = tmp_path_factory.mktemp("units") / "nueva"
    assert {path.name for path in units.write_units(folder)} == set(units.TEMPLATES)
    return folder


def test_systemd_finds_no_fault_in_the_service(folder: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not on this machine")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", str(folder / "lindero.service")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"XDG_RUNTIME_DIR": str(folder), "HOME": str(folder), "PATH": "/usr/bin:/bin"},
    )

    assert "lindero.service" not in done.stderr, done.stderr


def test_the_service_stays_is_restarted_and_leaves_the_five_to_who_comes_after(
    folder: Path,
) -> None:
    lines = (folder / "lindero.service").read_text(encoding="utf-8").splitlines()

    assert f'ExecStart="{sys.executable}" -m Modules.cli.main stack up --stay' in lines
    assert f"WorkingDirectory={PROJECT_ROOT}" in lines
    assert {"Restart=always", "KillMode=process", "WantedBy=default.target"} <= set(lines)
    assert any("loginctl enable-linger" in line for line in lines)


def test_a_folder_with_a_percent_sign_and_an_ampersand_is_written_as_each_wants_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = Path("/srv/100% campo & cía")
    monkeypatch.setattr(units, "PROJECT_ROOT", odd)
    units.write_units(tmp_path)

    service = (tmp_path / "lindero.service").read_text(encoding="utf-8")
    assert "WorkingDirectory=/srv/100%% campo & cía\n" in service
    task = ET.parse(tmp_path / "lindero-tarea.xml").getroot()
    assert task.findtext(f".//{TASK}WorkingDirectory") == str(odd)


def test_the_task_has_what_its_schema_requires_in_the_schemas_order(folder: Path) -> None:
    """Order and required elements of [MS-TSCH] 2.5, and what lets it run for ever."""
    data = (folder / "lindero-tarea.xml").read_bytes()
    assert data.startswith((b"\xff\xfe", b"\xfe\xff"))  # as its first line says
    task = ET.fromstring(data)

    assert (task.tag, task.get("version")) == (f"{TASK}Task", "1.2")
    assert [child.tag.removeprefix(TASK) for child in task] == [
        *("RegistrationInfo", "Triggers", "Principals", "Settings", "Actions")
    ]
    principal = task.find(f"{TASK}Principals/{TASK}Principal")
    actions = task.find(f"{TASK}Actions")
    assert principal is not None
    assert actions is not None
    assert actions.get("Context") == principal.get("id")
    assert task.find(f"{TASK}Triggers/{TASK}BootTrigger") is not None
    assert task.findtext(f".//{TASK}Command") == sys.executable
    assert task.findtext(f".//{TASK}Arguments") == "-m Modules.cli.main stack up --single --stay"
    assert task.findtext(f".//{TASK}ExecutionTimeLimit") == "PT0S"  # by default three days
    assert task.findtext(f".//{TASK}RestartOnFailure/{TASK}Interval") == "PT1M"


def test_the_script_that_registers_the_task_is_powershell_and_fills_in_who(folder: Path) -> None:
    data = (folder / "lindero-tarea.ps1").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")  # PowerShell 5 reads accents by it
    script = data.decode("utf-8-sig")

    assert ps.faults(ps.parsed(script)) == []
    assert "__USUARIO__" in script
    assert "__USUARIO__" in (folder / "lindero-tarea.xml").read_text(encoding="utf-16")
    assert "lindero-tarea.xml" in script
