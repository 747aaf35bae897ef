"""The portals of ../shared's cases, as their scripts serve them, read whole by a profile.

Each case runs from a copy, for it writes beside itself.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from Modules.words.errors import ApiContractChanged
from tests.portal.dialect_server import fetch, ids
from tests.processes import ended, patience

pytestmark = pytest.mark.shared
LOTES = [str(number) for number in range(1, 8)]
_LIST = '[resources.lotes.envelope]\nrows = "{}"\ntotal = "{}"\n[resources.lotes.paging]\n'
REL_LINKS = _LIST.format("values", "total") + (
    'kind = "next_link"\nnext = "links[rel=nextPage].uri"\nsize_param = ""\n'
)
FOREIGN = _LIST.format("results", "count") + 'kind = "next_link"\nnext = "next"\nsize_param = ""\n'
POST = (
    '[season]\nplace = "body"\n[resources.lotes]\nmethod = "POST"\nseason = true\n'
    "params = { conGeometria = true }\n"
    + "".join(
        f"[resources.{name}]\nseason = false\n" for name in ("campos", "ambientes", "marcadores")
    )
)


@contextmanager
def _serving(cases: Path, case: str, folder: Path) -> Iterator[str]:
    for name in ("http_cases.py", "portal_base.py"):
        shutil.copy(cases / name, folder / name)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, str(folder / "http_cases.py"), case, str(port)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + patience(30)
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None
                assert time.monotonic() < until
                time.sleep(0.02)
        yield f"http://127.0.0.1:{port}/base-portal/api/v1"
    finally:
        ended(process)


@pytest.mark.parametrize(
    ("case", "profile"),
    [
        ("rel-links", REL_LINKS),
        ("foreign-next", f'{FOREIGN}keep = "origin"\n'),
        ("gzip-padding", ""),
        ("post-types", POST),
    ],
)
def test_all_seven_lotes_of_a_case(
    shared_data: Path, tmp_path: Path, case: str, profile: str
) -> None:
    with _serving(shared_data / "cases", case, tmp_path) as url:
        assert ids(fetch(url, profile)) == LOTES


def test_a_foreign_next_without_the_setting_is_refused_with_the_line_that_mends_it(
    shared_data: Path, tmp_path: Path
) -> None:
    with (
        _serving(shared_data / "cases", "foreign-next", tmp_path) as url,
        pytest.raises(ApiContractChanged, match=r'escribir keep = "origin" en \[paging\]'),
    ):
        fetch(url, FOREIGN)
