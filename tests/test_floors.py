"""Imports only go down the floors that ``Modules/__init__.py`` draws."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = {
    0: ("errors", "domain", "columns"),
    1: (
        "changes",
        "checks",
        "checks_campos",
        "clean",
        "control_ambientes",
        "cultivos",
        "cultivos_tablas",
        "demo_api",
        "demo_api.contract",
        "demo_api.days",
        "demo_api.fault_base",
        "demo_api.fault_pages",
        "demo_api.fault_rows",
        "demo_api.fault_wire",
        "demo_api.faults",
        "demo_api.items",
        "demo_api.plan",
        "demo_api.shapes",
        "demo_api.words",
        "demo_api.world",
        "deployments",
        "establecimientos",
        "eudr",
        "eudr_check",
        "eudr_control",
        "eudr_document",
        "eudr_geometry",
        "eudr_properties",
        "eudr_rules",
        "eudr_shapes",
        "fuente",
        "geojson_bulk",
        "geometry",
        "geometry_encodings",
        "h3_areas",
        "h3_border",
        "h3_cells",
        "h3_functions",
        "h3_slow",
        "hexagonos_kml",
        "hexagonos_tablas",
        "kml_document",
        "kml_geometry",
        "kml_kinds",
        "kml_layers",
        "kml_styles",
        "kml_text",
        "manifest",
        "modus",
        "muestreo",
        "night",
        "nombres",
        "plan_muestreo",
        "portal",
        "portal.answers",
        "portal.asking",
        "portal.coercion",
        "portal.comparison",
        "portal.contract",
        "portal.findings",
        "portal.guessing",
        "portal.mapping",
        "portal.paging",
        "portal.profile",
        "portal.sections",
        "portal.strict_json",
        "publish_names",
        "qgis_styles",
        "recorrido",
        "reporte",
        "resumen",
        "rows",
        "screen",
        "tables",
        "verdict",
    ),
    2: (
        "bounded_repair",
        "code_version",
        "collector",
        "databaler_base_portal_api_util",
        "demo_api.child",
        "demo_api.external",
        "destinations",
        "eudr_files",
        "fiboa",
        "gpkg_styles",
        "kmz_files",
        "portal.attempts",
        "portal.auth",
        "portal.pace",
        "portal.transport",
        "portal.walk",
        "portal.watchdog",
        "publish",
        "run_lock",
        "safe_files",
        "settings",
        "shapefiles",
        "sheets",
        "snapshot_files",
        "snapshots",
        "table_files",
    ),
    3: (
        "api_check",
        "backup",
        "cultivos_resumen",
        "demo_api.__main__",
        "demo_api.running",
        "demo_api.server",
        "demo_api.wire",
        "flow_cli",
        "hexagonos",
        "mapas_kmz",
        "producto_cultivos",
        "producto_muestreos",
        "producto_sustentabilidad",
        "productos",
    ),
    5: ("cli_backups", "cli_common", "lindero_cli"),
}
FLOOR_OF = {f"Modules.{name}": floor for floor, names in FLOORS.items() for name in names}
FLOOR_OF["Modules"] = 0


def _module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


MODULES = sorted((ROOT / "Modules").rglob("*.py"))
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))


@pytest.mark.parametrize("path", MODULES, ids=_module_name)
def test_a_module_imports_its_own_floor_or_a_lower_one(path: Path) -> None:
    name = _module_name(path)
    assert name in FLOOR_OF, f"{name} stands on no floor; add it to FLOORS"
    above = {used for used in _imports(path) if FLOOR_OF.get(used, -1) > FLOOR_OF[name]}
    assert not above, f"{name} (floor {FLOOR_OF[name]}) imports upwards: {sorted(above)}"
    assert not {used for used in _imports(path) if used.split(".")[0] == "scripts"}


@pytest.mark.parametrize("path", MODULES, ids=_module_name)
def test_prefect_is_imported_in_flow_cli_only(path: Path) -> None:
    uses_prefect = any(used.split(".")[0] == "prefect" for used in _imports(path))
    assert uses_prefect is False or _module_name(path) == "Modules.flow_cli"


def test_floor_0_uses_the_standard_library_only() -> None:
    import sys

    for name in FLOORS[0]:
        for used in _imports(ROOT / "Modules" / f"{name}.py"):
            top = used.split(".")[0]
            assert top in sys.stdlib_module_names or top == "Modules", f"{name} imports {used}"


def test_there_are_flows_to_walk() -> None:
    assert SCRIPTS
