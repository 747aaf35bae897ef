"""A flow as people wrote theirs before Lindero: source the folder of flows, cron, relative path."""

import sys
import time
from pathlib import Path

from prefect import flow


@flow(name="My Workflow", log_prints=True)
def my_flow(seconds: int = 0, name: str = "by-hand") -> str:
    out = Path("test_outputs") / "my_workflow"
    out.mkdir(parents=True, exist_ok=True)
    (out / f"{name}.txt").write_text("La Ñandú", encoding="utf-8")
    for second in range(seconds):
        if second % 10 == 0:
            print(f"{second} s")  # noqa: T201
        time.sleep(1)
    return str(out)


if __name__ == "__main__":
    if sys.argv[1:] == ["--run"]:
        my_flow()
    else:
        my_flow.from_source(source="/app/scripts", entrypoint="my_workflow.py:my_flow").deploy(
            name="my-deployment", work_pool_name="local-pool", cron="0 3 * * *"
        )
