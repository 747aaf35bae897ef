"""Hello World: a smoke test of the stack that writes nothing."""

from __future__ import annotations

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State

from Modules.jobs.outcome import Outcome
from Modules.orchestration import deploy as prefect_deploy
from Modules.orchestration import flow_run as flow_cli
from Modules.orchestration.deployments import HELLO_WORLD
from Modules.orchestration.run_result import RunResult
from Modules.settings import load_settings
from Modules.words.domain import Modo


@flow(name=HELLO_WORLD.flow, persist_result=False)
def hello_world_flow(nombre: str = "mundo") -> RunResult | State[Any]:
    """Dice hola y dónde escribiría una corrida de prueba.

    Args:
        nombre: A quién saludar.
    """
    return flow_cli.conclude(lambda: _hello(nombre))


def _hello(nombre: str) -> Outcome:
    outputs = load_settings().outputs_dir(Modo.TEST)
    return Outcome(
        data={"saludo": f"Hola, {nombre}", "test_outputs": str(outputs)},
        markdown=f"Hola, {nombre}. Una prueba escribiría en `{outputs}`.",
    )


if __name__ == "__main__":
    prefect_deploy.main(HELLO_WORLD)
