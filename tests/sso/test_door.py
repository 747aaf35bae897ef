"""The rules of the door, by a real Caddy before backends that write down what reaches them.

The outpost is a stub of ours; the login itself, with a browser, is in test_story.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.sso.door import Backend, Door, backend, door, free_port
from tests.sso.outpost_stub import BELOW, Outpost, outpost_stub

pytestmark = pytest.mark.integration

FORGED = {
    "X-Authentik-Username": "akadmin",
    "x-authentik-groups": "admins",
    "X-AUTHENTIK-EMAIL": "jefe@empresa.example",
    "X-Authentik-Uid": "1",
    "X-Authentik-Jwt": "falso",  # of those that are not copied
    "X-Authentik-Meta-App": "falso",
}
PLACES = {
    "/": "prefect",
    "/runs?state=failed": "prefect",
    "/api/flows/filter": "prefect",
    "/api/v1": "prefect",
    "/mapas/x.html": "prefect",
    "/api/v1/flows": "prompts",
    "/mapa/mapa_25-26%20-%20La%20%C3%91and%C3%BA.html": "paginas",
    "/informe/informe_25-26.pdf": "paginas",
    "/KMZ%20POR%20LOTE/25-26/La%20%C3%91and%C3%BA/La%20%C3%91and%C3%BA%20-%201.kmz": "paginas",
    "/cultivos/resumen_25-26.xlsx": "paginas",
    "/sustentabilidad/establecimientos_25-26.xlsx": "prefect",  # who has no such page
    "/Backup_Databaler/25-26/x/lotes.geojson": "prefect",
    "/quien": "paginas",
}


@dataclass(frozen=True, slots=True)
class House:
    door: Door
    outpost: Outpost
    behind: dict[str, Backend]

    def seen(self) -> list[tuple[str, dict[str, str]]]:
        return [one for backend in self.behind.values() for one in backend.seen]


@pytest.fixture(scope="module")
def one_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    folder, port = tmp_path_factory.mktemp("puerta"), free_port()
    with (
        outpost_stub() as outpost,
        backend("prefect") as prefect,
        backend("prompts") as prompts,
        backend("paginas") as paginas,
        door(
            folder,
            outpost.url,
            port,
            LINDERO_PORT=prefect.port,
            LINDERO_PROMPTS_PORT=prompts.port,
            LINDERO_PAGINAS_PORT=paginas.port,
        ) as there,
    ):
        yield House(there, outpost, {one.name: one for one in (prefect, prompts, paginas)})


@pytest.fixture
def house(one_house: House) -> House:
    for one in one_house.behind.values():
        one.seen.clear()
    one_house.outpost.sessions.clear()
    one_house.outpost.left_out = ()
    return one_house


@pytest.mark.parametrize("path", PLACES)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_a_session_nothing_answers_but_the_way_to_the_login(
    house: House, path: str, method: str
) -> None:
    token = {"Authorization": "Bearer un-token-de-prompts"}
    answer = house.door.ask(path, headers={**FORGED, **token}, method=method)
    assert answer.status_code == 302
    to = urlsplit(answer.headers["Location"])
    assert f"{to.scheme}://{to.netloc}" == house.door.origin
    assert to.path == f"{BELOW}/start"
    assert parse_qs(to.query)["rd"] == [f"{house.door.origin}{path}"]
    assert house.seen() == []


@pytest.mark.parametrize(("path", "name"), PLACES.items())
def test_with_a_session_each_path_reaches_its_own_and_says_who_came(
    house: House, path: str, name: str
) -> None:
    ana = house.outpost.session("ana", "agronomia", "campo")
    token = {"Authorization": "Bearer un-token-de-prompts"}
    answer = house.door.ask(path, ana, {**FORGED, **token})
    assert (answer.status_code, answer.text) == (200, name)
    ((asked, told),) = house.seen()
    assert asked == path
    identity = {key: text for key, text in told.items() if "authentik" in key}
    assert identity.pop("x-authentik-name").encode("latin-1").decode() == "Señora ana"
    assert identity == {
        "x-authentik-username": "ana",
        "x-authentik-groups": "agronomia|campo",
        "x-authentik-email": "ana@empresa.example",
        "x-authentik-uid": "ana",
    }
    assert told["authorization"] == token["Authorization"]  # of the backend's own, untouched


def test_what_the_outpost_leaves_out_is_not_taken_from_the_browser(house: House) -> None:
    """As Caddy had it until 2.11.2: a header that is not copied was the browser's."""
    house.outpost.left_out = ("X-Authentik-Groups", "X-Authentik-Email")
    house.door.ask("/", house.outpost.session("ana", "agronomia"), FORGED)
    ((_, told),) = house.seen()
    assert not set(FORGED.values()) & set(told.values())


@pytest.mark.parametrize("path", PLACES)
def test_somebody_of_another_group_is_refused_everywhere(house: House, path: str) -> None:
    answer = house.door.ask(path, house.outpost.session("vera", "ventas"), FORGED)
    assert answer.status_code == 403
    assert "no está en ningún grupo" in answer.text
    assert house.seen() == []


def test_the_way_back_is_open_and_a_session_that_ended_is_none(house: House) -> None:
    answer = house.door.ask(f"{BELOW}/callback?code=x&state=y", headers=FORGED)
    assert (answer.status_code, "nadie empezó ese ingreso" in answer.text) == (400, True)
    assert house.door.ask(f"{BELOW}/start?rd=https://otro.example/").status_code == 400
    ana = house.outpost.session("ana", "agronomia")
    assert house.door.ask("/", ana).status_code == 200
    assert house.door.ask(f"{BELOW}/sign_out", ana).status_code == 200
    assert house.door.ask("/", ana).status_code == 302


def test_pages_are_told_to_the_browser_with_their_policies(house: House) -> None:
    ana = house.outpost.session("ana", "agronomia")
    page, report = (house.door.ask(path, ana).headers for path in ("/", "/informe/a.html"))
    for one in (page, report):
        assert one["Strict-Transport-Security"] == "max-age=31536000"
        assert one["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in page["Content-Security-Policy"]
    host = house.door.origin.removeprefix("http://")
    assert f"connect-src 'self' wss://{host};" in page["Content-Security-Policy"]
    assert "Content-Security-Policy" not in report  # a page of ours has its own in it


def test_without_the_outpost_nobody_comes_in(house: House, tmp_path: Path) -> None:
    prefect = house.behind["prefect"].port
    nobody = f"http://127.0.0.1:{free_port()}"
    with door(tmp_path, nobody, free_port(), LINDERO_PORT=prefect) as alone:
        assert alone.ask("/", house.outpost.session("ana", "agronomia")).status_code == 502
    assert house.seen() == []


def test_another_machine_sees_the_door_and_nothing_of_what_is_behind(house: House) -> None:
    """From a network namespace of its own, joined to this machine by a cable."""
    with another_machine() as (address, there):
        host = house.door.origin.removeprefix("http://")
        knock = ("curl", "--silent", "--max-time", "10", "--noproxy", "*", "--write-out")
        at = f"http://{address}:{house.door.port}/api/flows/filter"
        said = there(*knock, "%{http_code}", "--header", f"Host: {host}", at)
        assert said.stdout.endswith("302")
        for backend in house.behind.values():
            refused = there(*knock, "%{http_code}", f"http://{address}:{backend.port}/")
            assert (refused.returncode, refused.stdout) == (7, "000")  # nobody listens there
    assert house.seen() == []


@contextmanager
def another_machine() -> Iterator[tuple[str, Callable[..., subprocess.CompletedProcess[str]]]]:
    """Our address as it sees it, and how a command is run on it."""
    if shutil.which("ip") is None or shutil.which("curl") is None or os.geteuid() != 0:
        pytest.skip("another machine needs root, iproute2 and curl")
    name, near, far = f"ln{os.getpid()}", f"la{os.getpid()}", f"lb{os.getpid()}"
    block = f"10.{os.getpid() // 250 % 250}.{os.getpid() % 250}"

    def run(*command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    if run("ip", "netns", "add", name).returncode != 0:
        pytest.skip("no network namespace may be made here")
    try:
        inside = ("ip", "netns", "exec", name)
        for command in (
            ("ip", "link", "add", near, "type", "veth", "peer", "name", far, "netns", name),
            ("ip", "address", "add", f"{block}.1/30", "dev", near),
            ("ip", "link", "set", near, "up"),
            (*inside, "ip", "address", "add", f"{block}.2/30", "dev", far),
            (*inside, "ip", "link", "set", far, "up"),
        ):
            done = run(*command)
            assert done.returncode == 0, done.stderr
        yield f"{block}.1", lambda *command: run(*inside, *command)
    finally:
        run("ip", "netns", "delete", name)
