"""The registry of deployments: which flow runs when, under which name.

Schedules carry their own time zone. A bare cron in a deployment has none and would fire at 03:00
UTC, which is midnight in Buenos Aires.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WORK_POOL = "local-pool"
TIMEZONE = "America/Argentina/Buenos_Aires"


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment of one flow; ``cron`` is local time in ``timezone``."""

    flow: str
    name: str
    entrypoint: str  # below the project root: "scripts/x.py:flow"
    description: str  # Spanish: the UI shows it
    cron: str | None = None
    timezone: str = TIMEZONE
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    work_pool: str = WORK_POOL


BACKUP = Deployment(
    flow="Backup Databaler Lotes",
    name="backup-lotes-daily-3am",
    entrypoint="scripts/backup_lotes.py:backup_databaler_flow",
    description="Trae campos, lotes, ambientes, marcadores y zonas de Databaler, comprueba que "
    "estén completos, guarda un backup verificable y lo publica.",
    cron="0 3 * * *",
    parameters={"campania": "25/26", "test": False},
    tags=("backup", "prod"),
)
HELLO_WORLD = Deployment(
    flow="Hello World",
    name="hello-world",
    entrypoint="scripts/hello_world.py:hello_world_flow",
    description="Prueba de humo: dice hola y dónde escribiría.",
    tags=("smoke",),
)

PRODUCTOS = Deployment(
    flow="Generar Productos",
    name="generar-productos",
    entrypoint="scripts/generar_productos.py:generar_productos_flow",
    description="Arma cultivos, muestreos y sustentabilidad con el último backup aceptado. "
    "El backup de cada noche ya los arma; esto los rehace sin traer nada del portal.",
    parameters={"campania": "25/26", "test": False},
    tags=("productos", "prod"),
)

KMZ = Deployment(
    flow="Generar KMZ",
    name="generar-kmz-weekly",
    entrypoint="scripts/generar_kmz.py:generar_kmz_flow",
    description="Arma los KMZ por campo, por lote y por cultivo para teléfonos y Google Earth, con "
    "el último backup aceptado.",
    cron="0 2 * * 1",
    parameters={"campania": "25/26", "test": False},
    tags=("kmz", "prod"),
)
H3 = Deployment(
    flow="Generar H3",
    name="generar-h3-daily",
    entrypoint="scripts/generar_h3.py:generar_h3_flow",
    description="Arma los hexágonos H3 de lotes y ambientes con el último backup aceptado.",
    cron="30 3 * * *",
    parameters={"campania": "25/26", "test": False},
    tags=("h3", "prod"),
)

DEPLOYMENTS: Mapping[str, Deployment] = {
    "backup": BACKUP,
    "productos": PRODUCTOS,
    "kmz": KMZ,
    "h3": H3,
    "hello-world": HELLO_WORLD,
}
