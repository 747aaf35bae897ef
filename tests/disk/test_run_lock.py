"""One run at a time in each mode; the kernel frees the lock of a killed one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from Modules.disk.run_lock import HOLDER_NAME, LOCK_NAME, early_lock, run_lock, user_name
from Modules.words.domain import Modo
from Modules.words.errors import PublishError, RunLocked

ROOT = Path(__file__).resolve().parent.parent.parent
HOLD = """
import sys
from pathlib import Path
from Modules.words.domain import Modo
from Modules.words.errors import RunLocked
from Modules.disk.run_lock import run_lock
try:
    with run_lock(Path(sys.argv[1]), Modo.TEST):
        print("held", flush=True)
        sys.stdin.read()
except RunLocked as err:
    print("locked", flush=True)
    sys.exit(err.exit_code)
"""

ASK = """
import sys
from pathlib import Path
from Modules.disk.run_lock import is_held
assert is_held(Path(sys.argv[1]))
print("asks", flush=True)
while True:
    is_held(Path(sys.argv[1]))
"""


def _start(state: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, str(state)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@contextmanager
def _holding(state: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock and has said so."""
    with _start(state) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_second_run_is_refused_at_once_and_told_who_holds_it(tmp_path: Path) -> None:
    with _holding(tmp_path) as process:
        with (
            pytest.raises(
                RunLocked, match=rf"corrida de test en curso \(pid {process.pid} de .* desde 20"
            ),
            run_lock(tmp_path, Modo.TEST),
        ):
            pytest.fail("two runs at once")
        with run_lock(tmp_path, Modo.PROD):
            pass  # a trial does not stand in the way of production


def test_the_same_process_cannot_take_it_twice(tmp_path: Path) -> None:
    with (
        run_lock(tmp_path, Modo.TEST),
        pytest.raises(RunLocked, match=f"pid {os.getpid()} "),
        run_lock(tmp_path, Modo.TEST),
    ):
        pytest.fail("two runs at once")


@pytest.mark.integration
@pytest.mark.skipif(os.name == "nt", reason="kill -9 is a thing of POSIX")
def test_kill_9_frees_it(tmp_path: Path) -> None:
    with _holding(tmp_path) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        with run_lock(tmp_path, Modo.TEST):
            held = (tmp_path / "test" / HOLDER_NAME).read_text("utf-8")
    assert f'"pid": {os.getpid()}' in held


def test_who_asks_whether_it_is_held_is_in_nobodys_way(tmp_path: Path) -> None:
    path = tmp_path / Modo.TEST.value / LOCK_NAME
    asking = [
        subprocess.Popen([sys.executable, "-c", ASK, str(path)], cwd=ROOT, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    try:
        with run_lock(tmp_path, Modo.TEST):
            assert [one.stdout.readline() for one in asking if one.stdout] == [b"asks\n"] * 2
        for _ in range(300):
            with run_lock(tmp_path, Modo.TEST):
                pass
    finally:
        for one in asking:
            one.kill()
            one.communicate()


def test_it_is_free_again_after_an_error_in_the_run(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), run_lock(tmp_path, Modo.TEST):
        _ = 1 / 0
    with run_lock(tmp_path, Modo.TEST):
        pass
    assert not (tmp_path / "test" / HOLDER_NAME).exists()


@pytest.mark.integration
def test_of_six_starts_at_once_one_runs(tmp_path: Path) -> None:
    starts = [_start(tmp_path) for _ in range(6)]
    said = []
    for process in starts:
        assert process.stdout is not None
        said.append(process.stdout.readline().strip())
    codes = [process.communicate("")[0] or process.returncode for process in starts]
    assert sorted(said) == ["held"] + ["locked"] * 5
    assert sorted(codes) == [0] + [RunLocked.exit_code] * 5


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"pid": 1}', "\xff"])
def test_a_spoilt_note_of_the_holder_is_no_obstacle(tmp_path: Path, text: str) -> None:
    with run_lock(tmp_path, Modo.TEST):
        (tmp_path / "test" / HOLDER_NAME).write_bytes(text.encode("latin-1"))
        with (
            pytest.raises(RunLocked, match="todavía no dijo quién es"),
            run_lock(tmp_path, Modo.TEST),
        ):
            pytest.fail("two runs at once")


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(PublishError, match="state"), run_lock(tmp_path / "state", Modo.TEST):
        pytest.fail("no lock there")


def test_a_lock_taken_early_is_handed_to_the_run_once(tmp_path: Path) -> None:
    with early_lock(tmp_path, Modo.TEST):
        with run_lock(tmp_path, Modo.TEST):
            holder = (tmp_path / "test" / HOLDER_NAME).read_text("utf-8")
            assert f'"pid": {os.getpid()}' in holder
            with pytest.raises(RunLocked), run_lock(tmp_path, Modo.TEST):
                pytest.fail("two runs at once")
        with run_lock(tmp_path, Modo.TEST):
            assert (tmp_path / "test" / HOLDER_NAME).is_file(), "still held for a next run"
        with run_lock(tmp_path, Modo.PROD):
            assert True, "the other mode is its own"
    assert not (tmp_path / "test" / HOLDER_NAME).exists()
    with _holding(tmp_path), pytest.raises(RunLocked), early_lock(tmp_path, Modo.TEST):
        pytest.fail("somebody else holds it")


def test_a_lock_taken_early_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), early_lock(tmp_path, Modo.TEST):
        raise ZeroDivisionError
    with run_lock(tmp_path, Modo.TEST):
        assert True


def test_a_user_without_a_name_is_known_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert user_name() == f"uid {os.getuid()}"
