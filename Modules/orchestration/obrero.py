"""A process that does nights of companies, one after another, as its orders come.

An order is the name of a company and a mode, a line of JSON on standard input; its answer is one on
standard output. Where that input ends, whoever asked is gone: the process ends at once, and the
kernel frees the lock of the night it was at. It gives way to whatever else wants a processor, the
Prefect server before all: nobody waits for one company's night, everybody for the server's answer.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Final

from Modules.orchestration.run_result import run_plain
from Modules.orchestration.stages import respaldar

_NICE: Final = 10  # of 19, where the system knows it


def main() -> None:
    if hasattr(os, "nice"):
        os.nice(_NICE)
        with suppress(OSError):  # its session is one: sched(7) weighs sessions before processes
            Path("/proc/self/autogroup").write_text(str(_NICE))
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever else is printed is no answer
    orders = SimpleQueue[str]()
    threading.Thread(target=_listen, args=[orders], daemon=True).start()
    while True:
        os.environ["LINDERO_EMPRESA"], test = json.loads(orders.get())
        result = run_plain(partial(respaldar, test=test))
        answers.write(json.dumps(result, ensure_ascii=False) + "\n")
        answers.flush()


def _listen(orders: SimpleQueue[str]) -> None:
    for line in sys.stdin:
        orders.put(line)
    os._exit(1)


if __name__ == "__main__":
    main()
