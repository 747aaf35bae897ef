"""Plan de muestreo a Jira: the rows of a month's sheets made into issues, maps and keys."""

from __future__ import annotations

from prefect import flow

from Modules.fieldwork.plan import plan_muestreo_a_jira
from Modules.integrations.tasks import as_task
from Modules.orchestration import flow_run
from Modules.orchestration.deployments import PLAN


@flow(name=PLAN.flow, flow_run_name=flow_run.run_name, persist_result=False)
async def plan_muestreo_a_jira_flow(
    mes: str | None = None,
    campania: str | None = None,
    solo_validar: bool = True,
    campos: list[str] | None = None,
    max_tareas: int | None = None,
    credentials_block_name: str = "",
    test: bool = False,
) -> flow_run.Ended:
    """Hace una tarea de Jira por fila del plan de muestreo del mes, y anota su clave en la fila.

    Args:
        mes: Mes de las planillas, como Noviembre 2026 o 2026-11. Vacío: el mes en curso.
        campania: Campaña de los lotes (25/26). Vacío: LINDERO_CAMPANIA.
        solo_validar: Si sólo controla. Activado hace los mapas y dice qué haría, y no escribe nada
            en Jira ni en la planilla; desactivado crea y cambia las tareas.
        campos: Nombres, códigos o ids de los campos a tomar. Vacío: todos.
        max_tareas: Cuántas tareas crear como mucho; el resto queda para la próxima. Vacío: todas.
        credentials_block_name: Nombre de los bloques google-credentials y jira-credentials (página
            Blocks) con los que se entra. Vacío: lo que dice el .env.
        test: Si es una prueba: usa los backups de prueba y escribe en test_outputs. En Jira no hay
            prueba: para no escribir ahí, solo_validar.
    """
    return await flow_run.conclude_async(
        lambda: plan_muestreo_a_jira(
            mes,
            campania,
            solo_validar=solo_validar,
            campos=campos or (),
            max_tareas=max_tareas,
            credentials_block_name=credentials_block_name,
            test=test,
            run=as_task,
        )
    )


if __name__ == "__main__":
    from Modules.orchestration import deploy  # late: a run needs none of it

    deploy.main(PLAN)
