"""``setup_symlinks.py`` as the person at the machine runs it: on a Python without any package."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from Modules.products.registry import product_folders
from tests import powershell_reading as ps

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parent.parent.parent
ONEDRIVE = "C:\\Users\\Ñandú O'Brien\\OneDrive - EMPRESA"
WRITTEN = {"symlink_config.json", "create_symlinks.ps1", "compose.onedrive.yml"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A checkout with the program and the modules it may import."""
    folder = tmp_path / "Lindero ñ"
    shutil.copytree(ROOT / "Modules", folder / "Modules", ignore=shutil.ignore_patterns("*cache*"))
    shutil.copy(ROOT / "setup_symlinks.py", folder)
    return folder


def _run(
    project: Path, *argv: str, answers: str = "", environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """No site-packages: what is imported comes with Python or with the project."""
    return subprocess.run(
        [sys.executable, "-S", "-E", "-B", "setup_symlinks.py", *argv],
        cwd=project,
        input=answers,
        env={"PYTHONUTF8": "1", "LANG": "C.UTF-8", **(environment or {})},
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def _files(project: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in project.iterdir() if path.is_file()}


def _mapping(project: Path) -> dict[str, str]:
    found: dict[str, str] = json.loads((project / "symlink_config.json").read_text("utf-8"))
    return found


def _refused(project: Path, *argv: str, answers: str = "") -> str:
    """What a run that writes nothing says."""
    before = _files(project)
    done = _run(project, *argv, answers=answers)
    assert done.returncode == 2, done
    assert _files(project) == before
    assert done.stderr.endswith("No se escribió nada.\n")
    assert "Traceback" not in done.stderr
    return done.stderr


def test_one_option_is_enough_for_all_products_and_again_changes_nothing(project: Path) -> None:
    done = _run(project, "--onedrive", ONEDRIVE, "--si", "--no-preguntar")
    assert done.returncode == 0, done.stderr
    assert set(_files(project)) == {"setup_symlinks.py", *WRITTEN}
    root = ONEDRIVE.replace("\\", "/")
    assert _mapping(project) == {f"../outputs/{n}": f"{root}/{n}" for n in product_folders()}
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in project.iterdir() if p.is_file()}
    again = _run(project)
    assert again.returncode == 0, again.stderr
    assert again.stdout.count("sin cambios") == 3
    assert before == {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in before}


def test_what_it_writes_can_be_read_by_powershell_and_compose(project: Path) -> None:
    _run(project, "--onedrive", ONEDRIVE, "--si")
    text = (project / "create_symlinks.ps1").read_bytes().decode("utf-8-sig")
    tree = ps.parsed(text)
    assert ps.faults(tree) == []
    carried = {one["Carpeta"]: one["Destino"] for one in ps.assigned(tree, "$Enlaces")}
    assert carried == {name: f"{ONEDRIVE}\\{name}" for name in product_folders()}
    stack = yaml.safe_load((project / "compose.onedrive.yml").read_text("utf-8"))
    mounts = stack["services"]["prefect-worker"]["volumes"]
    assert [mount["target"] for mount in mounts[1:]] == [
        f"/app/{below}outputs/{name}" for name in product_folders() for below in ("", "scripts/")
    ]


def test_a_config_in_the_users_form_is_read_without_a_question(project: Path) -> None:
    text = (
        '{\n    "../outputs/cultivos": "C:/Users/x/OneDrive - EMPRESA/Mapas/cultivos",\n'
        '    "../outputs/KMZ POR CAMPO": "C:\\\\Users\\\\x\\\\OneDrive - EMPRESA\\\\KMZ"\n}'
    )
    (project / "symlink_config.json").write_text(text, encoding="utf-8-sig")
    done = _run(project)
    assert done.returncode == 0, done.stderr
    assert "symlink_config.json: sin cambios" in done.stdout
    assert (project / "symlink_config.json").read_text(encoding="utf-8-sig") == text
    assert "outputs/KMZ POR CAMPO  ->  C:\\Users\\x\\OneDrive - EMPRESA\\KMZ" in done.stdout


def test_answers_are_asked_for_until_they_are_right(project: Path) -> None:
    answers = [
        "OneDrive",  # not a whole path
        f'"{ONEDRIVE}"',  # as Explorer copies it
        "",  # Backup_Databaler: as proposed
        "D:/otra/cultivos",  # outside
        f"{ONEDRIVE}\\Backup_Databaler",  # taken
        f"{ONEDRIVE}\\Mapas\\cultivos",
        *["-"] * (len(product_folders()) - 2),
        "s",
    ]
    done = _run(project, answers="\n".join(answers) + "\n")
    assert done.returncode == 0, done
    assert "no es una ruta completa" in done.stdout
    assert "cultivos: su destino D:\\otra\\cultivos no está dentro de OneDrive" in done.stdout
    assert "cultivos: tiene el mismo destino que Backup_Databaler" in done.stdout
    root = ONEDRIVE.replace("\\", "/")
    assert _mapping(project) == {
        "../outputs/Backup_Databaler": f"{root}/Backup_Databaler",
        "../outputs/cultivos": f"{root}/Mapas/cultivos",
    }


def test_onedrive_is_proposed_from_the_environment(project: Path) -> None:
    environment = {"OneDriveCommercial": ONEDRIVE}
    done = _run(project, answers="\n" * 20, environment=environment)
    assert done.returncode == 0, done
    assert f"Carpeta de OneDrive en esta computadora [{ONEDRIVE}]" in done.stdout
    assert len(_mapping(project)) == len(product_folders())


def test_saying_no_or_nothing_writes_nothing(project: Path) -> None:
    enough = "\n" * (len(product_folders()) + 1)
    assert "Se canceló" in _refused(project, answers=f"{ONEDRIVE}{enough}n\n")
    assert "Se terminaron las respuestas" in _refused(project, answers=f"{ONEDRIVE}\n\n")
    assert "Se terminaron las respuestas" in _refused(project)
    assert "agregue --destino" in _refused(project, "--no-preguntar")
    everything = "-\n" * len(product_folders())
    assert "No quedó ninguna" in _refused(project, answers=f"{ONEDRIVE}\n{everything}")


def test_options_change_one_folder_and_leave_the_rest(project: Path) -> None:
    _run(project, "--onedrive", ONEDRIVE, "--si")
    before = _mapping(project)
    done = _run(project, "--destino", f"cultivos={ONEDRIVE}\\Mapas\\c", "--sin", "H3")
    assert done.returncode == 0, done.stderr
    root = ONEDRIVE.replace("\\", "/")
    expected = {**before, "../outputs/cultivos": f"{root}/Mapas/c"}
    del expected["../outputs/H3"]
    assert _mapping(project) == expected
    assert json.loads((project / "symlink_config.json.bak").read_text("utf-8")) == before


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--destino", "cultivos"], "--destino cultivos: escriba CARPETA=RUTA"),
        (["--destino", "cultivos=C:x"], "cultivos: el destino 'C:x' no es una ruta completa"),
        (["--destino", "cultivos=//nas/x"], "cultivos: el destino es una carpeta de red"),
        (["--destino", "cultivos=C:/x/y"], "cultivos: no se sabe dónde está OneDrive"),
        (["--destino", "H3=C:/OneDrive/C?N"], "H3: Windows no acepta el carácter ?"),
        (["--destino", "../../x/y=C:/OneDrive/x"], "escriba la carpeta como"),
        (
            ["--destino", "a=C:/OneDrive/x", "--destino", "a=C:/OneDrive/y"],
            "a: --destino está dos veces",
        ),
        (["--onedrive", "OneDrive", "--si"], "--onedrive: el destino 'OneDrive' no es una ruta"),
        (["--sin", "nada"], "--sin nada: no hay una carpeta así"),
        (["--otra"], "--otra"),
        (["--centinelas"], "--centinelas se corre en el Windows"),
    ],
)
def test_a_wrong_option_says_which_folder_and_what_to_do(
    project: Path, argv: list[str], said: str
) -> None:
    assert said in _refused(project, *argv)


def test_every_fault_of_a_config_is_said_at_once(project: Path) -> None:
    text = json.dumps(
        {
            "../outputs/cultivos": "C:cultivos",
            "../outputs/H3": "",
            "muestreos": "C:/OneDrive/m",
            "../outputs/KMZ POR LOTE": "\\\\nas\\kmz",
        }
    )
    (project / "symlink_config.json").write_text(text, encoding="utf-8")
    lines = _refused(project).splitlines()
    assert [line.split(":")[0] for line in lines] == [
        "cultivos",
        "H3",
        "muestreos",
        "KMZ POR LOTE",
        "No se escribió nada.",
    ]


def test_a_config_that_is_no_json_is_not_written_over(project: Path) -> None:
    (project / "symlink_config.json").write_text('{"a": "C:\\x"}', encoding="utf-8")
    said = _refused(project, "--onedrive", ONEDRIVE, "--si")
    assert "symlink_config.json no se puede leer, línea 1" in said


def test_help_is_spanish(project: Path) -> None:
    done = _run(project, "--help")
    assert done.returncode == 0
    assert "--no-preguntar" in done.stdout
    assert "carpeta que OneDrive sincroniza" in done.stdout
