"""Another machine carries on: a stack with nights, its archive, and a stack out of it."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stack.casa import Casa
from tests.stack.guide import copy_project
from tests.stack.plataforma import _free_port

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,  # two stacks; test_moving proves the archive, test_stack the database
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform == "win32", reason="no embedded servers on Windows"),
]


@pytest.fixture
def houses() -> Iterator[tuple[Casa, Casa]]:
    """Two checkouts below folders that PostgreSQL's own user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="lindero-casas-"))
    folder.chmod(0o755)
    made = []
    for name in ("vieja ñ", "nueva"):
        project = copy_project(folder / name, {}).folder / "lindero"
        made.append(Casa(project, Path(sys.executable), _free_port()))
    try:
        yield made[0], made[1]
    finally:
        for house in made:
            if house.project.is_dir():
                house.lindero("stack", "down", fine=False)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("single", [(), ("--single",)], ids=["five processes", "single"])
def test_a_stack_goes_on_elsewhere(houses: tuple[Casa, Casa], single: tuple[str, ...]) -> None:
    old, new = houses
    archive = old.project.parent.parent / "casa.tar"
    (old.project / "scripts" / "lluvias.py").write_text("# mine\n", encoding="utf-8")
    old.lindero("stack", "init")
    old.lindero("stack", "up", *single)
    assert old.night(day=0)["type"] == "COMPLETED"
    runs, deployments, kept = old.runs(), old.folders(), old.snapshots()
    assert "comprobados" in old.lindero("stack", "backup", str(archive))
    assert new.lindero("stack", "status", fine=False)
    old.lindero("stack", "down")
    shutil.rmtree(old.project.parent)  # the machine is gone

    said = new.lindero("stack", "restore", str(archive))
    assert "Se restauraron" in said
    assert (new.project / "scripts" / "lluvias.py").read_text(encoding="utf-8") == "# mine\n"
    assert new.snapshots() == kept
    assert "Todo está sano" in new.lindero("backups", "verify", "ultimo", "--test")
    new.lindero("stack", "up", *single)
    assert runs <= new.runs()
    assert set(new.folders()) == set(deployments)
    assert all(f'"{new.project}"' in steps for steps in new.folders().values())
    assert new.night(day=1)["type"] == "COMPLETED"
    assert len(new.snapshots()) == len(kept) + 1
    assert "Todo está sano" in new.lindero("backups", "verify", "--test")
    refused = new.lindero("stack", "restore", str(archive), "--overwrite", fine=False)
    assert "primero: lindero stack down" in refused
