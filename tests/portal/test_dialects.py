"""Every dialect of the profile, against a real server that speaks it and nothing else."""

from __future__ import annotations

import base64
import itertools
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl

import pytest
from pydantic import SecretStr

from Modules.portal.client import PortalClient
from Modules.words.domain import Campania, Recurso
from Modules.words.errors import ApiAuth, ApiContractChanged, ApiRejected, SettingsError
from tests.portal.dialect_server import (
    CLIENT_ID,
    CLIENT_SECRET,
    POLYGON,
    SEASON,
    SECOND_SECRET,
    TOKEN,
    WORLD,
    Reply,
    Request,
    answering,
    config_of,
    contract_page,
    contract_route,
    fetch,
    ids,
    json_reply,
    token_reply,
)

LOTES = WORLD["lotes"]
ALL = [row["id"] for row in LOTES]
OPEN = '[auth]\nkind = "none"\n'


# --- auth -----------------------------------------------------------------------------------


def _asks_for(headers: Mapping[str, str], login: Callable[[Request], Reply] | None = None) -> Any:
    def route(request: Request) -> Reply:
        if request.method == "POST" and login is not None:
            return login(request)
        if any(request.headers.get(name) != value for name, value in headers.items()):
            return json_reply({"title": "No autorizado"}, 401)
        return json_reply(contract_page(request, LOTES))

    return route


def _form_login(request: Request) -> Reply:
    good = dict(parse_qsl(request.body.decode())) == {
        "grant_type": "client_credentials",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    good = good and request.headers["content-type"] == "application/x-www-form-urlencoded"
    return token_reply() if good else json_reply({"error": "invalid_client"}, 401)


def _basic_login(request: Request) -> Reply:
    encoded = "lindero-tests:s3cret-of-the-tests%2F%2B%3D"
    good = request.headers.get("authorization") == _basic(encoded)
    good = good and CLIENT_SECRET[:6].encode() not in request.body
    return token_reply() if good else json_reply({"error": "invalid_client"}, 401)


def _password_login(request: Request) -> Reply:
    good = dict(parse_qsl(request.body.decode())) == {
        "grant_type": "password",
        "username": "ana",
        "password": SECOND_SECRET,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
    }
    return token_reply() if good else json_reply({"error": "invalid_grant"}, 401)


def _json_login(request: Request) -> Reply:
    good = request.path == "/api/login" and request.json == {
        "user": CLIENT_ID,
        "password": CLIENT_SECRET,
        "remember": True,
    }
    return json_reply({"data": {"jwt": TOKEN}} if good else {"error": "x"}, 200 if good else 400)


def _basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


_BEARER = {"authorization": f"Bearer {TOKEN}"}
_AUTHS: dict[str, tuple[str, Any]] = {
    "client credentials, form": ("", _asks_for(_BEARER, _form_login)),
    "client credentials, basic": (
        '[auth]\nkind = "client_credentials"\nclient_auth = "basic"\n',
        _asks_for(_BEARER, _basic_login),
    ),
    "json login": (
        '[auth]\nkind = "json_login"\npath = "/login"\nid_field = "user"\ntoken = "data.jwt"\n'
        'header = "X-Token"\nprefix = "JWT"\nlifetime_s = 60\nfields = { remember = true }\n',
        _asks_for({"x-token": f"JWT {TOKEN}"}, _json_login),
    ),
    "one api key": (
        '[auth]\nkind = "api_key"\nheader = "X-Key"\n',
        _asks_for({"x-key": CLIENT_SECRET}),
    ),
    "two api keys": (
        '[auth]\nkind = "api_key"\nheader = "X-Key"\nid_header = "X-System"\n',
        _asks_for({"x-key": CLIENT_SECRET, "x-system": CLIENT_ID}),
    ),
    "static bearer": (
        '[auth]\nkind = "bearer"\n',
        _asks_for({"authorization": f"Bearer {CLIENT_SECRET}"}),
    ),
    "a subscription key beside the token": (
        '[auth]\nkind = "client_credentials"\nsecond_header = "X-Subscription"\n',
        _asks_for({**_BEARER, "x-subscription": SECOND_SECRET}, _form_login),
    ),
    "user and password beside the client": (
        '[auth]\nkind = "client_credentials"\nsecond_field = "password"\n'
        'fields = { grant_type = "password", username = "ana" }\n',
        _asks_for(_BEARER, _password_login),
    ),
    "basic": (
        '[auth]\nkind = "basic"\n',
        _asks_for({"authorization": _basic(f"{CLIENT_ID}:{CLIENT_SECRET}")}),
    ),
}


@pytest.mark.parametrize("name", _AUTHS)
def test_auth(name: str) -> None:
    profile, route = _AUTHS[name]
    with answering(route) as portal:
        assert ids(fetch(portal.url, profile)) == ALL
        for secret in (CLIENT_SECRET, SECOND_SECRET):
            assert not any(secret in request.target for request in portal.requests)


@pytest.mark.parametrize("name", _AUTHS)
def test_auth_that_is_refused(name: str) -> None:
    profile, _ = _AUTHS[name]
    with (
        answering(lambda request: json_reply({"title": "No"}, 401)) as portal,
        pytest.raises(ApiAuth, match="DATABALER_CLIENT_SECRET") as caught,
    ):
        fetch(portal.url, profile)
    assert CLIENT_SECRET not in str(caught.value)
    assert len(portal.requests) == 1


def test_a_token_is_renewed_before_its_life_ends() -> None:
    logins = itertools.count()

    def route(request: Request) -> Reply:
        if request.path == "/api/auth/token":
            return json_reply({"access_token": f"token-{next(logins)}", "expires_in": "0.000001"})
        return json_reply(contract_page(request, LOTES))

    profile = '[auth]\nkind = "client_credentials"\nlifetime_s = 0.000001\n'
    with answering(route) as portal:
        fetch(portal.url, profile + '[paging]\nkind = "page"\nsize = 4\n', concurrency=1)
        used = [r.headers["authorization"] for r in portal.requests if r.method == "GET"]
    assert used == ["Bearer token-0", "Bearer token-1", "Bearer token-2"]


def test_a_token_that_dies_in_the_middle_of_a_walk_is_renewed_once_for_all() -> None:
    live, logins, lock = {"token": ""}, itertools.count(), threading.Lock()
    dead_from = threading.Event()
    all_hold_the_dead_token = threading.Barrier(4)

    def route(request: Request) -> Reply:
        if request.path == "/api/auth/token":
            live["token"] = f"token-{next(logins)}"
            return json_reply({"access_token": live["token"], "expires_in": 3600})
        page = request.query["page"]
        with lock:
            if page != "1" and not dead_from.is_set():
                live["token"] = "gone"
                dead_from.set()
        if request.headers["authorization"] != f"Bearer {live['token']}":
            all_hold_the_dead_token.wait(10)
            return json_reply({"title": "vencido"}, 401)
        return json_reply(contract_page(request, LOTES))

    with answering(route) as portal:
        found = fetch(portal.url, '[paging]\nkind = "page"\nsize = 2\n', concurrency=4)
    assert ids(found) == ALL
    assert portal.paths().count("/api/auth/token") == 2


def test_a_token_refused_again_after_its_renewal_ends_the_run() -> None:
    def route(request: Request) -> Reply:
        if request.path == "/api/auth/token":
            return token_reply()
        return json_reply({"title": "no"}, 401)

    with (
        answering(route) as portal,
        pytest.raises(ApiAuth, match=r"lotes página 1.*también con un token nuevo"),
    ):
        fetch(portal.url)
    assert portal.paths() == ["/api/auth/token", "/api/lotes"] * 2


@pytest.mark.parametrize("uses", [1, 2])
def test_a_token_that_is_good_for_few_requests_is_no_wrong_secret(uses: int) -> None:
    left: dict[str, int] = {}
    lock = threading.Lock()

    def route(request: Request) -> Reply:
        with lock:
            if request.path == "/api/auth/token":
                left[f"token-{len(left)}"] = uses
                return json_reply({"access_token": f"token-{len(left) - 1}", "expires_in": 3600})
            token = request.headers["authorization"].removeprefix("Bearer ")
            if left[token] == 0:
                return json_reply({"title": "vencido"}, 401)
            left[token] -= 1
        return json_reply(contract_page(request, LOTES))

    with answering(route) as portal:
        found = fetch(portal.url, '[paging]\nkind = "page"\nsize = 1\n', concurrency=4)
    assert ids(found) == ALL


@pytest.mark.parametrize("status", [404, 405, 410, 308])
def test_another_path_of_the_token_is_no_wrong_secret(status: int) -> None:
    with (
        answering(lambda _: Reply(status, headers={"Location": "/x"})) as portal,
        pytest.raises(SettingsError, match=rf"token: HTTP {status}.*path en \[auth\]") as caught,
    ):
        fetch(portal.url)
    assert not isinstance(caught.value, ApiAuth)
    assert "HTTP 401, el portal rechaza las credenciales" not in str(caught.value)
    assert portal.paths() == ["/api/auth/token"]


@pytest.mark.parametrize(
    ("profile", "client_id", "secret", "message"),
    [
        ("", None, "x", "falta DATABALER_CLIENT_ID"),
        ("", "x", None, "falta DATABALER_CLIENT_SECRET"),
        ('[auth]\nkind = "api_key"', None, None, "falta DATABALER_CLIENT_SECRET"),
        ('[auth]\nkind = "api_key"\nid_header = "X-Id"', None, "x", "falta DATABALER_CLIENT_ID"),
        ('[auth]\nkind = "bearer"', None, "hunter2\nX-Evil: 1", "caracteres"),
        (
            '[auth]\nkind = "none"\nsecond_header = "X-S"',
            None,
            None,
            "falta DATABALER_SECOND_SECRET",
        ),
        (
            '[auth]\nkind = "json_login"\nsecond_field = "pin"',
            *("x", "x", "falta DATABALER_SECOND_SECRET"),
        ),
        ('[auth]\nkind = "api_key"', None, "hunter2 ", "caracteres"),
    ],
)
def test_credentials_that_are_missing_or_cannot_be_sent(
    profile: str, client_id: str | None, secret: str | None, message: str
) -> None:
    config = replace(
        config_of("http://127.0.0.1:9", profile),
        client_id=client_id,
        client_secret=SecretStr(secret) if secret else None,
        second_secret=None,
    )
    with pytest.raises(SettingsError, match=message) as caught:
        PortalClient(config)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("token", [None, "", 7, "two\nlines", "ñandú", {"a": 1}])
def test_a_token_that_no_header_can_carry_is_refused_unquoted(token: object) -> None:
    with (
        answering(lambda _: json_reply({"access_token": token})) as portal,
        pytest.raises(
            ApiContractChanged,
            match="token: en la respuesta no hay un token que sirva en 'access_token'",
        ),
    ):
        fetch(portal.url)


# --- paging ---------------------------------------------------------------------------------

ROWS_ONLY = '[envelope]\nrows = "items"\n'
WITH_TOTAL = '[envelope]\nrows = "items"\ntotal = "total"\n'
CAP = 4  # rows a page, whatever is asked for


def _slice(start: int, **extra: Any) -> dict[str, Any]:
    return {"items": LOTES[start : start + CAP], "total": len(LOTES), **extra}


def _from_page(first: int) -> Callable[[Request], Reply]:
    return lambda r: json_reply(_slice((int(r.query["page"]) - first) * CAP))


def _offset(request: Request) -> Reply:
    assert request.query["n"] == "500"
    return json_reply(_slice(int(request.query["skip"])))


def _cursor(request: Request) -> Reply:
    after = request.query.get("after", "")
    return json_reply(_slice(sum(row["id"] <= after for row in LOTES)))


def _counting_cursor(request: Request) -> Reply:
    start = int(request.query.get("from_id", "0"))
    rows = [{**row, "id": number} for number, row in enumerate(LOTES, 1)]
    return json_reply({"items": [row for row in rows if row["id"] >= start][:CAP]})


def _position(token: str | None) -> int:
    return 0 if token is None else int(bytes.fromhex(token))


def _token_after(start: int) -> str | None:
    return str(start + CAP).encode().hex() if start + CAP < len(LOTES) else None


def _body_token(request: Request) -> Reply:
    start = _position(request.query.get("page_token"))
    return json_reply(_slice(start, meta={"next": _token_after(start)}))


def _header_token(request: Request) -> Reply:
    start = _position(request.headers.get("x-next-token"))
    token = _token_after(start)
    return json_reply(_slice(start), **({"X_Next_Token": token} if token else {}))


def _body_link(request: Request) -> Reply:
    start = int(request.query.get("at", "0"))
    more = start + CAP < len(LOTES)
    link = f"lotes?at={start + CAP}&campania=25%2F26" if more else None
    return json_reply(_slice(start, links={"next": link}))


def _link_list(request: Request) -> Reply:
    start = int(request.query.get("at", "0"))
    around = {"self": start, "previousPage": start - CAP, "nextPage": start + CAP}
    links = [
        {"rel": rel, "uri": f"lotes?at={at}&campania=25%2F26"}
        for rel, at in around.items()
        if 0 <= at < len(LOTES)
    ]
    return json_reply(_slice(start, links=links))


def _behind_a_proxy(path: str) -> Callable[[Request], Reply]:
    def route(request: Request) -> Reply:
        start = int(request.query.get("at", "0"))
        link = f"http://inner.example:8000{path}?at={start + CAP}&campania=25%2F26"
        return json_reply(_slice(start, links={"next": link if start + CAP < 11 else None}))

    return route


def _numbered_behind_a_proxy(request: Request) -> Reply:
    page = int(request.query["page"])
    link = f"https://inner.example{request.path}?campania=25%2F26&page={page + 1}&size=4"
    return json_reply(_slice((page - 1) * CAP, links={"next": link if page < 3 else None}))


def _capped(request: Request) -> Reply:
    page = int(request.query["page"])
    link = f"/api/lotes?campania=25%2F26&page={page + 1}&size={CAP}"
    return json_reply(_slice((page - 1) * CAP, links={"next": link if page < 3 else None}))


def _link_header(request: Request) -> Reply:
    start = int(request.query.get("at", "0"))
    link = '<https://elsewhere.example/first>; rel="first"'
    if start + CAP < len(LOTES):
        link += f', </api/lotes?at={start + CAP}&campania=25%2F26>; title="a, b"; rel="next last"'
    return json_reply(_slice(start), Link=link)


def _everything(request: Request) -> Reply:
    assert set(request.query) == {"campania"}
    return json_reply({"items": LOTES})


def _short_then_404(request: Request) -> Reply:
    start = (int(request.query["page"]) - 1) * 4
    return json_reply(_slice(start)) if start < len(LOTES) else json_reply({}, 404)


_PAGINGS: dict[str, tuple[str, Callable[[Request], Reply]]] = {
    "page from 0, no total": ('[paging]\nkind="page"\nfirst=0\n' + ROWS_ONLY, _from_page(0)),
    "page from 1, total": ('[paging]\nkind="page"\n' + WITH_TOTAL, _from_page(1)),
    "page, short page ends": (
        '[paging]\nkind="page"\nsize=4\nstop="short"\n' + ROWS_ONLY,
        _short_then_404,
    ),
    "offset, no total": (
        '[paging]\nkind="offset"\nparam="skip"\nsize_param="n"\nsize=500\n' + ROWS_ONLY,
        _offset,
    ),
    "offset, total": (
        '[paging]\nkind="offset"\nparam="skip"\nsize_param="n"\nsize=500\n' + WITH_TOTAL,
        _offset,
    ),
    "id cursor": ('[paging]\nkind="id_cursor"\nparam="after"\n' + ROWS_ONLY, _cursor),
    "id cursor, total": ('[paging]\nkind="id_cursor"\nparam="after"\n' + WITH_TOTAL, _cursor),
    "id cursor, counting from it": (
        '[paging]\nkind="id_cursor"\nplus=1\nsize_param=""\n' + ROWS_ONLY,
        _counting_cursor,
    ),
    "token in the body": ('[paging]\nkind="token"\ntoken="meta.next"\n' + WITH_TOTAL, _body_token),
    "token in a header": (
        '[paging]\nkind="token"\ntoken_header="X-Next-Token"\nplace="header"\n'
        'param="X-Next-Token"\n' + WITH_TOTAL,
        _header_token,
    ),
    "next link in the body": (
        '[paging]\nkind="next_link"\nnext="links.next"\nsize_param=""\n' + WITH_TOTAL,
        _body_link,
    ),
    "next link in the Link header": (
        '[paging]\nkind="next_link"\nsource="header"\nsize_param=""\n' + WITH_TOTAL,
        _link_header,
    ),
    "next by its relation in a list": (
        '[paging]\nkind="next_link"\nnext="links[rel=nextPage].uri"\nsize_param=""\n' + WITH_TOTAL,
        _link_list,
    ),
    "next of a server behind a proxy": (
        '[paging]\nkind="next_link"\nnext="links.next"\nsize_param=""\nkeep="origin"\n'
        + WITH_TOTAL,
        _behind_a_proxy("/api/lotes"),
    ),
    "next of a server behind a proxy that shortens paths": (
        '[paging]\nkind="next_link"\nnext="links.next"\nsize_param=""\nkeep="address"\n'
        + WITH_TOTAL,
        _behind_a_proxy("/lotes"),
    ),
    "numbered, behind a proxy": (
        '[paging]\nkind="page"\nsize=4\nkeep="origin"\n' + WITH_TOTAL + 'next="links.next"\n',
        _numbered_behind_a_proxy,
    ),
    "a portal that caps the size and says so in next": (
        '[paging]\nkind="page"\nstop="short"\n' + WITH_TOTAL + 'next="links.next"\n',
        _capped,
    ),
    "a portal that caps the size and says so beside the rows": (
        '[paging]\nkind="page"\nstop="short"\n' + ROWS_ONLY,
        lambda r: json_reply(_slice((int(r.query["page"]) - 1) * CAP, size=CAP)),
    ),
    "an offset whose limit is capped": (
        '[paging]\nkind="offset"\nstop="short"\nserved="limit"\n' + ROWS_ONLY,
        lambda r: json_reply(_slice(int(r.query["offset"]), limit=CAP)),
    ),
    "none": ('[paging]\nkind="none"\n' + ROWS_ONLY, _everything),
}


@pytest.mark.parametrize("name", _PAGINGS)
def test_paging(name: str) -> None:
    profile, route = _PAGINGS[name]
    with answering(route) as portal:
        found = fetch(portal.url, OPEN + profile)
    wanted = [str(n) for n in range(1, 12)] if "counting" in name else ALL
    assert ids(found) == wanted
    assert found.walks == 1
    assert [page.number for page in found.pages] == list(range(1, len(found.pages) + 1))
    assert found.declared_total == (11 if WITH_TOTAL in profile else None)
    assert all(request.query.get("campania") == "25/26" for request in portal.requests)


@pytest.mark.parametrize("name", [name for name in _PAGINGS if "token" in name or "id c" in name])
def test_a_cursor_that_dies_restarts_the_walk_once(name: str) -> None:
    profile, route = _PAGINGS[name]
    calls = itertools.count(1)

    def dying(request: Request) -> Reply:
        return json_reply({"title": "expired"}, 409) if next(calls) == 2 else route(request)

    with answering(dying) as portal:
        found = fetch(portal.url, OPEN + profile)
    assert len(found.records) == 11
    assert found.walks == 2


def test_the_contract_of_a_portal_that_caps_the_size_is_read_whole() -> None:
    """Asked for 1,000, it answers ``"size": 4`` and a right ``next`` of its own size."""

    def change(request: Request) -> Reply | None:
        if request.path != "/api/lotes":
            return None
        own = replace(request, query={**request.query, "size": str(CAP)})
        own = replace(own, target=request.target.replace("size=1000", f"size={CAP}"))
        return json_reply(contract_page(own, LOTES))

    with answering(contract_route(change=change)) as portal:
        found = fetch(portal.url)
    assert ids(found) == ALL
    assert (found.walks, len(found.pages), found.declared_total) == (1, 3, 11)
    sizes = [r.query["size"] for r in portal.requests if r.path == "/api/lotes"]
    assert sizes == ["1000", "4", "4"]


@pytest.mark.parametrize(
    ("charset", "body"),
    [("windows-1252", {"nombre": "Ñandú – 7"}), ("latin-1", {"nombre": "Ñandú"})],
)
def test_a_portal_of_another_charset(charset: str, body: dict[str, str]) -> None:
    rows = [LOTES[0] | body]
    packed = json.dumps({"items": rows}, ensure_ascii=False).encode(charset)
    unchanged = json.dumps({"items": rows}, ensure_ascii=False).encode()
    profile = ONE_PAGE + ROWS_ONLY
    with answering(lambda _: Reply(200, packed)) as portal:
        with pytest.raises(ApiContractChanged, match=r"no es UTF-8.*charset = \"windows-1252\""):
            fetch(portal.url, profile)
        found = fetch(portal.url, f'{profile}[answers]\ncharset = "{charset}"\n')
        assert found.records[0].values["nombre"] == body["nombre"]
        assert found.pages[0].body == packed  # kept as it came
    with answering(lambda _: Reply(200, unchanged)) as portal:  # it has learnt UTF-8 since
        found = fetch(portal.url, f'{profile}[answers]\ncharset = "{charset}"\n')
    assert found.records[0].values["nombre"] == body["nombre"]


# --- envelope, seasons, parents, ways to ask -------------------------------------------------


def _reply_with(value: Any, status: int = 200, **headers: str) -> Callable[[Request], Reply]:
    return lambda _: json_reply(value, status, **headers)


ANY_REQUEST = Request("GET", "/", {}, {}, b"", "/")
ONE_PAGE = OPEN + '[paging]\nkind = "none"\n'
_FEATURES = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "id": row["id"],
            "properties": {k: v for k, v in row.items() if k not in ("id", "geometry")},
            "geometry": row["geometry"],
        }
        for row in LOTES
    ],
}
_ENVELOPES: dict[str, tuple[str, Callable[[Request], Reply]]] = {
    "the root is the list": ("[envelope]\n", _reply_with(LOTES)),
    "total in a header": (
        '[envelope]\ntotal_header = "X-Total-Count"\n',
        _reply_with(LOTES, X_Total_Count="11"),
    ),
    "deep": (
        '[envelope]\nrows = "data.results"\ntotal = "data.meta.count"\n',
        _reply_with({"data": {"results": LOTES, "meta": {"count": "11"}}}),
    ),
    "feature collection": (
        '[envelope]\nrows = "features"\n'
        '[resources.lotes]\nroot = "properties"\n[resources.lotes.fields]\nid = "id"\n',
        _reply_with(_FEATURES),
    ),
    "of one list only": (
        '[resources.lotes.envelope]\nrows = "lotes"\n',
        _reply_with({"lotes": LOTES}),
    ),
}


@pytest.mark.parametrize("name", _ENVELOPES)
def test_envelope(name: str) -> None:
    profile, route = _ENVELOPES[name]
    with answering(route) as portal:
        found = fetch(portal.url, ONE_PAGE + profile)
    assert ids(found) == ALL
    assert found.records[0].values["siembras"][0]["cultivo"] == {"codigo": "TRI", "nombre": "Trigo"}
    assert found.records[0].values["geometry"] == POLYGON
    assert found.pages[0].body == route(ANY_REQUEST).body


_SEASONS: dict[str, tuple[str, Callable[[Request], bool]]] = {
    "query": ("", lambda r: "campania=25%2F26" in r.target),
    "query, another name and form": (
        '[season]\nname = "season"\nsend = "{aaaa}-{bbbb}"\n',
        lambda r: r.query["season"] == "2025-2026",
    ),
    "header": (
        '[season]\nplace = "header"\nname = "X-Season"\nsend = "{aaaa}"\n',
        lambda r: r.headers["x-season"] == "2025",
    ),
    "id out of the list": (
        '[season]\nname = "season_id"\nsend = "id"\n',
        lambda r: r.path != "/api/lotes" or r.query["season_id"] == "26",
    ),
    "id, and the list writes it its own way": (
        '[season]\nname = "s"\nsend = "id"\ncodigo = "{aa}/{bb}"\n',
        lambda r: r.path != "/api/lotes" or r.query["s"] == "26",
    ),
}


@pytest.mark.parametrize("name", _SEASONS)
def test_season(name: str) -> None:
    profile, good = _SEASONS[name]
    with answering(contract_route()) as portal:
        assert ids(fetch(portal.url, profile)) == ALL
        assert all(good(request) for request in portal.requests if request.method == "GET")


def test_season_in_the_path() -> None:
    paths = "".join(
        f'[resources.{name}]\npath = "/c/{{campania}}/{name}"\n'
        for name in ("campos", "lotes", "ambientes", "marcadores")
    )
    profile = ONE_PAGE + ROWS_ONLY + '[season]\nplace = "path"\n' + paths
    with answering(_reply_with({"items": LOTES})) as portal:
        fetch(portal.url, profile)
    assert [r.target for r in portal.requests] == ["/api/c/25%2F26/lotes"]


def test_search_by_post_with_everything_in_the_body() -> None:
    bodies = []

    def route(request: Request) -> Reply:
        bodies.append((request.method, request.target, request.json))
        return json_reply(_slice((int(request.json["page"]) - 1) * CAP))

    seasonal = "".join(f'[resources.{n}]\nmethod="POST"\n' for n in ("campos", "ambientes"))
    profile = (
        OPEN + WITH_TOTAL + '[paging]\nkind="page"\n[season]\nplace="body"\nname="season"\n'
        '[resources.lotes]\nmethod="POST"\npath="/lotes/search"\n'
        'params={ active = true, level = 2 }\n[resources.marcadores]\nmethod="POST"\n' + seasonal
    )
    with answering(route) as portal:
        assert ids(fetch(portal.url, profile, concurrency=1)) == ALL
    fixed = {"season": "25/26", "active": True, "level": 2, "size": 1000}
    assert bodies == [("POST", "/api/lotes/search", fixed | {"page": n}) for n in (1, 2, 3)]
    assert all(body["active"] is True for *_, body in bodies)


def test_fixed_parameters_and_headers_go_with_every_page() -> None:
    profile = (
        '[headers]\nX-Tenant = "norte"\n[resources.lotes]\nparams = { sort = "id", all = true }\n'
        'headers = { X-Kind = "lote" }\n[paging]\nkind = "page"\nsize = 5\n'
    )
    with answering(contract_route()) as portal:
        assert ids(fetch(portal.url, profile)) == ALL
    for request in portal.requests[1:]:
        assert request.query["sort"] == "id"
        assert request.query["all"] == "true"
        assert request.headers["x-tenant"] == "norte"
        assert request.headers["x-kind"] == "lote"


def test_a_list_asked_for_by_each_campo() -> None:
    by_campo = {"c1": LOTES[:7], "c2": LOTES[7:]}

    def route(request: Request) -> Reply:
        parts = request.path.split("/")
        if len(parts) == 5:
            return json_reply(contract_page(request, by_campo[parts[3]]))
        return json_reply(contract_page(request, WORLD[parts[-1]]))

    profile = OPEN + (
        '[paging]\nkind = "page"\nsize = 3\n'
        '[resources.lotes]\nparent = "campos"\npath = "/campos/{parent}/lotes"\n'
        '[resources.lotes.fields]\ncampo_id = { source = "parent" }\n'
    )
    with answering(route) as portal, PortalClient(config_of(portal.url, profile)) as client:
        lotes = client.fetch_all(SEASON)[Recurso.LOTES]
    assert ids(lotes) == ALL
    assert lotes.declared_total == 11
    assert [page.number for page in lotes.pages] == [1, 2, 3, 4, 5]
    assert [r.values["campo_id"] for r in lotes.records] == ["c1"] * 7 + ["c2"] * 4
    for record in lotes.records:
        page = json.loads(lotes.pages[record.page - 1].body)
        assert page["items"][record.index]["id"] == record.values["id"]


def test_a_list_that_is_turned_off_is_not_asked_for() -> None:
    profile = "[resources.campanias]\nenabled = false\n[resources.zonas]\nenabled = false\n"
    with (
        answering(contract_route()) as portal,
        PortalClient(config_of(portal.url, profile)) as client,
    ):
        fetched = client.fetch_all(Campania(98, 99))
    assert list(fetched) == list(Recurso)
    assert fetched[Recurso.ZONAS].pages == ()
    assert {"/api/zonas", "/api/campanias"}.isdisjoint(portal.paths())


# --- what counts as empty or as an error in a 200 --------------------------------------------

NUMBERED = OPEN + '[paging]\nkind="page"\nstop="empty"\n' + ROWS_ONLY


def _then_empty(last: Reply) -> Callable[[Request], Reply]:
    def route(request: Request) -> Reply:
        start = (int(request.query["page"]) - 1) * CAP
        return json_reply(_slice(start)) if start < len(LOTES) else last

    return route


@pytest.mark.parametrize(
    ("rules", "last"),
    [
        ("[answers]\nempty_statuses = [204]\n", Reply(204)),
        ("[answers]\nempty_statuses = [304]\n", Reply(304)),
        ("[answers]\nempty_statuses = [404]\n", json_reply({"title": "no more"}, 404)),
        ('[answers]\nempty = { path = "code", values = [7] }\n', json_reply({"code": 7})),
        ('[answers]\nempty = { path = "done" }\n', json_reply({"done": True})),
        ("", json_reply({"items": []})),
    ],
)
def test_what_counts_as_empty(rules: str, last: Reply) -> None:
    with answering(_then_empty(last)) as portal:
        assert ids(fetch(portal.url, NUMBERED + rules)) == ALL


def test_a_206_can_be_a_good_page() -> None:
    profile = ONE_PAGE + ROWS_ONLY
    with answering(_reply_with({"items": LOTES}, 206)) as portal:
        assert ids(fetch(portal.url, profile + "[answers]\nok_statuses = [200, 206]\n")) == ALL
        with pytest.raises(ApiContractChanged, match="lotes página 1: HTTP 206"):
            fetch(portal.url, profile)


@pytest.mark.parametrize(
    ("rules", "body"),
    [
        ('success = { path = "code", values = [0] }', {"code": -4, "items": [], "msg": "malo"}),
        ('success = { path = "ok", values = [true] }', {"items": [], "msg": "malo"}),
        ('success = { path = "code", values = [0] }', {"code": False, "items": []}),
        ('error = { path = "error" }', {"items": [], "error": {"id": 1}, "msg": "malo"}),
        ('error = { path = "st", values = ["KO"] }', {"items": [], "st": "KO", "msg": "malo"}),
    ],
)
def test_what_counts_as_an_error_under_a_200(rules: str, body: dict[str, Any]) -> None:
    profile = ONE_PAGE + ROWS_ONLY + f'[answers]\nmessage = ["msg"]\n{rules}\n'
    wanted = "lotes página 1: un objeto de error con 200" + (": malo" if "msg" in body else "")
    with answering(_reply_with(body)) as portal, pytest.raises(ApiRejected, match=wanted):
        fetch(portal.url, profile)
    assert len(portal.requests) == 1


def test_a_good_code_and_a_null_error_are_no_errors() -> None:
    rules = '[answers]\nsuccess = { path = "code", values = [0] }\nerror = { path = "error" }\n'
    body = {"code": 0, "error": None, "items": LOTES}
    with answering(_reply_with(body)) as portal:
        assert ids(fetch(portal.url, ONE_PAGE + ROWS_ONLY + rules)) == ALL


def test_an_expired_token_told_under_a_200_is_renewed() -> None:
    calls = itertools.count()

    def change(request: Request) -> Reply | None:
        expired = request.path == "/api/lotes" and next(calls) == 0
        return json_reply({"code": -2}) if expired else None

    rules = '[answers]\nexpired = { path = "code", values = [-2] }\n'
    with answering(contract_route(change=change)) as portal:
        assert ids(fetch(portal.url, rules)) == ALL
    assert portal.paths().count("/api/auth/token") == 2
