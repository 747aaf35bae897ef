"""What the packages are, and what is known against them: ``make sbom`` and ``make audit``."""

from __future__ import annotations

import http.server
import json
import os
import re
import shutil
import subprocess
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ADVISORY = {
    "id": "PYSEC-2099-1",
    "modified": "2026-01-01T00:00:00Z",
    "published": "2026-01-01T00:00:00Z",
    "summary": "invented",
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "requests"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}],
        }
    ],
}
pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def uv() -> str:
    """The uv that the Makefile uses."""
    found = shutil.which("uv") or str(ROOT / ".tools" / "bin" / "uv")
    if not os.access(found, os.X_OK):
        pytest.skip("uv is not on this machine")
    return found


def test_every_locked_package_is_in_the_bill_of_materials_with_its_hashes(
    uv: str, tmp_path: Path
) -> None:
    for name in ("pyproject.toml", "uv.lock", "Makefile"):
        shutil.copy(ROOT / name, tmp_path)
    made = subprocess.run(
        ["make", "sbom", f"UV={uv}"], cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert made.returncode == 0, made.stderr
    told = json.loads((tmp_path / "sbom.cdx.json").read_text(encoding="utf-8"))
    locked = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    wanted = {(one["name"], one["version"]) for one in locked if "editable" not in one["source"]}
    assert (told["bomFormat"], told["specVersion"]) == ("CycloneDX", "1.5")
    assert {(one["name"], one["version"]) for one in told["components"]} == wanted
    assert len(wanted) > 200
    for one in told["components"]:
        assert one["purl"] == f"pkg:pypi/{one['name']}@{one['version']}"
        files = [file for file in one["externalReferences"] if file["type"] == "distribution"]
        assert files
        assert all(file["hashes"] for file in files), one["name"]


@pytest.mark.parametrize(
    ("allowed", "code", "said"),
    [
        ("", 1, "PYSEC-2099-1"),
        ("PYSEC-2099-1 2099-12-31 nothing here calls it\n", 0, ""),
        ("PYSEC-2099-1 2020-12-31 nothing here calls it\n", 1, "was allowed until 2020-12-31"),
        ("PYSEC-2099-1 2099-12-31\n", 2, "needs a last day"),
    ],
)
def test_an_advisory_that_no_dated_line_allows_is_a_failure(
    uv: str, tmp_path: Path, allowed: str, code: int, said: str
) -> None:
    with advisories() as url:
        done = _audit(uv, tmp_path, allowed, url)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stdout + done.stderr


def test_where_no_source_answers_it_is_said_and_is_no_failure(uv: str, tmp_path: Path) -> None:
    done = _audit(uv, tmp_path, "", "http://127.0.0.1:9")
    assert done.returncode == 0
    assert done.stdout.startswith("no source of advisories answers (http://127.0.0.1:9/")


def test_the_proxy_of_the_docs_lets_the_browser_speak_to_the_server_only(tmp_path: Path) -> None:
    """Looked at in chromium: both pages work, and what they ask of other hosts is cut."""
    text = (ROOT / "docs" / "despliegue.md").read_text(encoding="utf-8")
    told = re.search(r"```caddy\n((\S+) \{\n.*?)```", text, re.S)
    assert told is not None
    policy = re.search(r'Content-Security-Policy "(.*)"', told[1])
    assert policy is not None
    rules = {name: values for name, *values in map(str.split, policy[1].split(";"))}
    assert rules["default-src"] == rules["base-uri"] == rules["frame-ancestors"] == ["'none'"]
    assert rules["script-src"] == ["'self'", "'unsafe-eval'"]  # the page compiles its forms
    own = {"'self'", "'none'", "'unsafe-eval'", "'unsafe-inline'", "data:", "blob:"}
    assert {one for values in rules.values() for one in values} - own == {f"wss://{told[2]}"}
    if shutil.which("caddy") is None:
        pytest.skip("caddy is not on this machine: it was not asked whether it reads this")
    (tmp_path / "Caddyfile").write_text(told[1], encoding="utf-8")
    read = subprocess.run(["caddy", "validate"], cwd=tmp_path, capture_output=True, text=True)
    assert read.returncode == 0, read.stderr


def test_the_gate_asks_and_its_list_is_read() -> None:
    assert "make audit\n" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert (ROOT / ".ci" / "advisories.txt").is_file()


def _audit(uv: str, folder: Path, allowed: str, url: str) -> subprocess.CompletedProcess[str]:
    (folder / "allowed").write_text(allowed, encoding="utf-8")
    told = {"UV": uv, "ALLOWED": str(folder / "allowed"), "UV_HTTP_RETRIES": "0"}
    return subprocess.run(
        [str(ROOT / ".ci" / "audit"), "--service-url", url],
        env={**os.environ, **told, "NO_PROXY": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=60,
    )


@contextmanager
def advisories() -> Iterator[str]:
    """A source of advisories that knows one, against every version of requests."""

    class Source(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["queries"]
            known = {"vulns": [{"id": ADVISORY["id"], "modified": ADVISORY["modified"]}]}
            self._say({"results": [known if _of(one) == "requests" else {} for one in asked]})

        def do_GET(self) -> None:
            self._say(ADVISORY)

        def _say(self, answer: object) -> None:
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    def _of(question: dict[str, dict[str, str]]) -> str:
        return question["package"]["name"]

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Source) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
