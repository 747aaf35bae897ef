"""One login for all pages, whole: Caddy, a real OIDC login, Chromium, and Prefect, map and report.

Only the outpost between them is a stub of ours. What the door lets through in each case is shown
without a browser, and fast, in tests/sso/test_door.py.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from Modules.diff.changes import diff_tables
from Modules.disk.publish import publish_files, published
from Modules.products.atlas.product import build_atlas
from Modules.products.entry import Hecho
from Modules.products.informe.product import build_informe
from Modules.products.mapa.product import build_mapa
from tests.fuentes import night_of
from tests.processes import ended, patience
from tests.products.mapa.test_browser import world
from tests.scripts.conftest import ROOT, prefect_server
from tests.sso.door import Door, door, free_port
from tests.sso.outpost_stub import CLIENT, COOKIE, SECRET, Outpost, outpost_stub
from tests.stack.browser import Browser, browser

pytestmark = [pytest.mark.integration, pytest.mark.slow]

AUTH = "campo:una clave de la API"
BASIC = base64.b64encode(AUTH.encode()).decode()
MODULES = ROOT / ".tools" / "sso"
PICTURES = "SSO_PICTURES"  # a folder that keeps what the browser showed
START_S = 60


@dataclass(frozen=True, slots=True)
class House:
    door: Door
    outpost: Outpost
    prefect: str  # the address inside


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    if not (MODULES / "ready").is_file() or shutil.which("node") is None:
        pytest.skip("npm's oidc-provider is not here: make .tools/sso/ready")
    folder, port = tmp_path_factory.mktemp("sso"), free_port()
    origin, paginas = f"http://lindero.localhost:{port}", free_port()
    before, now = world(0), world(3)
    night = replace(night_of(now), changes=diff_tables(before, now), antes=lambda: before.lotes)
    _publish(folder, build_mapa(night, folder / "mapa"), build_atlas(night, folder / "atlas"))
    beside = {one: tuple(published(folder / "outputs" / one)) for one in ("mapa", "atlas")}
    _publish(folder, build_informe(night, folder / "informe", {**beside, "H3": ()}))
    with ExitStack() as stack:
        outpost = stack.enter_context(outpost_stub())
        outpost.issuer = f"http://login.localhost:{free_port()}"
        login = ("node", str(ROOT / "tests/sso/login.mjs"), str(MODULES), outpost.issuer)
        stack.enter_context(_program(folder, *login, CLIENT, SECRET, outpost.back(origin)))
        pages = (sys.executable, "-m", "uvicorn", "--factory", "Modules.stack.pages:make_app")
        stack.enter_context(_program(folder, *pages, "--port", str(paginas)))
        told = {"PREFECT_UI_ENABLED": "true", "PREFECT_UI_API_URL": f"{origin}/api"}
        told["PREFECT_SERVER_API_AUTH_STRING"] = AUTH
        api = stack.enter_context(prefect_server(folder / "prefect", **told))
        behind = {"LINDERO_PORT": int(api.split(":")[2].removesuffix("/api"))}
        behind["LINDERO_PAGINAS_PORT"] = paginas
        made = stack.enter_context(door(folder, outpost.url, port, **behind))
        _await_page(paginas)
        yield House(made, outpost, api.removesuffix("/api"))


def _publish(folder: Path, *hechos: Hecho) -> None:
    for carpeta, built in (pair for hecho in hechos for pair in hecho.carpetas.items()):
        place, now = folder / "outputs" / carpeta, datetime.now(UTC)
        place.mkdir(parents=True)
        publish_files(built, place, snapshot_id="1", now=now)


@pytest.fixture
def page() -> Iterator[Browser]:
    with browser() as one:
        one.command("Network.enable")
        yield one


def test_who_logs_in_is_back_at_the_page_asked_for_and_comes_in_everywhere(
    house: House, page: Browser, tmp_path: Path
) -> None:
    asked = f"{house.door.origin}/informe/informe_25-26.html?de=hoy"
    _log_in(page, asked, "ana", tmp_path)
    _await(page, "document.querySelector('h1') !== null && location.pathname.startsWith('/inf')")
    assert page.evaluate("location.href") == asked
    _picture(page, tmp_path, "back")

    page.text_of(f"{house.door.origin}/quien", "x-authentik-username: ana")
    said = page.command(
        "Runtime.evaluate",
        expression="fetch('/quien', {headers: {'X-Authentik-Username': 'akadmin', "
        "'X-Authentik-Jwt': 'falso'}}).then(a => a.text())",
        awaitPromise=True,
    )["result"]["value"]
    assert said == (
        "x-authentik-email: ana@empresa.example\nx-authentik-groups: agronomia\n"
        "x-authentik-name: Señora ana\nx-authentik-uid: ana\nx-authentik-username: ana\n"
    )
    page.command("Page.navigate", url=f"{house.door.origin}/mapa/mapa_25-26.html")
    _await(page, "document.querySelector('#locate') !== null")  # no second login
    _picture(page, tmp_path, "map")
    page.before_each_page(f"localStorage.setItem('prefect-password', {json.dumps(BASIC)})")
    page.text_of(f"{house.door.origin}/dashboard", "Run a task or flow to get started")
    _picture(page, tmp_path, "prefect")


def test_every_link_of_the_report_leads_somewhere_and_says_where_the_others_are(
    house: House, page: Browser, tmp_path: Path
) -> None:
    """Who reads it behind the door, and asks for each file with the browser's own session."""
    _log_in(page, f"{house.door.origin}/informe/informe_25-26.html", "ana", tmp_path)
    page.await_words("Todos los productos", "(en la carpeta sustentabilidad)")
    links = json.loads(page.evaluate("JSON.stringify([...document.links].map(a => a.href))"))
    assert [one for one in links if ".pdf" in one]
    cookies = {one["name"]: one["value"] for one in page.command("Network.getCookies")["cookies"]}
    for link in links:
        path = link.removeprefix(house.door.origin)
        answer = house.door.ask(path, cookies)
        if path.startswith(("/mapa/", "/atlas/")):  # what was made of the night
            assert answer.status_code == 200, path
    page.evaluate("document.querySelector('details').open = true")
    page.evaluate("document.querySelector('#productos').scrollIntoView()")
    _picture(page, tmp_path, "links")


def test_somebody_of_another_group_logs_in_and_is_refused(
    house: House, page: Browser, tmp_path: Path
) -> None:
    _log_in(page, f"{house.door.origin}/deployments", "vera", tmp_path)
    page.await_words("Señora vera no está en ningún grupo de los que entran")
    _picture(page, tmp_path, "refused")
    (answer,) = [
        one["params"]["response"]["status"]
        for one in page.events
        if one["method"] == "Network.responseReceived"
        and one["params"]["response"]["url"] == f"{house.door.origin}/deployments"
    ]
    assert answer == 403


def test_the_api_is_open_inside_without_the_login_and_never_outside(house: House) -> None:
    count, basic = "/api/flows/count", {"Authorization": f"Basic {BASIC}"}
    with requests.Session() as inside:
        inside.trust_env = False
        assert inside.post(f"{house.prefect}{count}", headers=basic, json={}).status_code == 200
        assert inside.post(f"{house.prefect}{count}", json={}).status_code == 401
    assert house.door.ask(count, headers=basic, method="POST").status_code == 302
    ana = house.outpost.session("ana", "agronomia")
    assert house.door.ask(count, ana, method="POST").status_code == 401  # Prefect's own password
    both = {**basic, "Content-Type": "application/json"}
    assert house.door.ask(count, ana, both, method="POST").status_code == 200
    paths = house.door.ask("/openapi.json", ana).json()["paths"]
    assert not [path for path in paths if path.startswith("/v1")]  # that is the API of prompts


def test_websockets_pass_with_a_session_and_not_without(house: House) -> None:
    cookie = house.outpost.session("ana", "agronomia")[COOKIE]
    with _websocket(house, {"Cookie": f"{COOKIE}={cookie}"}) as opened:
        opened.send(json.dumps({"type": "auth", "token": AUTH}))
        assert json.loads(opened.recv(timeout=30))["type"] == "auth_success"
    with pytest.raises(InvalidStatus) as refused, _websocket(house, {}):
        pass
    assert refused.value.response.status_code == 302


def _websocket(house: House, headers: dict[str, str]) -> ClientConnection:
    """The one by which Prefect tells what happens, through the door."""
    url = f"{house.door.origin.replace('http', 'ws', 1)}/api/events/out"
    line = socket.create_connection(("127.0.0.1", house.door.port))
    told = {"sock": line, "subprotocols": ["prefect"], "additional_headers": headers}
    return connect(url, proxy=None, open_timeout=30, **told)


def _log_in(page: Browser, asked: str, who: str, folder: Path) -> None:
    """Ask for a page with no session, and log in where one is sent to."""
    page.command("Network.clearBrowserCookies")
    page.text_of(asked, "Sign-in")
    assert str(page.evaluate("location.host")).startswith("login.localhost:")
    _picture(page, folder, f"login-{who}")
    page.evaluate(
        f"document.querySelector('[name=login]').value = {json.dumps(who)},"
        "document.querySelector('[name=password]').value = 'cualquiera',"
        "document.querySelector('button[type=submit]').click()"
    )


def _picture(page: Browser, folder: Path, name: str) -> None:
    kept = Path(os.environ.get(PICTURES, folder))
    (kept / f"{name}.png").write_bytes(page.picture())


def _await(page: Browser, script: str) -> None:
    deadline = time.monotonic() + patience(START_S)
    while not page.evaluate(script):
        assert time.monotonic() < deadline, (script, page.evaluate("document.body.innerText"))
        time.sleep(0.1)  # a page that loads, bounded by the deadline above


@contextmanager
def _program(folder: Path, *command: str) -> Iterator[None]:
    told = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(ROOT)}
    told["LINDERO_OUTPUTS_DIR"] = str(folder / "outputs")
    with (folder / f"{Path(command[2]).name}.log").open("wb") as log:
        process = subprocess.Popen(command, env=told, cwd=ROOT, stdout=log, stderr=log)
    try:
        yield
    finally:
        ended(process)


def _await_page(port: int) -> None:
    deadline = time.monotonic() + patience(START_S)
    with requests.Session() as session:
        session.trust_env = False
        while True:
            with suppress(requests.ConnectionError):
                return session.get(f"http://127.0.0.1:{port}/quien", timeout=10).raise_for_status()
            assert time.monotonic() < deadline, "the pages are not served"
            time.sleep(0.1)  # a program that starts, bounded by the deadline above
