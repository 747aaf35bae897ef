"""Costs are exact or unknown; a key is found by its name and said by its name alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from Modules import settings
from Modules.prompts.calls.asking import ModelRef
from Modules.prompts.calls.model_caller import key_of
from Modules.prompts.calls.prices import cost_of
from Modules.words.errors import SettingsError

AT = datetime(2026, 6, 1, tzinfo=UTC)
OPENAI = ModelRef("r", "openai", "openai", "https://api.openai.com/v1", "gpt-4o-mini", "CASA_KEY")
LOCAL = ModelRef("l", "casa", "local", "http://127.0.0.1:1/v1", "gpt-4o-mini")
PRICED = ModelRef("l", "casa", "local", LOCAL.base_url, "m", price=(Decimal(1), Decimal("2.5")))


def usage(given: int, made: int, **more: Any) -> dict[str, Any]:
    return {"prompt_tokens": given, "completion_tokens": made, **more}


def test_twenty_calls_equal_the_calculation_by_hand() -> None:
    # by list of June 2026: gpt-4o-mini 0.15 and 0.60 dollars a million tokens, in and out
    calls = [(OPENAI, usage(1_000 * n, 100 * n)) for n in range(1, 9)]  # 36,000 in, 3,600 out
    calls += [(OPENAI, usage(7, 3, cost=Decimal("0.000123"))) for _ in range(4)]
    calls += [(PRICED, usage(333, 77)) for _ in range(5)]  # 1,665 in, 385 out
    calls += [(LOCAL, usage(10, 10)), (OPENAI, {}), (OPENAI, usage(0, 0, cost=0))]
    found = [cost_of(model, told, AT) for model, told in calls]
    assert len(found) == 20
    assert sum((cost for cost, _ in found if cost is not None), Decimal(0)) == (
        Decimal("0.0054") + Decimal("0.00216")  # 36,000 x 0.15 and 3,600 x 0.60, a millionth of it
        + Decimal("0.000492")  # four as the provider says
        + Decimal("0.001665") + Decimal("0.0009625")
    )  # fmt: skip
    assert [source for _, source in found[-3:]] == [None, None, "provider"]
    assert found[-1][0] == 0  # told by the provider, so it is known


def test_unknown_is_none_and_never_nothing() -> None:
    unknown = ModelRef("r", "otro", "openai", "https://llm.empresa.example/v1", "gpt-4o-mini")
    nobody = ModelRef("r", "openai", "openai", OPENAI.base_url, "modelo-que-no-existe")
    for model in (unknown, nobody, LOCAL):
        assert cost_of(model, usage(1_000_000, 5), AT) == (None, None)
    for odd in ({"prompt_tokens": 5}, usage(-1, 5), {"prompt_tokens": "5", "completion_tokens": 1}):
        assert cost_of(OPENAI, odd, AT) == (None, None)
    assert cost_of(LOCAL, {"cost": True}, AT) == (None, None)
    for beyond in ("-1", "1e400", "1e9999999", "1e-9999999"):  # the last could not be added up
        assert cost_of(LOCAL, {"cost": Decimal(beyond)}, AT) == (None, None)
    assert cost_of(PRICED, usage(10**30, 1), AT) == (None, None)  # in no column of a database


def test_a_key_is_found_in_the_environment_or_in_its_file(tmp_path: Path) -> None:
    file = tmp_path / "clave"
    file.write_text("sk-canario-2\n")
    for texts, right in (
        ({"casa_key": "sk-canario-1"}, "sk-canario-1"),
        ({"casa_key_file": str(file)}, "sk-canario-2"),
    ):
        with settings.only(texts):
            assert key_of(OPENAI) == right
    with settings.only({}):
        assert key_of(LOCAL) == ""


@pytest.mark.parametrize(
    "texts",
    [{}, {"casa_key": ""}, {"casa_key": " "}, {"casa_key": "sk-canario-1 x"},
     {"casa_key": "sk-canario-1\nx"}, {"casa_key_file": "/no/esta"},
     {"casa_key": "sk-canario-1", "casa_key_file": "/no/esta"}],
)  # fmt: skip
def test_a_key_that_is_none_is_told_by_its_name(texts: dict[str, str]) -> None:
    with settings.only(texts), pytest.raises(SettingsError, match="CASA_KEY") as caught:
        key_of(OPENAI)
    assert "canario" not in str(caught.value)


def test_a_key_is_not_sent_in_the_open() -> None:
    for url in ("http://llm.empresa.example/v1", "https://u:p@llm.empresa.example/v1", "ftp://x"):
        with settings.only({"casa_key": "sk-canario-1"}), pytest.raises(SettingsError) as caught:
            key_of(replace(OPENAI, base_url=url))
        assert "base_url de openai" in str(caught.value)
        assert key_of(replace(OPENAI, base_url=url, key_name=None)) == ""
