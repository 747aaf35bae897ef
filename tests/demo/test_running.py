"""The demo as a process: it announces itself, refuses in one line, and dies with its parent."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from Modules.demo import running
from Modules.demo.__main__ import main
from Modules.demo.child import demo_process
from Modules.demo.world import build_world
from Modules.words.errors import SettingsError

ROOT = Path(__file__).resolve().parents[2]
PARENT = """
import sys, time
from Modules.demo.child import demo_process
with demo_process() as portal:
    print(portal.base_url, flush=True)
    time.sleep(600)
"""


def answers(base_url: str) -> bool:
    where = urlsplit(base_url)
    try:
        with socket.create_connection((where.hostname or "", where.port or 0), timeout=5):
            return True
    except ConnectionError:
        return False


def wait_until_gone(base_url: str) -> None:
    deadline = time.monotonic() + 30
    while answers(base_url):
        assert time.monotonic() < deadline, "the demo portal outlived its parent"
        time.sleep(0.05)


def test_a_demo_process_ends_with_its_block() -> None:
    with demo_process(day=3) as portal:
        assert requests.get(f"{portal.base_url}/campos", timeout=10).status_code == 401
        assert portal.name == "demo:small"
        assert portal.client_secret not in repr(portal)
    assert not answers(portal.base_url)


@pytest.mark.integration
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a POSIX signal")
def test_a_demo_process_dies_when_its_parent_is_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent.stdout:
        base_url = parent.stdout.readline().strip()
        assert answers(base_url)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    wait_until_gone(base_url)


@pytest.mark.integration
@pytest.mark.skipif(os.name != "posix", reason="SIGKILL is a POSIX signal")
def test_it_also_dies_while_it_still_builds_its_world() -> None:
    child = subprocess.Popen(
        [sys.executable, "-m", "Modules.demo", "--port", "0", "--size", "stress",
         "--with-parent"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    said, _ = child.communicate(timeout=60)  # closes its standard input
    assert said == b""


def test_wrong_arguments_are_one_line_and_a_settings_error() -> None:
    with (
        pytest.raises(SettingsError, match=r"^el día -1 es anterior a la primera"),
        demo_process(day=-1),
    ):
        pass
    with pytest.raises(SettingsError, match="invalid choice: 'huge'"), demo_process("huge"):
        pass


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--day", "-1"], "es anterior a la primera noche; los días se cuentan desde 0"),
        (["--campania", "2025"], "no es una campaña; escribir dos años seguidos, como 25/26"),
    ],
)
def test_the_command_line_refuses_with_exit_code_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--port", "0"]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


def test_a_port_in_use_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 2
    assert f"no se puede escuchar en 127.0.0.1:{port}" in capsys.readouterr().err


def test_the_demo_portal_tells_a_person_what_to_set(capsys: pytest.CaptureFixture[str]) -> None:
    running.serve_forever(build_world("small"), 0, lambda _, listener: listener.close())
    said = capsys.readouterr()
    facts = json.loads(said.out)
    assert f"DATABALER_BASE_URL={facts['base_url']}" in said.err
    for name in ("client_id", "client_secret"):
        assert f"DATABALER_{name.upper()}={facts[name]}" in said.err
    assert "Ctrl-C" in said.err
