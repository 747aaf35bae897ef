"""Marcadores a Jira: an issue for each mark that is grave, and what Jira says of all of ours."""

from __future__ import annotations

from prefect import flow

from Modules.fieldwork.marks import marcadores_a_jira
from Modules.integrations.tasks import as_task
from Modules.orchestration import flow_run
from Modules.orchestration.deployments import MARCADORES


@flow(name=MARCADORES.flow, flow_run_name=flow_run.run_name, persist_result=False)
async def marcadores_a_jira_flow(
    campania: str | None = None,
    solo_validar: bool = True,
    max_tareas: int | None = None,
    credentials_block_name: str = "",
    test: bool = False,
) -> flow_run.Ended:
    """Anota qué tareas se cerraron en Jira y, si se le pide, hace las de los marcadores graves.

    Args:
        campania: Campaña (25/26), varias (25/26,26/27) o actual. Vacío: LINDERO_CAMPANIA.
        solo_validar: Si sólo mira. Activado no escribe nada en Jira y dice qué haría.
        max_tareas: Cuántas tareas crear como mucho; el resto queda para la próxima. Vacío: todas.
        credentials_block_name: Bloque jira-credentials (página Blocks) con el que se entra a Jira.
            Vacío: lo que dice el .env.
        test: Si es una prueba: mira los backups de prueba. En Jira no hay prueba: para no escribir
            ahí, solo_validar.
    """
    return await flow_run.conclude_async(
        lambda: marcadores_a_jira(
            campania,
            solo_validar=solo_validar,
            max_tareas=max_tareas,
            credentials_block_name=credentials_block_name,
            test=test,
            run=as_task,
        )
    )


if __name__ == "__main__":
    from Modules.orchestration import deploy  # late: a run needs none of it

    deploy.main(MARCADORES)
