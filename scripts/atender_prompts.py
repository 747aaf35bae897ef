"""Atender prompts: the executions that wait, done; each is a task named by its id."""

from __future__ import annotations

from prefect import flow

from Modules.orchestration import flow_run
from Modules.orchestration.deployments import ATENDER
from Modules.orchestration.prompts_run import as_task, atender


@flow(name=ATENDER.flow, flow_run_name=ATENDER.name, persist_result=False)
async def atender_prompts_flow() -> flow_run.Ended:
    """Hace las ejecuciones de prompts que esperan, y termina cuando no hay más."""
    return await flow_run.conclude_async(lambda: atender(around=as_task))


if __name__ == "__main__":
    from Modules.orchestration import deploy  # late: a run needs none of it

    deploy.main(ATENDER)
