"""Errors of the command line: one line for people, JSON for machines, the promised code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from Modules.cli import main as cli


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (("backups", "show", "99"), 2, "SettingsError"),
        (("backups", "show", "ultimo"), 1, "DataError"),
        (("backups", "list", "--campania", "25/27"), 2, "SettingsError"),
        (("backups", "list", "--nonsense"), 2, "SettingsError"),
    ],
)
def test_an_error_is_json_too_where_json_is_asked_for(
    arguments: tuple[str, ...],
    code: int,
    kind: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("LINDERO_STATE_DIR", str(tmp_path))
    for words in (arguments, (*arguments, "--json")):
        with pytest.raises(SystemExit) as ended:
            cli.main(words)
        assert ended.value.code == code
        said = capsys.readouterr()
        assert said.err.count("\n") == 1
        if "--json" in words:
            error = json.loads(said.out)["error"]
            assert (error["kind"], error["exit_code"]) == (kind, code)
            assert error["detail"] in said.err
        else:
            assert said.out == ""


def test_a_fault_of_ours_is_70_and_json_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("x")

    monkeypatch.setattr(cli, "app", broken)
    with pytest.raises(SystemExit) as ended:
        cli.main(("status", "--json"))
    assert ended.value.code == 70
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "ZeroDivisionError"
