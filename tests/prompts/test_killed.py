"""Runners and the API killed at random moments, as real processes over SQLite: a small scale of
``tests.robustness.prompts_kills``.
"""

from __future__ import annotations

import random
import socket
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from Modules.prompts.client import Execution, PromptsClient
from Modules.prompts.store import PromptStore
from tests.prompts.forker import forker, killed
from tests.prompts.serving import bundle, deploy

EXECUTIONS, KILLS = 24, 6


@pytest.mark.integration
def test_what_was_accepted_ends_once_whoever_is_killed(tmp_path: Path) -> None:
    rng = random.Random(15)
    url, log = f"sqlite:///{tmp_path / 'prompts.sqlite3'}", tmp_path / "calls.log"
    store = PromptStore(url)
    deploy(store, bundle(tmp_path / "prompts"))
    token = store.clients.create("c", now=datetime.now(UTC))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    client = PromptsClient(f"http://127.0.0.1:{port}", token)
    sent: dict[str, Execution] = {}
    first_seen: dict[str, object] = {}

    def look() -> None:
        """Whatever has ended must stay as it was first seen."""
        for key, one in sent.items():
            if one.ended:
                assert first_seen.setdefault(key, one.output) == one.output

    with forker(url, log) as start:
        api, runners = start("api", port), [start("runner"), start("runner")]
        for number in range(EXECUTIONS):
            key = f"k{number}"
            sent[key] = client.submit("cuenta", {"texto": key}, key=key)
            if number % (EXECUTIONS // KILLS) == 0:
                time.sleep(rng.uniform(0, 0.3))
                if rng.random() < 0.3:
                    killed(api)
                    api = start("api", port)
                else:
                    killed(runners.pop(rng.randrange(2)))
                    runners.append(start("runner"))
        for key in sent:
            sent[key] = client.wait(sent[key].id, patience_s=60, every_s=0.1)
        look()
        time.sleep(0.2)
        for key in sent:
            sent[key] = client.execution(sent[key].id)
            assert client.submit("cuenta", {"texto": key}, key=key).id == sent[key].id
        look()

    assert {one.state for one in sent.values()} == {"completed"}
    assert len({one.id for one in sent.values()}) == EXECUTIONS
    rows, _ = store.executions("c", cursor=None, limit=100, state=None)
    assert len(rows) == EXECUTIONS  # none was made twice
    calls = Counter(line.split()[1] for line in log.read_text().splitlines())
    outputs = [value for one in sent.values() for value in one.output.values()]
    assert len(set(outputs)) == 2 * EXECUTIONS  # every answer is of its own call…
    assert set(outputs) <= set(calls)
    # …and a call was made again only where the one before it was cut short
    assert sum(calls.values()) <= 2 * EXECUTIONS + KILLS * 20
    (row,) = store.costs(datetime(2026, 1, 1, tzinfo=UTC), by="flow")
    assert row.executions == EXECUTIONS
    assert 2 * EXECUTIONS <= row.calls <= sum(calls.values())
