"""A process that does nights of companies, or their maps, one after another, as its orders come.

An order is the name of a company, whether it is a trial and the kind of work, a line of JSON on
standard input; its answer is one on standard output. Where that input ends, whoever asked is gone:
the process ends at once, and the kernel frees the lock of the night it was at. It gives way to
whatever else wants a processor, the Prefect server before all: nobody waits for one company's
night, everybody for the server's answer.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

from Modules.jobs.outcome import Outcome
from Modules.orchestration.empresas import MAPAS, NOCHE
from Modules.orchestration.run_result import run_plain
from Modules.orchestration.stages import hacer, respaldar
from Modules.settings import without_portal

STORIES: Final[Mapping[str, tuple[Callable[..., Outcome], ...]]] = {
    NOCHE.nombre: (respaldar,),
    MAPAS.nombre: (partial(hacer, "kmz"), partial(hacer, "h3")),
}
_NICE: Final = 10  # of 19


def main() -> None:
    give_way()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else is printed is no answer
    orders = SimpleQueue[str]()
    threading.Thread(target=_listen, args=[orders], daemon=True).start()
    while True:
        os.environ["LINDERO_EMPRESA"], test, trabajo = json.loads(orders.get())
        answers.write(json.dumps(do(trabajo, test=test), ensure_ascii=False) + "\n")
        answers.flush()


def give_way() -> None:
    """Let whatever else wants a processor go first, where the system knows it."""
    if hasattr(os, "nice"):
        os.nice(_NICE)
        with suppress(OSError):  # its session is one: sched(7) weighs sessions before processes
            Path("/proc/self/autogroup").write_text(str(_NICE))


def do(trabajo: str, *, test: bool) -> Mapping[str, Any]:
    """What came of a kind of work: each of its stories is told, whatever becomes of another.

    Of several that fail the code is that of the worst, and all say why.
    """
    with without_portal() if trabajo == MAPAS.nombre else nullcontext():
        results = [run_plain(partial(story, test=test)) for story in STORIES[trabajo]]
    failed = [one["error"] for one in results if one["error"] is not None]
    error = max(failed, key=lambda one: int(one["exit_code"]), default=None)
    if error is not None:
        said = dict.fromkeys(str(one["detail"]) for one in failed)
        error = {**error, "detail": "; ".join(said)}
    summary = "\n\n".join(filter(None, (one["summary"] for one in results)))
    return {**results[-1], "error": error, "summary": summary}


def _listen(orders: SimpleQueue[str]) -> None:
    for line in sys.stdin:
        orders.put(line)
    for one in multiprocessing.active_children():  # they make pieces, and none ends by itself
        one.kill()
    os._exit(1)


if __name__ == "__main__":
    main()
