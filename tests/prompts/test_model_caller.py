"""Each fault of a provider is one outcome word, and each request that left one record."""

from __future__ import annotations

import asyncio
import gzip
import logging
import threading
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from Modules.prompts.calls import model_caller
from Modules.prompts.calls.asking import Ask, CallRecord, ModelRef, Reply, Tool
from Modules.prompts.calls.model_caller import ModelCaller
from Modules.words.errors import BudgetSpent, PromptFailed
from tests.prompts.openai_server import FAULTS, Fake, Say, error, refused_url

CANARY = "sk-canario-9f31c07be2"
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}
GOOD = Say('{"a": 1}')


def asked(url: str, **more: Any) -> Ask:
    model = ModelRef("rapido", "casa", "local", url, "m-1", "CASA_KEY")
    found = Ask("uno", "tarea-a", model, "system", "prompt", SCHEMA, timeout_s=5)
    return replace(found, **more)


class Run:
    def __init__(self, ask: Ask, key: str = CANARY, allow: Any = lambda: None) -> None:
        self.calls: list[CallRecord] = []
        self.waits: list[float] = []
        self.reply: Reply | None = None
        self.failed: PromptFailed | None = None

        async def sleep(seconds: float) -> None:
            self.waits.append(seconds)

        async def go() -> None:
            async with ModelCaller(lambda _: key, sleep) as caller:
                try:
                    self.reply = await caller(ask, record=self.calls.append, allow=allow)
                except PromptFailed as err:
                    self.failed = err

        asyncio.run(go())

    @property
    def outcomes(self) -> list[str]:
        return [one.outcome for one in self.calls]


def run(script: list[Any], **more: Any) -> tuple[Run, Fake]:
    with Fake(script) as fake:
        return Run(asked(fake.url, **more)), fake


def test_a_good_answer_is_one_request_with_its_record() -> None:
    done, fake = run([GOOD])
    assert done.reply == Reply({"a": 1}, '{"a": 1}')
    (one,) = done.calls
    assert (one.step, one.attempt, one.alias, one.model, one.provider, one.outcome) == (
        "uno", 1, "rapido", "m-1", "casa", "ok",
    )  # fmt: skip
    assert (one.prompt_tokens, one.completion_tokens, one.cost_usd) == (100, 20, None)
    (sent,) = fake.bodies
    assert sent["model"] == "m-1"
    assert sent["response_format"]["json_schema"]["schema"] == SCHEMA
    assert [one["content"] for one in sent["messages"]] == ["system", "prompt"]
    assert fake.headers[0]["authorization"] == f"Bearer {CANARY}"


@pytest.mark.parametrize(
    ("fault", "outcome", "wait_s"),
    [
        ("429", "rate_limited", None),
        ("429-seconds", "rate_limited", 3.0),
        ("429-date", "rate_limited", 5.0),
        ("500", "unavailable", None),
        ("502", "unavailable", None),
        ("503", "unavailable", None),
        ("cut", "unavailable", None),
        ("error-under-200", "unavailable", None),
    ],
)
def test_once_is_asked_again_and_for_ever_is_told(
    fault: str, outcome: str, wait_s: float | None
) -> None:
    done, _ = run([fault, GOOD])
    assert done.reply is not None
    assert done.outcomes == [outcome, "ok"]
    assert [one.attempt for one in done.calls] == [1, 2]
    assert done.waits == [wait_s] if wait_s is not None else done.waits[0] <= 20
    done, fake = run([fault])
    assert done.failed is not None
    assert (done.failed.cause, done.failed.step) == (outcome, "uno")
    assert done.outcomes == [outcome] * 3
    assert len(fake.bodies) == 3


def test_a_wait_beyond_a_minute_is_not_waited() -> None:
    done, fake = run(["429-hour"])
    assert (done.failed and done.failed.cause, len(fake.bodies), done.waits) == (
        "rate_limited", 1, [],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("400", "rejected"),
        ("401", "auth"),
        ("403", "auth"),
        ("length", "truncated"),
        ("empty-choices", "not_json"),
        ("html", "not_json"),
        ("odd-shape", "not_json"),
        ("cut-document", "not_json"),
    ],
)
def test_what_another_request_would_not_mend_is_asked_once(fault: str, outcome: str) -> None:
    done, fake = run([fault])
    assert done.failed is not None
    assert done.failed.cause == outcome
    assert done.outcomes == [outcome]
    assert len(fake.bodies) == 1
    assert done.calls[0].prompt_tokens == (100 if fault in ("length", "empty-choices") else None)


def test_an_answer_cut_for_its_length_keeps_what_came() -> None:
    done, _ = run(["length"])
    assert done.failed is not None
    assert done.failed.raw == '{"a": 1'
    assert "finish_reason length" in str(done.failed)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [("truncated-json", "not_json"), ("malformed-json", "not_json"), ("wrong-schema", "schema")],
)
def test_wrong_once_is_repaired_and_twice_keeps_the_text(fault: str, outcome: str) -> None:
    done, fake = run([fault, GOOD])
    assert done.reply == Reply({"a": 1}, '{"a": 1}')
    assert done.outcomes == [outcome, "ok"]
    said = fake.bodies[1]["messages"]
    assert said[-2] == {"role": "assistant", "content": FAULTS[fault].text}
    assert "no sirve" in said[-1]["content"]
    done, fake = run([fault])
    assert done.failed is not None
    assert (done.failed.cause, done.failed.raw) == (outcome, FAULTS[fault].text)
    assert done.outcomes == [outcome] * 2
    assert len(fake.bodies) == 2


def test_time_runs_out() -> None:
    done, _ = run(["timeout"], timeout_s=0.1, retries=1)
    assert done.failed is not None
    assert done.failed.cause == "timeout"
    assert done.outcomes == ["timeout", "timeout"]
    assert all(one.cost_usd is None for one in done.calls)


def test_nobody_listens() -> None:
    done = Run(asked(refused_url(), retries=1))
    assert done.failed is not None
    assert done.failed.cause == "unavailable"
    assert done.outcomes == ["unavailable"] * 2


def test_missing_usage_is_unknown_and_a_cost_is_the_providers_to_the_last_digit() -> None:
    done, _ = run(["no-usage"])
    assert [(one.prompt_tokens, one.cost_usd) for one in done.calls] == [(None, None)]
    done, _ = run(["cost"])
    assert done.calls[0].cost_usd == Decimal("0.0001234567890123")
    assert done.calls[0].cost_source == "provider"


def test_a_redirect_is_not_followed_with_the_key() -> None:
    with Fake([GOOD]) as thief:
        moved = {"Location": f"{thief.url}/chat/completions"}
        for status in (301, 302, 307, 308):
            done, _ = run([Say(status=status, headers=moved, body=b"")])
            assert done.failed is not None
            assert (done.failed.cause, done.outcomes) == ("rejected", ["rejected"])
        assert thief.bodies == []


def test_a_huge_answer_is_bounded_also_when_it_is_a_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_caller, "MOST_BYTES", 100_000)
    bomb = gzip.compress(b'{"choices": ["' + b"x" * 20_000_000)
    for body, headers in ((b"x" * 200_000, {}), (bomb, {"Content-Encoding": "gzip"})):
        done, fake = run([Say(body=body, headers=headers)])
        assert done.failed is not None
        assert done.failed.cause == "not_json"
        assert "100000 bytes" in str(done.failed)
        assert len(fake.bodies) == 1


def test_a_key_is_in_nothing_that_is_kept_or_said(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echoes = [
        error(401, f"bad key {CANARY}"), error(400, CANARY), error(500, CANARY),
        Say(f'{{"a": "{CANARY}"}}'), Say(f"{CANARY} a secas"),
        Say(f'{{"a": "{CANARY}', finish="length"),
    ]  # fmt: skip
    for echo in echoes:
        done, _ = run([echo])
        err = done.failed
        assert err is not None
        shown, one = [str(err), repr(err), err.raw, repr(done.calls)], err
        while (one := one.__cause__ or one.__context__) is not None:
            shown += [str(one), repr(one)]
        assert CANARY not in "".join(shown)
    assert CANARY not in caplog.text


def test_a_wrong_key_is_asked_once() -> None:
    with Fake([GOOD], key="the-right-one") as fake:
        done = Run(asked(fake.url))
    assert (done.failed and done.failed.cause, done.outcomes, len(fake.bodies)) == (
        "auth", ["auth"], 1,
    )  # fmt: skip
    assert "CASA_KEY" in str(done.failed)


def test_models_yaml_alone_sends_it_elsewhere() -> None:
    with Fake([GOOD]) as one, Fake([GOOD]) as other:
        first = asked(one.url)
        Run(first)
        Run(replace(first, model=replace(first.model, base_url=other.url, model="m-2")))
    assert [one["model"] for one in one.bodies] == ["m-1"]
    assert [one["model"] for one in other.bodies] == ["m-2"]


def test_openrouter_is_asked_for_the_cost() -> None:
    with Fake([GOOD]) as fake:
        ask = asked(fake.url)
        Run(replace(ask, model=replace(ask.model, type="openrouter")))
    assert fake.bodies[0]["usage"] == {"include": True}


def test_nothing_leaves_once_a_budget_is_spent() -> None:
    left = [1]

    def allow() -> None:
        if not left:
            raise BudgetSpent("gastado", "uno")
        left.pop()

    with Fake([Say('{"b": 1}')]) as fake:
        done = Run(asked(fake.url), allow=allow)
    assert isinstance(done.failed, BudgetSpent)
    assert len(fake.bodies) == 1


def test_tools_answer_and_are_counted() -> None:
    seen: list[str] = []
    schema = {"type": "object", "properties": {"lote": {"type": "string"}}, "required": ["lote"]}
    tool = Tool("lote", "x", schema, lambda lote: seen.append(lote) or {"superficie_ha": 12.5})
    script = [Say(None, tools=[("lote", {"lote": "7"}), ("borrar", {})]), GOOD]
    done, fake = run(script, tools=(tool,))
    assert done.reply is not None
    assert (seen, done.outcomes) == (["7"], ["ok", "ok"])
    told = [one["content"] for one in fake.bodies[1]["messages"] if one["role"] == "tool"]
    assert told[0] == '{"superficie_ha": 12.5}'
    assert "no hay esa herramienta" in told[1]
    done, fake = run(script[:1], tools=(tool,), tool_steps=2)
    assert done.failed is not None
    assert done.failed.cause == "tool_steps"
    assert len(fake.bodies) == 2  # two calls in the first, and no more in the second


def test_a_cancelled_request_is_recorded_for_it_left() -> None:
    calls: list[CallRecord] = []
    there = threading.Event()

    async def go(url: str) -> None:
        async with ModelCaller(lambda _: "") as caller:
            ask = asked(url, timeout_s=30)
            task = asyncio.create_task(caller(ask, record=calls.append, allow=lambda: None))
            await asyncio.to_thread(there.wait, 5)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    with Fake([replace(FAULTS["timeout"], before=there.set)]) as fake:
        asyncio.run(go(fake.url))
    assert [one.outcome for one in calls] == ["cancelled"]


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 2}, (3, 2)),  # no total
        ({"prompt_tokens": "x", "total_tokens": None}, (None, None)),
        ({"prompt_tokens": 3, "completion_tokens": 2, "prompt_tokens_details": 7}, (3, 2)),
        ([], (None, None)),
    ],
)
def test_a_usage_of_another_shape_spoils_no_answer(usage: Any, tokens: tuple[Any, Any]) -> None:
    done, _ = run([Say('{"a": 1}', usage=usage)])
    assert done.reply == Reply({"a": 1}, '{"a": 1}')
    assert [(one.prompt_tokens, one.completion_tokens) for one in done.calls] == [tokens]
