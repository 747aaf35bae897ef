"""Errors of the command line: one line for people, JSON for machines, the promised code."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from Modules.cli import main as cli
from Modules.settings import PROJECT_ROOT


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


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "backup"), "volver a correr hace lo que faltó"),
        (("stack", "up"), "lindero stack up levanta el resto"),
        (("status", "--json"), "no cambió nada"),
        (("backups", "list"), "lo publicado y los backups están enteros"),
    ],
)
def test_ctrl_c_says_in_one_line_what_is_intact(
    words: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def interrupted(*_words: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", interrupted)
    with pytest.raises(SystemExit) as ended:
        cli.main(words)
    assert ended.value.code == 130
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("lindero: se cortó; ")
    assert told.err.count("\n") == 1
    assert said in told.err


@pytest.mark.skipif(sys.platform == "win32", reason="a closed pipe is told otherwise there")
@pytest.mark.parametrize("words", ["--help", "doctor", "status"])
@pytest.mark.parametrize("both", [False, True], ids=["out", "out and err"])
def test_who_stops_reading_is_no_fault(words: str, both: bool, tmp_path: Path) -> None:
    """As ``lindero … | head``: quiet, and the code that a shell gives to SIGPIPE."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run(
            (sys.executable, "-m", "Modules.cli.main", words),
            stdout=closed,
            stderr=closed if both else subprocess.PIPE,
            env={**os.environ, "LINDERO_STATE_DIR": str(tmp_path)},
            cwd=PROJECT_ROOT,
            timeout=60,
            check=False,
        )
    assert done.returncode == 141
    assert not done.stderr


def test_a_pipe_that_breaks_elsewhere_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_words: object, **_options: object) -> None:
        raise BrokenPipeError("a socket")

    monkeypatch.setattr(cli, "app", broken)
    monkeypatch.setattr(cli, "_nobody_reads", lambda: False)
    with pytest.raises(SystemExit) as ended:
        cli.main(("status",))
    assert ended.value.code == cli.UNEXPECTED
    assert "BrokenPipeError inesperado: a socket" in capsys.readouterr().err
