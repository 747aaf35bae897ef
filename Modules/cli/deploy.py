"""``lindero deploy``: put deployments on the Prefect server, or say what would change."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App

from Modules.cli.options import Json, say, say_json, say_table, switch
from Modules.orchestration.deployments import DEPLOYMENTS, named
from Modules.words.errors import SettingsError
from Modules.words.spanish import cut

if TYPE_CHECKING:
    from Modules.orchestration.deploy import DeploymentChange, DeployReport, Diferencia

MAX_VALUE = 60  # characters of a value in the table; --json has all
_CAMPOS = {
    "version": "versión",
    "description": "descripción",
    "entrypoint": "archivo y función",
    "work_pool_name": "pool",
    "schedules": "horario",
    "parameters": "parámetros",
    "tags": "etiquetas",
    "job_variables": "variables del proceso",
    "concurrency_limit": "límite",
    "collision_strategy": "si ya hay una corriendo",
    "enforce_parameter_schema": "control de parámetros",
    "pull_steps": "carpeta del proyecto",
    "parameter_openapi_schema": "ayuda de los parámetros",
}
_LONG = {"parameter_openapi_schema", "description"}  # named, but not shown

deploy = App(name="deploy", help="Pone los despliegues en el servidor de Prefect.")


@deploy.default
def deploy_command(
    *names: str,
    all_: Annotated[bool, switch("Todos los despliegues.", "--all")] = False,
    dry_run: Annotated[bool, switch("Dice qué cambiaría, sin escribir nada.")] = False,
    json_: Json = False,
) -> int:
    """Pone despliegues en el servidor de Prefect; lo que ya está igual no se toca.

    Args:
        names: Cuáles, por ejemplo backup o kmz; sin nombre y sin --all los enumera.
    """
    if bool(names) is all_:
        raise SettingsError(f"nombrar qué desplegar, o escribir --all: {', '.join(DEPLOYMENTS)}")
    chosen = tuple(DEPLOYMENTS.values()) if all_ else named(names)
    from Modules.orchestration import deploy as prefect_deploy

    informe = prefect_deploy.deploy_all(chosen, dry_run=dry_run)
    if json_:
        say_json(_as_json(informe, dry_run=dry_run))
    else:
        _show(informe, dry_run=dry_run)
    return 0


def _show(informe: DeployReport, *, dry_run: bool) -> None:
    rows = [*map(_row, informe.cambios)]
    rows += [(f"bloque {tipo}", "", estado, "") for tipo, estado in informe.bloques.items()]
    say_table(("despliegue", "corre", "estado", "qué cambia"), rows)
    for cambio in informe.cambios:
        for name, value in cambio.a_mano.items():
            say(f"{cambio.deployment.full_name}: {name}={value} puesto a mano en Prefect; queda.")
    for ajeno in informe.ajenos:
        say(f"{ajeno}: no está en el registro de Lindero; queda como está.")
    if dry_run:
        say("No se escribió nada (--dry-run).")
    else:
        say("Para correr uno ya: prefect deployment run 'FLUJO/DESPLIEGUE'")


def _row(cambio: DeploymentChange) -> tuple[str, ...]:
    one, pausa = cambio.deployment, ", en pausa" if cambio.en_pausa else ""
    changes = "\n".join(map(_line, cambio.diferencias))
    return one.full_name, one.cuando, f"{cambio.estado}{pausa}", changes


def _line(diferencia: Diferencia) -> str:
    campo = _CAMPOS.get(diferencia.campo, diferencia.campo)
    if diferencia.campo in _LONG:
        return campo
    return f"{campo}: {_short(diferencia.antes)} → {_short(diferencia.ahora)}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return cut(text, MAX_VALUE)


def _as_json(informe: DeployReport, *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "despliegues": [
            {
                "nombre": one.deployment.full_name,
                "estado": one.estado,
                "en_pausa": one.en_pausa,
                "a_mano": dict(one.a_mano),
                "cron": one.deployment.cron,
                "timezone": one.deployment.timezone,
                "diferencias": {
                    d.campo: {"antes": d.antes, "ahora": d.ahora} for d in one.diferencias
                },
            }
            for one in informe.cambios
        ],
        "ajenos": list(informe.ajenos),
        "bloques": dict(informe.bloques),
    }
