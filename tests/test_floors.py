"""Imports only go down the floors that ``Modules/__init__.py`` draws."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = {
    0: ("errors", "domain", "columns", "product_folders"),
    1: (
        "bordes",
        "diferencias",
        "diferencias_capas",
        "diferencias_kml",
        "pares",
        "alertas",
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
        "estado",
        "eudr",
        "eudr_check",
        "eudr_control",
        "eudr_document",
        "eudr_geometry",
        "eudr_properties",
        "eudr_rules",
        "eudr_shapes",
        "filas",
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
        "link_compose",
        "link_config",
        "link_plan",
        "link_script",
        "link_script_body",
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
        "retencion",
        "revision",
        "rows",
        "screen",
        "seleccion",
        "stack_plan",
        "tables",
        "tardanza",
        "verdict",
    ),
    2: (
        "bounded_repair",
        "code_version",
        "collector",
        "conflictos",
        "databaler_base_portal_api_util",
        "demo_api.child",
        "demo_api.external",
        "delivery",
        "destinations",
        "embedded_servers",
        "eudr_files",
        "fiboa",
        "gpkg_styles",
        "kmz_files",
        "lecturas",
        "poda",
        "portal.attempts",
        "portal.auth",
        "portal.pace",
        "portal.transport",
        "portal.walk",
        "portal.watchdog",
        "publish",
        "prefect_http",
        "published_check",
        "run_lock",
        "safe_files",
        "sentinels",
        "settings",
        "shapefiles",
        "sheets",
        "snapshot_check",
        "snapshot_files",
        "snapshots",
        "stack_health",
        "stack_processes",
        "stack_secrets",
        "table_files",
    ),
    3: (
        "api_check",
        "backup",
        "comparar",
        "carpetas",
        "cultivos_resumen",
        "export",
        "ficha",
        "demo_api.__main__",
        "demo_api.running",
        "demo_api.server",
        "demo_api.wire",
        "doctor",
        "doctor_server",
        "flow_cli",
        "hechos",
        "hexagonos",
        "link_setup",
        "mapas_kmz",
        "prefect_deploy",
        "prefect_ops",
        "producto_cultivos",
        "producto_muestreos",
        "producto_sustentabilidad",
        "productos",
        "restore",
        "verify",
        "stack",
        "stack_entry",
        "verificacion",
    ),
    5: (
        "cli_backups",
        "cli_common",
        "cli_diff",
        "cli_deploy",
        "cli_enlaces",
        "cli_prune",
        "cli_status",
        "cli_stack",
        "lindero_cli",
    ),
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
def test_prefect_is_imported_in_flow_cli_and_prefect_modules_only(path: Path) -> None:
    uses_prefect = any(used.split(".")[0] == "prefect" for used in _imports(path))
    name = _module_name(path)
    assert not uses_prefect or name == "Modules.flow_cli" or name.startswith("Modules.prefect_")


def test_floor_0_uses_the_standard_library_only() -> None:
    import sys

    for name in FLOORS[0]:
        for used in _imports(ROOT / "Modules" / f"{name}.py"):
            top = used.split(".")[0]
            assert top in sys.stdlib_module_names or top == "Modules", f"{name} imports {used}"


def test_there_are_flows_to_walk() -> None:
    assert SCRIPTS
