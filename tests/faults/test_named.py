"""Every fault does on the wire what its line says, where it is aimed, and as often as told."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from Modules.demo.contract import BASE_PATH, World
from Modules.demo.plan import Size
from Modules.demo.world import world_of
from Modules.words.domain import Recurso
from Modules.words.errors import SettingsError
from tests.faults.bytes import BOMB_MIB
from tests.faults.named import FAULTS, TOKEN, Fault, parse_fault
from tests.faults.running import FaultyPortal, faulty_portal

LISTS = f"{BASE_PATH}/lotes?campania=25%2F26&size=10"
PAGE = 2
MOST_BYTES = 3 << 20
WAITING = ("drip", "drip_headers", "hang", "hang_mid_body")  # have tests of their own
HARMLESS_ON_A_MIDDLE_PAGE = {"next_endless": 5}
NIGHTS = sorted(name for name, kind in FAULTS.items() if kind.level == "night")
TOKENS = sorted(name for name in FAULTS if name.startswith("token_") and name != "token_dies")
ANSWERS = sorted(set(FAULTS) - set(NIGHTS) - set(TOKENS) - set(WAITING))


@pytest.fixture(scope="module")
def world() -> World:
    size = Size(campos=4, lotes=50, ambientes=100, marcadores=120)
    return world_of("faulty", size, seed=3, day=0, campania="25/26")


@pytest.fixture(scope="module")
def open_portal(world: World) -> Iterator[FaultyPortal]:
    with faulty_portal(world) as portal:
        yield portal


@pytest.fixture
def portal(open_portal: FaultyPortal) -> FaultyPortal:
    open_portal.inject()
    return open_portal


def connect(portal: FaultyPortal, timeout_s: float = 20) -> http.client.HTTPConnection:
    where = urlsplit(portal.base_url)
    return http.client.HTTPConnection(where.hostname or "", where.port, timeout=timeout_s)


def sign_in(portal: FaultyPortal) -> tuple[int, bytes]:
    body = (
        f"grant_type=client_credentials&client_id={portal.client_id}"
        f"&client_secret={portal.client_secret}"
    )
    with contextlib.closing(connect(portal)) as connection:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", f"{BASE_PATH}/auth/token", body, form)
        answer = connection.getresponse()
        return answer.status, answer.read()


def token(portal: FaultyPortal) -> dict[str, str]:
    return {"Authorization": f"Bearer {json.loads(sign_in(portal)[1])['access_token']}"}


def look(portal: FaultyPortal, target: str, headers: dict[str, str]) -> Any:
    """What a plain client sees: status, telling headers and body; or the error it gets."""
    try:
        with contextlib.closing(connect(portal)) as connection:
            connection.request("GET", target, headers=headers)
            answer = connection.getresponse()
            telling = ("content-type", "content-encoding", "location", "retry-after")
            found = {name: answer.headers[name] for name in telling if name in answer.headers}
            lengths = answer.headers.get_all("content-length")
            if lengths is not None and len(lengths) > 1:
                found["lengths"] = ",".join(lengths)
            return answer.status, found, answer.read(MOST_BYTES)
    except (http.client.HTTPException, OSError, ValueError) as err:
        return type(err).__name__


def page(portal: FaultyPortal, headers: dict[str, str], number: int = PAGE) -> Any:
    return look(portal, f"{LISTS}&page={number}", headers)


def test_there_are_many_and_each_has_its_line() -> None:
    assert len(FAULTS) >= 60
    for name, kind in FAULTS.items():
        assert kind.name == name
        assert kind.description
        assert "\n" not in kind.description
        assert (kind.spoil is not None) + (kind.night is not None) + kind.kills_tokens == 1
    levels = {kind.level for kind in FAULTS.values()}
    assert levels == {"wire", "status", "auth", "page", "body", "row", "night"}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_fault_spoils_the_page_it_is_aimed_at_and_no_other(
    portal: FaultyPortal, name: str
) -> None:
    headers = token(portal)
    number = HARMLESS_ON_A_MIDDLE_PAGE.get(name, PAGE)
    good, neighbour = page(portal, headers, number), page(portal, headers, 1)
    assert (good[0], neighbour[0]) == (200, 200)
    portal.inject(Fault(name, Recurso.LOTES, number, 1))
    if FAULTS[name].kills_tokens:
        assert page(portal, headers, 1) == neighbour
        assert page(portal, headers, number)[0] == 401
        headers = token(portal)
    else:
        assert page(portal, headers, 1) == neighbour
        assert page(portal, headers, number) != good
    assert page(portal, headers, number) == good  # it was to strike once


@pytest.mark.parametrize("name", TOKENS)
def test_a_token_fault_spoils_the_token(portal: FaultyPortal, name: str) -> None:
    status, body = sign_in(portal)
    good = json.loads(body)
    portal.inject(Fault(name, TOKEN, times=1))
    spoiled_status, spoiled = sign_in(portal)
    try:
        document = {**json.loads(spoiled)}
    except ValueError:
        document = {}
    usable = {key: document.get(key) for key in ("token_type", "expires_in")} == {
        "token_type": "Bearer",
        "expires_in": 3600,
    } and len(str(document.get("access_token", ""))) == len(good["access_token"])
    assert (spoiled_status, usable) != (status, True)
    assert json.loads(sign_in(portal)[1]).keys() == good.keys()


@pytest.mark.parametrize("name", NIGHTS)
def test_a_night_fault_changes_the_data_and_its_pages_agree(
    portal: FaultyPortal, world: World, name: str
) -> None:
    headers = token(portal)
    portal.inject(Fault(name))
    changed = False
    for recurso in Recurso:
        target: str | None = f"{BASE_PATH}/{recurso}?campania=25%2F26&size=40"
        items: list[Any] = []
        totals = set()
        while target is not None:
            document = json.loads(look(portal, target, headers)[2])
            items += document["items"]
            totals.add(document["total_items"])
            target = document["next"]
        assert totals == {len(items)}
        assert len({item["id"] for item in items}) == len(items)
        changed = changed or items != world.items(recurso)
    assert changed


def raw(portal: FaultyPortal, target: str, headers: dict[str, str]) -> socket.socket:
    """A connection on which the request is out and the answer is awaited."""
    where = urlsplit(portal.base_url)
    connection = socket.create_connection((where.hostname or "", where.port or 0), timeout=0.4)
    lines = [f"GET {target} HTTP/1.1", "Host: demo", *(f"{k}: {v}" for k, v in headers.items())]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return connection


def read_until_silent(connection: socket.socket, most: int) -> tuple[bytes, str]:
    """Bytes until enough, silence, the end or a reset; and which of them it was."""
    got = b""
    while len(got) < most:
        try:
            part = connection.recv(65_536)
        except TimeoutError:
            return got, "silence"
        except ConnectionResetError:
            return got, "reset"
        if not part:
            return got, "end"
        got += part
    return got, "enough"


@pytest.mark.parametrize(
    ("name", "most", "end"),
    [
        ("hang", 1, "silence"),
        ("hang_mid_body", 1 << 20, "silence"),
        ("drip", 140, "enough"),
        ("drip_headers", 30, "enough"),
        ("endless_body", 8 << 20, "enough"),
        ("close_before_answer", 1, "end"),
        ("short_body", 1 << 20, "end"),
        ("reset_before_answer", 1, "reset"),
        ("not_http", 1 << 20, "end"),
    ],
)
def test_how_the_wire_ends(portal: FaultyPortal, name: str, most: int, end: str) -> None:
    headers = token(portal)
    portal.inject(Fault(name, Recurso.LOTES))
    with raw(portal, f"{LISTS}&page=2", headers) as connection:
        got, how = read_until_silent(connection, most)
    assert how == end
    if name in ("hang", "close_before_answer", "reset_before_answer"):
        assert got == b""
    if name == "not_http":
        assert not got.startswith(b"HTTP")
    if name in ("short_body", "hang_mid_body"):
        head, _, body = got.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        assert 0 < len(body) < length


def test_a_drip_comes_in_single_bytes(portal: FaultyPortal) -> None:
    headers = token(portal)
    portal.inject(Fault("drip", Recurso.LOTES))
    with raw(portal, f"{LISTS}&page=2", headers) as connection:
        parts = [connection.recv(65_536) for _ in range(6)]
    assert all(len(part) < 50 for part in parts[1:])


def test_the_bomb_is_small_outside_and_large_inside(portal: FaultyPortal) -> None:
    headers = token(portal)
    portal.inject(Fault("gzip_bomb", Recurso.LOTES))
    status, telling, body = page(portal, headers)
    assert (status, telling["content-encoding"]) == (200, "gzip")
    assert len(body) < 200_000
    unpacker, size = zlib.decompressobj(31), 0
    data = body
    while data:
        size += len(unpacker.decompress(data, 1 << 20))
        data = unpacker.unconsumed_tail
    assert size == BOMB_MIB << 20


def items_of(portal: FaultyPortal, headers: dict[str, str], number: int) -> list[Any]:
    return list(json.loads(page(portal, headers, number)[2])["items"])


def test_what_the_page_faults_do_to_the_rows(portal: FaultyPortal) -> None:
    headers = token(portal)
    first, second, third = (items_of(portal, headers, number) for number in (1, 2, 3))

    def spoiled(name: str) -> list[Any]:
        portal.inject(Fault(name, Recurso.LOTES, 2))
        return items_of(portal, headers, 2)

    assert spoiled("repeated_page") == first
    assert spoiled("skipped_page") == third
    assert spoiled("shifted_rows") == second[1:] + third[:1]
    assert spoiled("shifted_back") == first[-1:] + second[:-1]
    assert spoiled("twin_ids") == second[:-1] + second[:1]
    assert spoiled("lost_row") == second[:-1]
    assert spoiled("half_page") == second[: len(second) // 2]


def test_a_row_fault_touches_as_many_rows_as_told(portal: FaultyPortal) -> None:
    headers = token(portal)
    portal.inject(Fault("geometry_null", Recurso.LOTES, rows=3))
    geometries = [item["geometry"] for item in items_of(portal, headers, 1)]
    assert [geometry is None for geometry in geometries] == [True] * 3 + [False] * 7


def test_numbers_that_json_does_not_have_go_out_as_written(portal: FaultyPortal) -> None:
    headers = token(portal)
    for name, text in (("nan", b":NaN"), ("infinity", b":-Infinity"), ("huge_number", b":1e400")):
        portal.inject(Fault(name, Recurso.LOTES))
        assert text in page(portal, headers)[2].replace(b": ", b":")


def test_times_none_is_every_time_and_none_ends_all(portal: FaultyPortal) -> None:
    headers = token(portal)
    portal.inject(Fault("status_500"))
    assert [page(portal, headers)[0] for _ in range(4)] == [500] * 4
    assert look(portal, f"{BASE_PATH}/campos", headers)[0] == 500
    assert sign_in(portal)[0] == 200  # an aim at any list leaves the token alone
    portal.inject(Fault("status_500", times=2))
    assert [page(portal, headers)[0] for _ in range(3)] == [500, 500, 200]
    portal.inject()
    assert page(portal, headers)[0] == 200


def test_faults_strike_in_the_order_given(portal: FaultyPortal) -> None:
    headers = token(portal)
    portal.inject(Fault("status_503", times=1), Fault("empty_body", times=1))
    assert [page(portal, headers)[0] for _ in range(3)] == [503, 200, 200]


def test_a_night_goes_when_its_fault_goes(portal: FaultyPortal, world: World) -> None:
    headers = token(portal)
    portal.inject(Fault("night_empty", Recurso.CAMPOS))
    assert json.loads(look(portal, f"{BASE_PATH}/campos", headers)[2])["total_items"] == 0
    portal.inject()
    assert json.loads(look(portal, f"{BASE_PATH}/campos", headers)[2])["total_items"] == 4


def test_a_fault_on_an_answer_that_is_no_page_leaves_it_alone(portal: FaultyPortal) -> None:
    portal.inject(Fault("twin_ids", Recurso.LOTES))
    assert page(portal, {})[0] == 401


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("hang", Fault("hang")),
        ("status_503@lotes/2*1", Fault("status_503", Recurso.LOTES, 2, 1)),
        ("token_html@token", Fault("token_html", TOKEN)),
        ("nan*3", Fault("nan", times=3)),
    ],
)
def test_faults_are_read_from_text(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize("text", ["", "nada", "hang@nada", "hang/2", "hang*x", "hang@lotes*-1"])
def test_what_is_no_fault_is_refused(text: str) -> None:
    with pytest.raises(SettingsError):
        parse_fault(text)
