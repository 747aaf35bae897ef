"""The demo portal against the agreed contract, over real HTTP: both servers that it runs on."""

from __future__ import annotations

import gzip
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import yaml
from jsonschema import Draft202012Validator, FormatChecker

from Modules.demo.child import DemoProcess, demo_process
from Modules.demo.contract import World
from Modules.demo.plan import Size
from Modules.demo.world import build_world, world_of
from Modules.words.domain import Recurso
from tests.demo.running import RunningPortal, running_portal
from tests.faults.running import faulty_portal

SCHEMA_OF = {
    Recurso.CAMPANIAS: "Campania",
    Recurso.CULTIVOS: "Cultivo",
    Recurso.ZONAS: "Zona",
    Recurso.CAMPOS: "Campo",
    Recurso.LOTES: "Lote",
    Recurso.AMBIENTES: "Ambiente",
    Recurso.MARCADORES: "Marcador",
}
LOTES = {"campania": "25/26"}


class Client:
    """A session that is signed in."""

    def __init__(self, portal: RunningPortal | DemoProcess) -> None:
        self.portal = portal
        self.session = requests.Session()
        self.sign_in()

    def sign_in(self) -> None:
        self.session.headers["Authorization"] = f"Bearer {self.token()['access_token']}"

    def token(self) -> dict[str, Any]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self.portal.client_id,
            "client_secret": self.portal.client_secret,
        }
        return dict(self.session.post(f"{self.portal.base_url}/auth/token", data=form).json())

    def get(self, recurso: str, headers: dict[str, str] | None = None, **query: Any) -> Any:
        return self.session.get(f"{self.portal.base_url}/{recurso}", params=query, headers=headers)

    def walk(self, recurso: Recurso, **query: Any) -> list[dict[str, Any]]:
        """Every page, by ``next``."""
        page = self.get(recurso, **query).json()
        pages = [page]
        origin = "{0.scheme}://{0.netloc}".format(urlsplit(self.portal.base_url))
        while page["next"] is not None:
            page = self.session.get(origin + page["next"]).json()
            pages.append(page)
        return pages


@pytest.fixture(scope="module")
def world() -> World:
    return build_world()


@pytest.fixture(scope="module", params=["proxy", "process"])
def client(request: pytest.FixtureRequest, world: World) -> Iterator[Client]:
    """The same questions to the tests' byte proxy and to uvicorn in a child process."""
    running = faulty_portal(world) if request.param == "proxy" else demo_process()
    with running as portal:
        client = Client(portal)
        yield client
        client.session.close()


@pytest.fixture(scope="module")
def contract(shared: Path) -> dict[str, Any]:
    text = (shared / "databaler-api.yaml").read_text(encoding="utf-8")
    return dict(yaml.safe_load(text))


def check(contract: dict[str, Any], schema: dict[str, Any], instance: Any) -> None:
    whole = {**schema, "components": contract["components"]}
    Draft202012Validator(whole, format_checker=FormatChecker()).validate(instance)


def in_contract(contract: dict[str, Any], *path: str) -> dict[str, Any]:
    for name in path:
        contract = contract[name]
    return contract


@pytest.mark.shared
@pytest.mark.parametrize("recurso", list(Recurso))
def test_pages_and_items_are_those_of_the_contract(
    client: Client, contract: dict[str, Any], recurso: Recurso
) -> None:
    envelope = in_contract(
        contract, "components", "responses", "Page", "content", "application/json", "schema"
    )
    item = in_contract(contract, "components", "schemas", SCHEMA_OF[recurso])
    for page in client.walk(recurso, size=1000, include_deleted="true", **LOTES):
        check(contract, envelope, page)
        check(contract, {"type": "array", "items": item}, page["items"])
        datetime.fromisoformat(page["snapshot_at"])


@pytest.mark.shared
def test_every_path_of_the_contract_is_served(client: Client, contract: dict[str, Any]) -> None:
    lists = {path.strip("/") for path in contract["paths"]} - {"auth/token"}
    assert lists == set(Recurso)
    for name in lists:
        assert client.get(name, **LOTES).status_code == 200


@pytest.mark.shared
def test_tokens_and_problems_are_those_of_the_contract(
    client: Client, contract: dict[str, Any]
) -> None:
    post = in_contract(contract, "paths", "/auth/token", "post", "responses")
    check(contract, post["200"]["content"]["application/json"]["schema"], client.token())
    problem = in_contract(
        contract, "components", "responses", "Problem", "content", "application/problem+json"
    )["schema"]
    bare = requests.get(f"{client.portal.base_url}/campos", timeout=10)
    for answer in (bare, client.get("lotes"), client.get("nada"), client.get("campos", page=0)):
        assert answer.headers["content-type"] == "application/problem+json"
        check(contract, problem, answer.json())
        assert answer.json()["status"] == answer.status_code
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize("recurso", list(Recurso))
@pytest.mark.parametrize("size", [7, 200, 1000])
def test_a_walk_shows_every_row_once_in_order(
    client: Client, world: World, recurso: Recurso, size: int
) -> None:
    if recurso is Recurso.MARCADORES and size == 7:
        size = 97
    pages = client.walk(recurso, size=size, **LOTES)
    items = [item for page in pages for item in page["items"]]
    assert items == world.items(recurso)
    assert [page["page"] for page in pages] == [*range(1, len(pages) + 1)]
    assert {page["total_items"] for page in pages} == {len(items)}
    assert {page["total_pages"] for page in pages} == {len(pages)}


def test_next_keeps_every_parameter(client: Client) -> None:
    page = client.get("lotes", size=5, include_deleted="true", sort="id", **LOTES).json()
    asked = parse_qs(urlsplit(page["next"]).query)
    assert asked == {
        "size": ["5"],
        "page": ["2"],
        "include_deleted": ["true"],
        "sort": ["id"],
        "campania": ["25/26"],
    }


def test_no_token_an_old_scheme_or_a_wrong_one_is_401(client: Client) -> None:
    url = f"{client.portal.base_url}/campos"
    for headers in ({}, {"Authorization": "Bearer otro"}, {"Authorization": "Basic YTpi"}):
        answer = requests.get(url, headers=headers, timeout=10)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"client_secret": "otro"}, 401, "credenciales_invalidas"),
        ({"client_id": "otro"}, 401, "credenciales_invalidas"),
        ({"client_secret": ""}, 401, "credenciales_invalidas"),
        ({"grant_type": "password"}, 400, "grant_type"),
    ],
)
def test_wrong_credentials_get_no_token(
    client: Client, change: dict[str, str], status: int, code: str
) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": client.portal.client_id,
        "client_secret": client.portal.client_secret,
        **change,
    }
    answer = requests.post(f"{client.portal.base_url}/auth/token", data=form, timeout=10)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    as_json = requests.post(f"{client.portal.base_url}/auth/token", json=form, timeout=10)
    assert as_json.status_code == 415


def test_lotes_need_a_campania_that_exists(client: Client) -> None:
    missing, unknown = client.get("lotes"), client.get("lotes", campania="99/00")
    assert (missing.status_code, missing.json()["code"]) == (422, "campania_requerida")
    assert (unknown.status_code, unknown.json()["code"]) == (422, "campania_desconocida")
    assert "99/00" in unknown.json()["detail"]
    for recurso in ("campos", "ambientes", "marcadores"):
        assert client.get(recurso, campania="99/00").json()["code"] == "campania_desconocida"


def test_an_earlier_campania_is_known_and_empty(client: Client) -> None:
    page = client.get("lotes", campania="24/25").json()
    assert (page["items"], page["total_items"], page["total_pages"]) == ([], 0, 0)
    assert page["next"] is None


@pytest.mark.parametrize(
    "query",
    [{"page": 0}, {"page": "x"}, {"size": 0}, {"size": 1001}, {"updated_since": "ayer"},
     {"updated_since": "2025-11-20T00:00:00"}, {"include_deleted": "quizás"}],
)  # fmt: skip
def test_wrong_parameters_are_422_and_named(client: Client, query: dict[str, Any]) -> None:
    answer = client.get("campos", **query)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == next(iter(query))


def test_a_page_behind_the_last_is_empty(client: Client) -> None:
    page = client.get("campos", page=50).json()
    assert (page["items"], page["page"], page["next"]) == ([], 50, None)


def test_pages_are_packed_only_for_those_who_take_it(client: Client) -> None:
    packed = client.session.get(
        f"{client.portal.base_url}/campos", headers={"Accept-Encoding": "gzip"}, stream=True
    )
    plain = client.get("campos", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert gzip.decompress(packed.raw.read()) == plain.content
    assert packed.headers["etag"] == plain.headers["etag"]


def test_a_known_tag_is_answered_304_without_a_body(client: Client) -> None:
    first = client.get("lotes", **LOTES)
    again = client.get("lotes", headers={"If-None-Match": first.headers["etag"]}, **LOTES)
    other = client.get("lotes", headers={"If-None-Match": 'W/"otro"'}, **LOTES)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert (other.status_code, other.content) == (200, first.content)


def test_every_answer_has_its_own_request_id(client: Client) -> None:
    answers = [client.get("campos"), client.get("campos"), client.get("nada"), client.get("lotes")]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert len(set(ids)) == len(ids)


def test_deleted_rows_come_only_when_asked_for(client: Client, world: World) -> None:
    asked = client.walk(Recurso.LOTES, include_deleted="true", **LOTES)[0]["items"]
    assert asked == world.items(Recurso.LOTES, include_deleted=True)
    assert any(item["deleted_at"] for item in asked)


def test_updated_since_gives_what_is_newer(client: Client, world: World) -> None:
    times = sorted(
        datetime.fromisoformat(item["updated_at"]) for item in world.items(Recurso.LOTES)
    )
    middle = times[len(times) // 2]
    items = client.walk(Recurso.LOTES, updated_since=middle.isoformat(), size=1000, **LOTES)[0][
        "items"
    ]
    assert len(items) == sum(time >= middle for time in times)
    assert all(datetime.fromisoformat(item["updated_at"]) >= middle for item in items)


@pytest.mark.parametrize(
    ("recurso", "name", "text"),
    [
        (Recurso.CAMPOS, "zona_id", "z-1"),
        (Recurso.LOTES, "campo_id", "1003"),
        (Recurso.AMBIENTES, "lote_id", "10040"),
        (Recurso.MARCADORES, "lote_id", "10040"),
        (Recurso.MARCADORES, "tipo", "maleza"),
        (Recurso.MARCADORES, "estado", "planificado"),
        (Recurso.ZONAS, "tipo", "region"),
    ],
)
def test_filters_give_the_rows_that_match(
    client: Client, world: World, recurso: Recurso, name: str, text: str
) -> None:
    pages = client.walk(recurso, size=1000, **{name: text}, **LOTES)
    items = [item for page in pages for item in page["items"]]
    assert items == [item for item in world.items(recurso) if item[name] == text]
    assert items


def test_filters_across_tables(client: Client, world: World) -> None:
    lotes = {i["id"] for i in world.items(Recurso.LOTES) if i["campo_id"] == "1003"}
    pages = client.walk(Recurso.AMBIENTES, campo_id="1003", size=1000, **LOTES)
    assert {item["lote_id"] for page in pages for item in page["items"]} <= lotes
    assert pages[0]["total_items"] == sum(
        item["lote_id"] in lotes for item in world.items(Recurso.AMBIENTES)
    )
    by_crop = client.get("lotes", cultivo="SOJ2", size=1000, **LOTES).json()["items"]
    assert by_crop
    assert all("SOJ2" in [s["cultivo"].get("codigo") for s in item["siembras"]] for item in by_crop)
    assert client.get("campos", activo="false").json()["items"] == []
    assert client.get("campos", activo="true").json()["total_items"] == 12


def test_a_token_ends_when_its_time_is_up(world: World) -> None:
    with running_portal(world, token_life_s=1) as portal:
        client = Client(portal)
        assert client.token()["expires_in"] == 1
        client.sign_in()
        assert client.get("campos").status_code == 200
        deadline = time.monotonic() + 20
        while client.get("campos").status_code == 200 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert client.get("campos").status_code == 401
        client.sign_in()
        assert client.get("campos").status_code == 200


def test_a_portal_can_change_its_secret_and_its_night() -> None:
    tiny = Size(campos=2, lotes=12, ambientes=30, marcadores=60)
    nights = [world_of("x", tiny, seed=5, day=day, campania="25/26") for day in (0, 1)]
    with running_portal(nights[0], client_id="yo", client_secret="s3creto-ñ") as portal:
        client = Client(portal)
        assert client.walk(Recurso.LOTES, **LOTES)[0]["items"] == nights[0].items(Recurso.LOTES)
        portal.serve(nights[1])
        assert client.walk(Recurso.LOTES, **LOTES)[0]["items"] == nights[1].items(Recurso.LOTES)


def test_what_came_in_is_noted(world: World) -> None:
    with faulty_portal(world) as portal:
        client = Client(portal)
        client.get("lotes", campania="25/26", size=3)
        token, lotes = portal.requests
    assert (token.method, token.path.rsplit("/", 1)[1], token.status) == ("POST", "token", 200)
    assert parse_qs(lotes.query) == {"campania": ["25/26"], "size": ["3"]}
    assert lotes.headers["authorization"].startswith("Bearer ")
    assert lotes.headers["authorization"] not in repr(lotes)


def test_all_servers_send_the_same_bytes(world: World) -> None:
    with running_portal(world) as thread, faulty_portal(world) as proxy, demo_process() as child:
        clients = [Client(portal) for portal in (thread, proxy, child)]
        for recurso in Recurso:
            answers = [client.get(recurso, **LOTES) for client in clients]
            assert len({answer.content for answer in answers}) == 1
            assert len({answer.headers["etag"] for answer in answers}) == 1
