"""A product is one folder and one line: what stands in the registry is all that others ask for."""

from __future__ import annotations

import ast
import inspect
import json
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from Modules.jobs.backup import FOLDER
from Modules.jobs.code_version import CODE
from Modules.orchestration.deployments import DEPLOYMENTS
from Modules.products import registry
from Modules.products.entry import CADA_NOCHE, Producto
from Modules.products.source import Fuente
from Modules.settings import Settings
from Modules.words.folders import QUE_ABRIR
from Modules.words.names import check_names
from tests.productos_hechos import keep, settings_below

ROOT = Path(__file__).resolve().parents[2]

SALUDO = '''"""The names of the lotes, for whoever wants to greet them."""

from pathlib import Path

from Modules.products.entry import Hecho, Producto
from Modules.products.source import Fuente

CARPETA = "saludo"


def build(fuente: Fuente, work: Path, *, lindero_environment: str) -> Hecho:
    """The files of ``saludo/``."""
    file = work / "saludo.txt"
    file.write_text(f"{lindero_environment}: {len(fuente.tables.lotes)} lotes", encoding="utf-8")
    return Hecho({CARPETA: {f"saludo_{fuente.campania.slug}.txt": file}}, ("hola",))


PRODUCTO = Producto(
    "saludo", (CARPETA,), build, ("saludo",), "saludo.md", ajustes=("lindero_environment",)
)
'''
USED = """
import contextlib, io, json, sys
from datetime import UTC, datetime
from pathlib import Path
from Modules.backups.verify import verify_backups
from Modules.cli.main import main
from Modules.jobs import products
from Modules.onedrive import conversation
from Modules.orchestration.deployments import DEPLOYMENTS
from Modules.words.domain import Modo
from tests.productos_hechos import NOW, encargo_of, settings_below

settings = settings_below(Path(sys.argv[1]))
encargo = encargo_of(settings)
made = [one for each in products.PRODUCTOS if each.nombre == "saludo"
        for one in products.make(each, encargo)]
again = [one for each in products.PRODUCTOS if each.nombre == "saludo"
         for one in products.make(each, encargo)]
file = settings.outputs_dir(Modo.TEST) / "saludo/saludo_25-26.txt"
text = file.read_text()
file.write_text("somebody else's")
found = verify_backups(settings, Modo.TEST, now=NOW).report.findings
help_ = io.StringIO()
with contextlib.redirect_stdout(help_), contextlib.suppress(SystemExit):
    main(["run", "--help"])
print(json.dumps({
    "text": text,
    "avisos": made[0].avisos,
    "again": [one.published.changed for one in again],
    "mend": [one.todo for one in found if one.where.endswith("/saludo")],
    "help": " ".join(help_.getvalue().split()),
    "deployment": DEPLOYMENTS["productos"].description,
    "links": "saludo" in conversation.product_folders(),
}))
"""


def test_a_product_of_twenty_lines_is_made_published_verified_and_has_its_command(
    demo_fuente: Fuente, tmp_path: Path
) -> None:
    house = tmp_path / "house"
    shutil.copytree(ROOT / "Modules", house / "Modules")
    (house / "Modules/products/saludo").mkdir()
    (house / "Modules/products/saludo/__init__.py").write_text(SALUDO, encoding="utf-8")
    assert len([line for line in SALUDO.splitlines() if line]) <= 20
    lines = house / "Modules/products/registry.py"
    text = lines.read_text(encoding="utf-8")
    text = text.replace("    kmz.PRODUCTO,\n", "    saludo.PRODUCTO,\n    kmz.PRODUCTO,\n")
    above = "\nfrom Modules.products.entry"
    text = text.replace(above, f"\nfrom Modules.products import saludo{above}")
    lines.write_text(text, encoding="utf-8")
    (house / "tests").symlink_to(ROOT / "tests")
    keep(settings_below(tmp_path), demo_fuente.tables)
    done = subprocess.run(
        [sys.executable, "-c", USED, str(tmp_path)],
        cwd=house,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["text"] == f"local: {len(demo_fuente.tables.lotes)} lotes"
    assert said["avisos"] == ["hola"]
    assert said["again"] == [False]
    assert said["mend"] == ["borre ese archivo y corra lindero run productos --test"]
    helped = " ".join(said["help"].replace("│", " ").split())  # as it stands in its box
    *made, last = (one.texto or one.nombre for one in registry.made_by(CADA_NOCHE))
    told = f"{', '.join((*made, 'saludo'))} e {last}"
    assert f"Rehace {told} con el" in helped
    assert said["deployment"].startswith(f"Arma {told} con")
    assert said["links"]


def test_the_folders_of_products_are_distinct_and_can_be_folders_in_onedrive() -> None:
    folders = registry.product_folders()
    assert folders[0] == FOLDER
    assert len(set(folders)) == len(folders) == 17
    check_names(folders)


def test_the_report_says_what_each_folder_of_a_night_is_for() -> None:
    nightly = {carpeta for one in registry.made_by(CADA_NOCHE) for carpeta in one.carpetas}
    assert nightly - {"informe"} <= set(QUE_ABRIR)


def test_links_ask_for_the_folders_on_a_python_without_packages() -> None:
    code = (
        "from Modules.products.registry import product_folders; print(*product_folders(), sep='|')"
    )
    bare = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, '.'); {code}"]
    done = subprocess.run(bare, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60)
    assert tuple(done.stdout.strip().split("|")) == registry.product_folders()


@pytest.mark.parametrize("producto", registry.PRODUCTOS, ids=lambda one: one.nombre)
def test_an_entry_says_what_is_so(producto: Producto) -> None:
    page = (ROOT / "docs" / producto.pagina).read_text(encoding="utf-8")
    assert all(f"`{carpeta}/" in page for carpeta in producto.carpetas)
    assert set(producto.ajustes) <= {one.name for one in fields(Settings)}
    assert producto.comando in DEPLOYMENTS
    assert producto.pueden_faltar <= set(producto.carpetas)
    assert set(producto.vecinas) <= set(registry.product_folders()) - set(producto.carpetas)
    named = inspect.signature(producto.build).parameters.values()
    needed = {
        one.name for one in named if one.kind is one.KEYWORD_ONLY and one.default is one.empty
    }
    beside = {"tareas", "clasificadas"} if producto.tareas else set[str]()
    beside |= {"vecinas"} if producto.vecinas else set[str]()
    beside |= {"hechas"} if producto.hechas else set[str]()
    assert needed == {*producto.ajustes, *beside}


@pytest.mark.parametrize("producto", registry.PRODUCTOS, ids=lambda one: one.nombre)
def test_an_entry_names_every_package_of_products_that_its_code_uses(producto: Producto) -> None:
    below = ROOT / "Modules/products"
    used: set[str] = set()
    waiting = {producto.build.__module__.split(".")[2]}
    while waiting - used:
        package = (waiting - used).pop()
        used.add(package)
        for path in (below / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.ImportFrom) and node.module:
                    parts = node.module.split(".")
                    if parts[:2] == ["Modules", "products"]:
                        names = parts[2:3] or [alias.name for alias in node.names]
                        waiting |= {name for name in names if (below / name).is_dir()}
    files = (path for package in used for path in (below / package).rglob("*") if path.is_file())
    data = {
        path.relative_to(below).as_posix() for path in files if path.suffix not in (*CODE, ".pyc")
    }
    assert set(producto.paquetes) == used | data
