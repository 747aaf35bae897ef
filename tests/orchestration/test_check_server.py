"""A Prefect server that is configured and silent is named with what to do."""

from __future__ import annotations

from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from Modules.orchestration import deploy
from Modules.settings import Settings
from Modules.words.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_a_stopped_stack_is_named_with_the_two_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def silent(**_: Any) -> Iterator[SimpleNamespace]:
        yield SimpleNamespace(api_healthcheck=lambda: ConnectionError("refused"))

    monkeypatch.setattr(deploy, "get_client", silent)
    with pytest.raises(SettingsError) as caught:
        deploy.check_server(Settings(prefect_api_url="http://127.0.0.1:4200/api"))
    said = str(caught.value)
    assert "http://127.0.0.1:4200/api" in said
    assert "lindero stack up" in said
    assert "sacar la variable de .env" in said
