"""``kill -9`` of runner, worker, API and database while prompts are executed: nothing is lost.

    python -m tests.robustness.prompts_kills [--short] [--kills N] [--executions N] [--seed N]

All real: Prefect's five processes with their PostgreSQL, which holds the executions too, and
``lindero prompts serve``; the model is a server that answers no two requests alike, so that what
was done twice is seen. Executions are submitted evenly while the kills fall at random moments;
what was killed is started again at once, as compose would.

In the end every accepted execution must have ended, once: as many as were submitted, each with the
output that was seen first, made of two answers that no other has, or given up because five runners
were killed with it, as is promised; every call that was recorded in
the costs, each execution of the version that ran when it was sent, and the history of what was
deployed and rolled back meanwhile as it was. Ends with 1 where that is not so.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil

from Modules.orchestration.deployments import ATENDER
from Modules.prompts.client import Execution, PromptsClient, Unavailable
from Modules.prompts.files.bundle import Bundle
from Modules.prompts.store import PromptStore
from Modules.prompts.store.executions import MOST_ATTEMPTS, WORKER_LOST
from Modules.settings import PROJECT_ROOT
from Modules.stack import databases
from Modules.stack.entry import WATCH, database_of
from Modules.stack.local import stack_folder
from Modules.stack.processes import FOLDER_VARIABLE
from Modules.words.errors import ApiUnavailable, StackError
from tests.processes import ended
from tests.prompts.serving import bundle, deploy
from tests.stack.plataforma import Plataforma, new_plataforma

URL = "LINDERO_PROMPTS_DATABASE_URL"
EXECUTIONS, KILLS = 1000, 300
SHORT_EXECUTIONS, SHORT_KILLS = 60, 12
KINDS = (*["runner", "api", "postgres"] * 2, "worker")  # a worker takes long to be back
PAUSE_S = (0.8, 5.0)  # between two kills
CALL_S = (0.1, 1.5)
AFTER_S = 600.0  # for what is left when the last kill was made
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


@contextmanager
def unlike() -> Iterator[tuple[str, Counter[str]]]:
    """A model whose every answer is another one: its address, and the answers that it gave."""
    given: Counter[str] = Counter()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            time.sleep(random.uniform(*CALL_S))
            answer = secrets.token_hex(8)
            given[answer] += 1
            message = {"role": "assistant", "content": json.dumps({"n": answer})}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
            said = {"id": answer, "object": "chat.completion", "created": int(time.time())}
            said |= {"model": "chico-1", "choices": [choice], "usage": usage}
            data = json.dumps(said).encode()
            with suppress(OSError):  # who asked was killed
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads, request_queue_size = True, 512

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1", given
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Bench:
    """The platform, the API over it, and what was seen of the executions."""

    stack: Plataforma
    url: str  # of the database
    port: int
    token: str = ""
    api: subprocess.Popen[bytes] | None = None
    sent: dict[str, str] = field(default_factory=dict)  # key: id
    seen: dict[str, tuple[str, Any]] = field(default_factory=dict)  # id: how it ended, first
    wrong: list[str] = field(default_factory=list)
    killed: Counter[str] = field(default_factory=Counter)
    bundles: list[Bundle] = field(default_factory=list)
    moves: list[int] = field(default_factory=list)  # what prod ran, in turn
    version: dict[str, int] = field(default_factory=dict)  # key: what prod ran when it was sent

    def client(self) -> PromptsClient:
        return PromptsClient(f"http://127.0.0.1:{self.port}", self.token)

    def serve(self) -> None:
        told = {**self.stack.connected.environment, URL: self.url}
        command = (sys.executable, "-m", "Modules.cli.main", "prompts", "serve", "--port")
        with (self.stack.folder / "api.log").open("ab") as log:
            self.api = subprocess.Popen(
                (*command, str(self.port)), cwd=PROJECT_ROOT, env=told, stdout=log, stderr=log
            )

    def kill(self, kind: str) -> bool:
        """End one at once, whether it was there; ``restart`` has it begin again."""
        if kind == "runner":
            found = list(self._runners())
            for one in found:
                with suppress(psutil.Error):
                    one.kill()
            return bool(found)
        if kind == "api":
            assert self.api is not None
            there = self.api.poll() is None
            self.api.kill()
            return there
        process = self.stack.process(kind).process()
        with suppress(psutil.Error):  # its companion goes with it, as with its container
            for child in [] if process is None else process.children():
                if WATCH in child.cmdline():
                    child.kill()
        self.stack.kill(kind)
        return process is not None

    def restart(self, over: threading.Event) -> None:
        """Start again what has ended, as compose does: a database that is not reaped yet ends."""
        while not over.wait(0.3):
            if self.api is None or self.api.poll() is not None:
                self.serve()
            for name in ("postgres", "worker"):
                if not self.stack.process(name).alive():
                    with suppress(StackError):
                        self.stack.stack.start(name)

    def _runners(self) -> Iterator[psutil.Process]:
        ours = str(stack_folder(self.stack.settings))
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if "prefect.engine" in " ".join(process.cmdline()) and (
                    process.environ().get(FOLDER_VARIABLE) == ours
                ):
                    yield process

    def submit(self, count: int, every_s: float) -> None:
        """Submit evenly; who is not answered asks again, with the same key.

        Ten times in between another version is deployed; the first is run again in between those.
        """
        client = self.client()
        for number in range(count):
            key = f"k{number}"
            if number * 10 % count < 10:
                self._move(number * 10 // count)
            self.version[key] = self.moves[-1]
            while key not in self.sent:
                with suppress(Unavailable):
                    self.sent[key] = client.submit("cuenta", {"texto": key}, key=key).id
            time.sleep(every_s)

    def _move(self, turn: int) -> None:
        """Deploy another version, or in each second turn run the first again; whatever is away."""
        back, number = turn > 0 and turn % 2 == 0, (turn + 1) // 2
        self.moves.append(1 if back else number + 1)
        while True:
            with suppress(ApiUnavailable):
                store = PromptStore(self.url)
                if back:
                    told = {"who": "figura", "why": "", "now": datetime.now(UTC)}
                    store.rollback("cuenta", "prod", 1, **told)
                else:
                    deploy(store, self.bundles[number])
                return

    def look(self) -> int:
        """See how all stand; how many have not ended. What has ended must stay as it was."""
        client, open_ = self.client(), 0
        for one in list(self.sent.values()):
            now = _patiently(client, one)
            if not now.ended:
                open_ += 1
                continue
            said = (now.state, now.output)
            if self.seen.setdefault(one, said) != said:
                self.wrong.append(f"{one} ended as {self.seen[one]}, and now as {said}")
        return open_


def _patiently(client: PromptsClient, one: str) -> Execution:
    while True:
        with suppress(Unavailable):
            return client.execution(one)


@contextmanager
def bench_on(stack: Plataforma, model: str) -> Iterator[Bench]:
    """A database for executions, a flow in it, a client, runs that know of them, and the API."""
    database = replace(database_of(stack.stack.settings), name="prompts")
    databases.ask(replace(database, name="postgres"), "create database prompts")
    user, password = quote(database.user, safe=""), quote(database.password, safe="")
    url = f"postgresql+psycopg://{user}:{password}@{database.host}:{database.port}/prompts"
    store = PromptStore(url)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        bench = Bench(stack, url, int(probe.getsockname()[1]))
    bench.token = store.clients.create("figura", now=datetime.now(UTC))
    held = stack.get(f"deployments/name/{ATENDER.full_name}")
    path = f"{stack.stack.settings.prefect_api_url}/deployments/{held['id']}"
    over = threading.Event()
    restarting = threading.Thread(target=bench.restart, args=(over,), daemon=True)
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(6):
            bench.bundles.append(bundle(Path(folder), prompt=f"Contar {turn}", url=model))
        secret = (
            Path(folder) / "url"
        )  # Prefect keeps what a run is told: the file, not the password
        secret.write_text(url)
        env = {**held["job_variables"]["env"], f"{URL}_FILE": str(secret)}
        stack.session.patch(path, json={"job_variables": {"env": env}}, timeout=30)
        restarting.start()
        try:
            yield bench
        finally:
            over.set()
            restarting.join()
            if bench.api is not None:
                ended(bench.api)
            stack.session.patch(path, json={"job_variables": held["job_variables"]}, timeout=30)


def _judge(bench: Bench, count: int, given: Counter[str]) -> None:
    """What is in the store in the end, against what was submitted and answered."""
    store, rows, cursor = PromptStore(bench.url), list[Any](), None
    while True:
        page, cursor = store.executions("figura", cursor=cursor, limit=100, state=None)
        rows += page
        if cursor is None:
            break
    states = Counter(one.state for one in rows)
    outputs = [value for one in rows if one.output for value in one.output.values()]
    lost = [one for one in rows if one.failure and one.failure.cause == WORKER_LOST]
    done = count - len(lost)
    checks = {
        "one was given up before its time": {one.attempt for one in lost} <= {MOST_ATTEMPTS},
        f"{len(rows)} executions of {count}": len(rows) == count,
        f"{len(set(bench.sent.values()))} ids of {count} keys": (
            {one.id for one in rows} == set(bench.sent.values())
        ),
        f"states {dict(states)}": states["completed"] == done,
        "an answer stands in two outputs": len(set(outputs)) == len(outputs) == 2 * done,
        "an output that no model gave": set(outputs) <= set(given),
    }
    (row,) = store.costs(LONG_AGO, by="flow")
    told = row.calls - sum(row.failures.values())
    checks[f"costs tell {told} answers, {len(given)} were given"] = 2 * done <= told <= len(given)
    checks["tokens are not those of the answers"] = row.prompt_tokens == 10 * told
    moved = [one.to for one in store.history("cuenta", "prod")]
    checks[f"the history tells {moved}, done was {bench.moves}"] = moved == bench.moves
    versions = {one.key: one.version for one in rows}
    checks["an execution has not the version that ran when it was sent"] = versions == bench.version
    bench.wrong += [what for what, good in checks.items() if not good]
    again = sum(given.values()) - 2 * done
    most = max(one.attempt for one in rows)
    print(
        f"answers that were lost with who asked: {again}; attempts at most {most}, "
        f"given up after {MOST_ATTEMPTS}: {len(lost)}; "
        f"requests that failed: {row.failures}",
        flush=True,
    )


def play(kills: int, executions: int, rng: random.Random) -> list[str]:
    """Everything once; what was wrong."""
    with ExitStack() as open_:
        model, given = open_.enter_context(unlike())
        stack = open_.enter_context(new_plataforma())
        stack.up()
        bench = open_.enter_context(bench_on(stack, model))
        # what we start again inherits from us, and a worker that starts deploys everything anew
        os.environ |= {URL: bench.url, "PREFECT_WORKER_QUERY_SECONDS": "2"}
        begun = time.monotonic()
        told = (executions, kills * sum(PAUSE_S) / 2 / executions)
        sender = threading.Thread(target=bench.submit, args=told, daemon=True)
        sender.start()
        while bench.killed.total() < kills:
            time.sleep(rng.uniform(*PAUSE_S))
            kind = rng.choice(KINDS)
            bench.killed[kind] += bench.kill(kind)
            if bench.killed.total() % 20 == 0:
                took_s, left = time.monotonic() - begun, bench.look()
                said = f"{took_s:.0f} s: {dict(bench.killed)}, {len(bench.sent)} accepted"
                print(f"{said}, {left} not ended", flush=True)
        sender.join()
        until = time.monotonic() + AFTER_S
        while (left := bench.look()) and time.monotonic() < until:
            time.sleep(1)
        if left:
            bench.wrong.append(f"{left} had not ended {AFTER_S:.0f} s after the last kill")
        took = time.monotonic() - begun
        _judge(bench, executions, given)
        if bench.wrong:
            print((stack.folder / "api.log").read_text(errors="replace")[-5000:])
            print(stack.log_tails())
    said = ", ".join(f"{kind} {many}" for kind, many in sorted(bench.killed.items()))
    print(
        f"figure: prompts: {bench.killed.total()} kills ({said}) during {executions} executions in "
        f"{took:.0f} s: {len(bench.wrong)} wrong",
        flush=True,
    )
    return bench.wrong


def main(argv: Sequence[str] | None = None) -> int:
    """Print the figure; 0 if nothing was lost or done twice."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true")
    parser.add_argument("--kills", type=int)
    parser.add_argument("--executions", type=int)
    parser.add_argument("--seed", type=int, default=15)
    asked = parser.parse_args(argv)
    kills = asked.kills or (SHORT_KILLS if asked.short else KILLS)
    executions = asked.executions or (SHORT_EXECUTIONS if asked.short else EXECUTIONS)
    os.environ.setdefault("TZ", "America/Argentina/Buenos_Aires")
    wrong = play(kills, executions, random.Random(asked.seed))
    for what in wrong:
        print(f"wrong: {what}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
