"""Runners and servers of the API as real processes that begin in milliseconds and can be killed.

    python -m tests.prompts.forker STORE_URL LOG

One process loads everything once; for each line on its standard input (``runner`` or ``api PORT``)
it forks, and answers with the child's pid. The model is scripted: no two calls are answered alike,
so that an execution that was done twice is seen, and each call leaves a line in LOG.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from Modules.prompts.calls.asking import Ask, CallRecord, Reply
from Modules.prompts.serve.app import listening, make_app, serve
from Modules.prompts.serve.runner import Runner
from Modules.prompts.store import PromptStore
from tests.processes import ended

ROOT = Path(__file__).resolve().parent.parent.parent
LEASE_S = 0.6
CALL_S = 0.05


class Unlike:
    """A model whose every answer is another one."""

    def __init__(self, log: Path) -> None:
        self.log = log

    async def __call__(
        self, ask: Ask, *, record: Callable[[CallRecord], None], allow: Callable[[], None]
    ) -> Reply:
        await asyncio.to_thread(allow)
        begun = datetime.now(UTC)
        await asyncio.sleep(CALL_S)
        answer = secrets.token_hex(8)
        with self.log.open("a", encoding="ascii") as file:
            file.write(f"{ask.step} {answer}\n")
        await asyncio.to_thread(
            record,
            CallRecord(
                step=ask.step,
                attempt=1,
                alias=ask.model.alias,
                model=ask.model.model,
                provider=ask.model.provider,
                prompt_tokens=10,
                completion_tokens=2,
                cost_usd=None,
                cost_source=None,
                latency_s=CALL_S,
                outcome="ok",
                started_at=begun,
            ),
        )
        return Reply(output={"n": answer}, raw=answer)


def _runner(url: str, log: Path) -> None:
    more = {"lease_s": LEASE_S, "idle_s": 60.0, "poll_s": 0.05, "most": 20}
    runner = Runner(PromptStore(url), Unlike(log), f"runner-{os.getpid()}", **more)
    asyncio.run(runner.drain())


def main(url: str, log: Path) -> None:
    """Fork what is asked for, until the input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them
    for line in sys.stdin:
        what, *rest = line.split()
        if (pid := os.fork()) == 0:
            os.setpgid(0, 0)
            if what == "runner":
                _runner(url, log)
            else:
                line = listening("127.0.0.1", int(rest[0]))
                serve(make_app(PromptStore(url), per_minute=10**6), line)
            os._exit(0)
        print(pid, flush=True)


@contextmanager
def forker(url: str, log: Path) -> Iterator[Callable[..., int]]:
    """Starts ``runner`` or ``api PORT``; returns its pid. In the end all are killed."""
    begun: list[int] = []
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.prompts.forker", url, str(log)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    ask, answers = process.stdin, process.stdout

    def start(*words: Any) -> int:
        ask.write(" ".join(map(str, words)) + "\n")
        ask.flush()
        begun.append(int(answers.readline()))
        return begun[-1]

    try:
        yield start
    finally:
        for pid in begun:
            killed(pid)
        ended(process)


def killed(pid: int) -> None:
    """End a process at once, and wait until it is gone."""
    try:
        os.kill(pid, signal.SIGKILL)
        while True:
            os.kill(pid, 0)
            time.sleep(0.005)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
