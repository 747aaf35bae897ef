"""Hello World: a smoke test of the stack that writes nothing."""

from __future__ import annotations

from prefect import flow

from Modules.jobs.outcome import Outcome
from Modules.orchestration import flow_run
from Modules.orchestration.deployments import HELLO_WORLD
from Modules.settings import load_settings
from Modules.words.domain import Modo


@flow(name=HELLO_WORLD.flow, persist_result=False)
def hello_world_flow(nombre: str = "mundo") -> flow_run.Ended:
    """Dice hola y dónde escribiría una corrida de prueba.

    Args:
        nombre: A quién saludar.
    """
    return flow_run.conclude(lambda: _hello(nombre))


def _hello(nombre: str) -> Outcome:
    outputs = load_settings().outputs_dir(Modo.TEST)
    return Outcome(
        data={"saludo": f"Hola, {nombre}", "test_outputs": str(outputs)},
        markdown=f"Hola, {nombre}. Una prueba escribiría en `{outputs}`.",
    )


if __name__ == "__main__":
    from Modules.orchestration import deploy  # late: a run needs none of it

    deploy.main(HELLO_WORLD)
