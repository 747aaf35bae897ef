"""``api check`` says what is another way than the contract, and its lines mend it."""

from __future__ import annotations

import dataclasses
import json
import logging
import socket
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import SecretStr

from Modules.api_check.check import ApiReport, check_api, proposed_profile, render
from Modules.api_check.findings import Que
from Modules.demo.plan import Size
from Modules.demo.world import world_of
from Modules.portal.client import PortalClient
from Modules.words.domain import Recurso
from Modules.words.finding import Finding
from Modules.words.spanish import corrida
from tests.demo.running import running_portal
from tests.portal.dialect_server import (
    CLIENT_SECRET,
    POLYGON,
    SEASON,
    TOKEN,
    WORLD,
    Reply,
    Request,
    answering,
    config_of,
    contract_page,
    contract_route,
    ids,
    json_reply,
    lote,
    token_reply,
)

WKT = "POLYGON((-63.1 -35.5,-63.1 -35.51,-63.09 -35.51,-63.1 -35.5))"


def _check(url: str, profile: str = "") -> ApiReport:
    return check_api(config_of(url, profile), SEASON)


def _of(report: ApiReport, recurso: Recurso, campo: str) -> Finding:
    (found,) = [f for f in report.findings if f.where == recurso and f.item == campo]
    return found


def _lines(finding: Finding) -> list[str]:
    return finding.todo.splitlines()


def test_the_contract_needs_no_line() -> None:
    with answering(contract_route()) as portal:
        report = _check(portal.url)
        lists = [path for path in portal.paths() if path != "/api/auth/token"]
    assert list(dict.fromkeys(lists)) == [f"/api/{recurso}" for recurso in Recurso]
    empty = [f"/api/{recurso}" for recurso in Recurso if not WORLD[recurso]]
    assert [path for path in dict.fromkeys(lists) if lists.count(path) == 2] == empty
    assert len(lists) == len(Recurso) + len(empty)  # asked once more, without pages
    assert report.exit_code == 0
    assert proposed_profile(report) == ""
    text = render(report)
    assert "lotes: 11 filas en la primera página" in text
    assert "No hace falta cambiar el perfil." in text
    assert report.rows[Recurso.AMBIENTES] == 0


def _lotes(*rows: dict[str, Any]) -> Callable[[Request], Reply]:
    return contract_route({**WORLD, "lotes": list(rows)})


def _without(*names: str, **more: Any) -> dict[str, Any]:
    return {name: value for name, value in lote(1, **more).items() if name not in names}


@pytest.mark.parametrize(
    ("row", "campo", "que", "lines"),
    [
        (_without("nombre", Nombre="7"), "nombre", Que.FALTA, ["fields", 'nombre = "Nombre"']),
        (
            _without("nombre", name="7"),
            "nombre",
            Que.FALTA,
            ["fields", 'nombre = "…"  # la ruta verdadera'],
        ),
        (
            _without("superficie_ha", superficieHa="61,25"),
            "superficie_ha",
            Que.FALTA,
            ["fields", 'superficie_ha = { path = "superficieHa", type = "decimal_comma" }'],
        ),
        (
            lote(1, superficie_ha="1.061,25"),
            "superficie_ha",
            Que.OTRO_TIPO,
            ["fields", 'superficie_ha = { path = "superficie_ha", type = "decimal_comma" }'],
        ),
        (
            lote(1, updated_at="19/11/2025"),
            "updated_at",
            Que.OTRO_TIPO,
            [
                "fields",
                'updated_at = { path = "updated_at", type = "datetime", format = "%d/%m/%Y" }',
            ],
        ),
        (
            lote(1, nombre=7),
            "nombre",
            Que.OTRO_TIPO,
            ["fields", 'nombre = { path = "nombre", type = "text" }'],
        ),
        (
            _without("campo_id", campo={"id": 3}),
            "campo_id",
            Que.FALTA,
            ["fields", 'campo_id = "campo.id"'],
        ),
        (
            _without("nombre", datos={"nombre": "7"}),
            "nombre",
            Que.FALTA,
            ["fields", 'nombre = "datos.nombre"'],
        ),
        (
            _without("nombre", campo={"nombre": "Sur"}, datos={"Nombre": 7}, nombre_="9"),
            "nombre",
            Que.FALTA,
            ["fields", 'nombre = "nombre_"'],
        ),
        (
            _without("id", campo={"id": 3}),
            "id",
            Que.FALTA,
            ["fields", 'id = "…"  # la ruta verdadera'],
        ),
        (
            _without("geometry", geom=WKT),
            "geometry",
            Que.FALTA,
            ["geometry", 'path = "geom"', 'kind = "wkt"'],
        ),
        (lote(1, geometry=WKT), "geometry", Que.OTRO_TIPO, ["geometry", 'kind = "wkt"']),
        (
            lote(1, geometry=json.dumps(POLYGON)),
            "geometry",
            Que.OTRO_TIPO,
            ["geometry", 'kind = "geojson_text"'],
        ),
        (
            lote(1, geometry="0101000000" + "0" * 32),
            "geometry",
            Que.OTRO_TIPO,
            ["geometry", 'kind = "wkb_hex"'],
        ),
        (
            lote(1, geometry=[[{"lat": -35.5, "lon": -63.1}]]),
            "geometry",
            Que.OTRO_TIPO,
            ["geometry", 'kind = "latlon_rings"'],
        ),
        (
            lote(1, geometry={"type": "Point", "coordinates": [-35.5, -63.1]}),
            "geometry",
            Que.OTRO_TIPO,
            ["geometry", 'axis_order = "lat_lon"'],
        ),
        (
            lote(1, geometry={"type": "Point", "coordinates": [5500000.0, 6100000.0]}),
            "geometry",
            Que.OTRO_TIPO,
            ["geometry", 'crs = "EPSG:5347"'],
        ),
        (
            _without("geometry", latitud="-35,5", longitud="-63,1"),
            "geometry",
            Que.FALTA,
            [
                "geometry",
                'kind = "lat_lon"',
                'lat = "latitud"',
                'lon = "longitud"',
                "decimal_comma = true",
            ],
        ),
        (
            _without("siembras", datos={"Siembras": []}),
            "siembras",
            Que.FALTA,
            ["siembras", 'path = "datos.Siembras"'],
        ),
        (
            _without("siembras", cultivoNombre="Trigo"),
            "siembras",
            Que.FALTA,
            ["siembras", "flat = true", 'fields = { "cultivo.nombre" = "cultivoNombre" }'],
        ),
        (
            lote(1, siembras=[{"id": "s", "orden": "1"}]),
            "siembras.orden",
            Que.OTRO_TIPO,
            ["siembras.fields", 'orden = { path = "orden", type = "integer" }'],
        ),
        (
            lote(1, siembras=[{"id": "s", "orden": 1, "estado": "SOWN"}]),
            "siembras.estado",
            Que.OTRO_TIPO,
            ["siembras.fields", 'estado = { path = "estado", values = { "SOWN" = "…" } }'],
        ),
    ],
)
def test_a_lote_of_another_shape_gets_its_line(
    row: dict[str, Any], campo: str, que: Que, lines: list[str]
) -> None:
    with answering(_lotes(row)) as portal:
        found = _of(_check(portal.url), Recurso.LOTES, campo)
    assert found.what == que
    assert _lines(found) == [f"[resources.lotes.{lines[0]}]", *lines[1:]]


def test_the_season_as_the_portal_writes_it() -> None:
    world = {**WORLD, "campanias": [{**WORLD["campanias"][1], "codigo": "2025/2026"}]}
    with answering(contract_route(world)) as portal:
        found = _of(_check(portal.url), Recurso.CAMPANIAS, "codigo")
    assert _lines(found) == ["[season]", 'codigo = "{aaaa}/{bbbb}"']


def test_what_is_unexpected_is_told_and_does_no_harm() -> None:
    with answering(_lotes(lote(1, extra={"a": 1, "b": "x"}))) as portal:
        report = _check(portal.url)
    assert _of(report, Recurso.LOTES, "extra.a").what == Que.SOBRA
    assert _of(report, Recurso.LOTES, "extra.b").notes[0].startswith("texto;")
    assert report.exit_code == 0


def test_nulls_where_the_contract_wants_a_value() -> None:
    with answering(_lotes(lote(1), lote(2, nombre=None))) as portal:
        found = _of(_check(portal.url), Recurso.LOTES, "nombre")
    assert found.notes[0] == "nulo en 1 de 2 filas, y el contrato lo exige"
    assert found.is_error


def test_an_error_of_one_list_does_not_hide_the_others() -> None:
    def change(request: Request) -> Reply | None:
        return Reply(404) if request.path == "/api/zonas" else None

    with answering(contract_route(change=change)) as portal:
        report = _check(portal.url)
    found = _of(report, Recurso.ZONAS, "")
    assert found.what == Que.ERROR
    assert _lines(found)[0] == "[resources.zonas]"
    assert report.rows[Recurso.ZONAS] is None
    assert report.rows[Recurso.MARCADORES] == 0
    assert report.exit_code == 1


def test_wrong_credentials_and_no_portal_keep_their_exit_codes() -> None:
    with answering(lambda _: json_reply({"title": "no"}, 401)) as portal:
        url, report = portal.url, _check(portal.url)
    assert report.exit_code == 2
    assert _check(url).exit_code == 4
    assert CLIENT_SECRET not in render(report) + render(report, as_json=True)


def test_nothing_of_our_own_demo_portal_is_unexpected() -> None:
    size = Size(campos=2, lotes=20, ambientes=20, marcadores=60)
    world = world_of("checked", size, seed=3, day=0, campania="25/26")
    markers = world.items(Recurso.MARCADORES)
    assert any(item.get("muestra") is None for item in markers)
    assert any(item.get("muestra") for item in markers)
    with running_portal(world) as portal:
        config = config_of(portal.base_url)
        config = dataclasses.replace(
            config, client_id=portal.client_id, client_secret=SecretStr(portal.client_secret)
        )
        report = check_api(config, SEASON)
    assert [(f.where, f.item) for f in report.findings if f.what == Que.SOBRA] == []
    assert report.exit_code == 0


MARCADOR = {
    "id": "m1",
    "lote_id": "l1",
    "campania": "25/26",
    "tipo": "muestreo",
    "geometry": {"type": "Point", "coordinates": [-63.1, -35.5]},
}


def test_an_absent_parent_is_known_but_another_value_in_its_place_is_told() -> None:
    world = {**WORLD, "marcadores": [MARCADOR | {"muestra": None}, MARCADOR | {"muestra": {}}]}
    with answering(contract_route(world)) as portal:
        report = _check(portal.url)
    assert [f.item for f in report.findings if f.what == Que.SOBRA] == []
    world = {**WORLD, "marcadores": [MARCADOR | {"muestra": "M-7", "muestr": None}]}
    with answering(contract_route(world)) as portal:
        report = _check(portal.url)
    assert [f.item for f in report.findings if f.what == Que.SOBRA] == ["muestra", "muestr"]


NO_LOGIN = '[auth]\nkind = "none"\n'
BEARER = '[auth]\nkind = "bearer"\n'


@pytest.mark.parametrize("profile", ["", NO_LOGIN], ids=["at the token", "at a list"])
def test_a_dead_portal_is_told_once(profile: str, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:  # bound, and nobody listens
        taken.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        with caplog.at_level(logging.WARNING, corrida.name):
            report = _check(f"http://{where}/api", profile)
    (found,) = report.findings
    assert found.where == ""
    assert f": {where} rechazó la conexión; sin éxito después de 4 intentos" in found.notes[0]
    assert len(caplog.records) == 3
    assert report.exit_code == 4
    text = render(report)
    assert text.count("rechazó la conexión") == 1
    assert "Connection" not in text + caplog.text
    assert "lotes" not in text
    assert set(report.rows.values()) == {None}


@pytest.mark.parametrize(
    ("reply", "code", "line"),
    [
        (json_reply({"title": "no"}, 401), 2, 'kind = "client_credentials"'),
        (Reply(404), 2, 'path = "/auth/token"'),
        (Reply(503), 4, None),
        (Reply(200, b"<html>", {"Content-Type": "text/html"}), 1, None),
        (json_reply({"nothing": 1}), 1, None),
    ],
    ids=[
        "refused",
        "elsewhere",
        "unavailable",
        "contesta una página de ingreso o un proxy",
        "no token in it",
    ],
)
def test_a_token_that_is_not_had_ends_the_pass(reply: Reply, code: int, line: str | None) -> None:
    with answering(lambda _: reply) as portal:
        report = _check(portal.url)
        asked = portal.paths()
    if reply.status != 404:  # there the lists are tried without credentials: none answers
        assert set(asked) == {"/api/auth/token"}
        assert len(asked) == (4 if code == 4 else 1)
    assert [f.where for f in report.findings] == [""]
    assert report.exit_code == code
    text = render(report)
    assert text.count("! error") == 1
    assert "[resources." not in text
    if line is not None:
        assert line in proposed_profile(report)


def test_a_key_that_is_refused_ends_the_pass_unless_a_list_was_had() -> None:
    with answering(lambda _: Reply(401)) as portal:
        report = _check(portal.url, BEARER)
        assert portal.paths() == ["/api/campanias"]
    assert [f.where for f in report.findings] == [""]

    def change(request: Request) -> Reply | None:
        return Reply(401) if request.path == "/api/zonas" else None

    with answering(contract_route(change=change)) as portal:
        report = _check(portal.url)
    assert [f.where for f in report.findings if f.is_error] == [Recurso.ZONAS]
    assert report.rows[Recurso.MARCADORES] == 0


def test_the_same_line_for_the_profile_is_printed_once_above_and_once_below() -> None:
    def change(request: Request) -> Reply | None:
        return None if request.path == "/api/auth/token" else Reply(422)

    with answering(contract_route(change=change)) as portal:
        report = _check(portal.url)
    text = render(report)
    assert text.count("HTTP 422") == len(Recurso)
    assert text.count("[season]") == 2
    assert proposed_profile(report).count("send =") == 1


def test_an_unknown_campania_is_told() -> None:
    world = {**WORLD, "campanias": WORLD["campanias"][:1]}
    with answering(contract_route(world)) as portal:
        found = _of(_check(portal.url), Recurso.CAMPANIAS, "25/26")
    assert found.is_error
    assert "24/25" in found.notes[0]


def test_the_hint_of_a_next_page_that_the_profile_would_never_ask_for() -> None:
    link = '</api/lotes?at=2>; rel="next"'
    profile = '[auth]\nkind="none"\n[envelope]\n[paging]\nkind = "none"\n'
    with answering(lambda _: json_reply([lote(1)], Link=link)) as portal:
        found = _of(_check(portal.url, profile), Recurso.LOTES, "paging")
    assert found.is_error
    assert _lines(found)[:3] == ["[paging]", 'kind = "next_link"', 'source = "header"']


ODD: dict[str, list[dict[str, Any]]] = {
    "campanias": [{"ID": 26, "name": "2025/2026", "Desde": "01/06/2025", "Hasta": "31/05/2026"}],
    "cultivos": [{"id": 1, "Código": "TRI", "Nombre": "Trigo"}],
    "zonas": [{"id": 1, "NOMBRE": "Oeste", "Tipo": "region"}],
    "campos": [{"Id": "a", "Nombre": "Ñandú", "EmpresaCuit": "30-12345678-9"}],
    "lotes": [
        {
            "Id": f"l{number}",
            "campo": {"id": "a"},
            "datos": {"nombre": "7", "superficieHa": "61,25"},
            "season": "2025/2026",
            "cultivoNombre": "Trigo",
            "shape": WKT,
            "updatedAt": "19/11/2025 17:20:05",
        }
        for number in range(3)
    ],
    "ambientes": [],
    "marcadores": [
        {
            "id": 7,
            "loteId": "l1",
            "season": "2025/2026",
            "Tipo": "muestreo",
            "Nombre": "p",
            "latitude": "-35,5",
            "longitude": "-63,1",
        }
    ],
}


def _odd(request: Request) -> Reply:
    name = request.path.removeprefix("/api/")
    if name == "auth/token":
        return token_reply()
    rows = ODD[name] if request.query.get("page") == "1" else []
    return json_reply({"data": {"results": rows}, "meta": {"totalCount": len(ODD[name])}})


def test_from_credentials_to_a_working_profile_by_pasting_what_it_says() -> None:
    with answering(_odd) as portal:
        first = _check(portal.url)
        assert first.exit_code == 1
        profile = proposed_profile(first)
        assert "…" not in profile
        second = _check(portal.url, profile)
        assert [f for f in second.findings if f.is_error] == []
        assert second.exit_code == 0
        with PortalClient(config_of(portal.url, profile)) as client:
            fetched = client.fetch_all(SEASON)
    assert ids(fetched[Recurso.LOTES]) == ["l0", "l1", "l2"]
    values = fetched[Recurso.LOTES].records[0].values
    assert values["superficie_ha"] == 61.25
    assert values["campania"] == "25/26"
    assert values["siembras"][0]["cultivo"] == {"nombre": "Trigo"}
    assert fetched[Recurso.MARCADORES].records[0].values["geometry"] == {"lat": -35.5, "lon": -63.1}


def test_no_secret_and_of_the_rows_three_values_of_what_a_line_maps_are_in_the_report() -> None:
    with answering(_odd) as portal:
        report = _check(portal.url)
    text = render(report) + render(report, as_json=True)
    for hidden in (TOKEN, CLIENT_SECRET, "POLYGON"):
        assert hidden not in text
    assert 'ejemplos: "30-12345678-9"' in text
    assert json.loads(render(report, as_json=True))["perfil_propuesto"] == proposed_profile(report)


# --- portals of other makes ------------------------------------------------------------------

OPEN = '[auth]\nkind = "none"\n'
SELF = {"rel": "self", "href": "http://127.0.0.1/x"}


def _feature(number: int, **properties: Any) -> dict[str, Any]:
    named = {"empresa": {"nombre": f"ACME {number}"}, "nombre": f"La Paz {number}"}
    return {
        "type": "Feature",
        "id": f"c{number}",
        "properties": named | properties,
        "geometry": None,
    }


def _features(rows: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"type": "FeatureCollection", "features": rows, "links": [SELF], **more}


def test_features_have_their_fields_below_properties_and_a_campo_no_company_name() -> None:
    rows = [_feature(number, tipo="region") for number in range(5)]
    document = _features(rows, numberMatched=5, numberReturned=5)
    with answering(lambda _: json_reply(document)) as portal:
        profile = proposed_profile(_check(portal.url, OPEN))
        with PortalClient(config_of(portal.url, OPEN + profile)) as client:
            campos = client.fetch(Recurso.CAMPOS, SEASON)
    lines = profile.splitlines()
    assert lines[lines.index("[resources.campos]") + 1] == 'root = "properties"'
    assert lines[lines.index("[resources.campos.fields]") + 1] == 'id = "id"'
    assert 'tipo = "type"' not in profile
    assert "nombre =" not in profile
    assert [record.values["id"] for record in campos.records] == [f"c{n}" for n in range(5)]
    assert [record.values["nombre"] for record in campos.records] == [
        f"La Paz {n}" for n in range(5)
    ]
    assert campos.records[3].values["empresa"] == {"nombre": "ACME 3"}


@pytest.mark.parametrize(
    ("row", "line", "shown"),
    [
        ({"empresa": {"nombre": "ACME"}}, 'nombre = "…"', None),
        ({"a": {"b": {"nombre": "x"}}, "datos": {"nombre": "La Paz"}}, '"datos.nombre"', "La Paz"),
        ({"datos": {"NOMBRE": "otro", "nombre": "La Paz"}}, '"datos.nombre"', "La Paz"),
    ],
    ids=["of a company", "a short path", "as the contract writes it"],
)
def test_which_path_a_name_is_taken_from(row: dict[str, Any], line: str, shown: str | None) -> None:
    world = {**WORLD, "campos": [{"id": "c1", **row}]}
    with answering(contract_route(world)) as portal:
        found = _of(_check(portal.url), Recurso.CAMPOS, "nombre")
    assert line in found.todo
    assert found.notes[1:] == (() if shown is None else (f'"{shown}"',))


def test_a_proposal_is_shown_with_three_values_and_no_more() -> None:
    campos = [{"id": f"c{n}", "Nombre": f"Campo {n // 2}"} for n in range(20)]
    with answering(contract_route({**WORLD, "campos": campos})) as portal:
        report = _check(portal.url)
    assert _of(report, Recurso.CAMPOS, "nombre").notes[1] == '"Campo 0", "Campo 1", "Campo 2"'
    (found,) = [
        one
        for one in json.loads(render(report, as_json=True))["hallazgos"]
        if (one["recurso"], one["campo"]) == ("campos", "nombre")
    ]
    assert found["ejemplos"] == '"Campo 0", "Campo 1", "Campo 2"'


def _spoilt_next(link: str) -> Callable[[Request], Reply]:
    def change(request: Request) -> Reply | None:
        if request.path != "/api/lotes":
            return None
        return json_reply(contract_page(request, WORLD["lotes"]) | {"next": link})

    return contract_route(change=change)


def test_a_next_that_a_proxy_spoils_is_told_with_its_line() -> None:
    with answering(_spoilt_next("http://inner.example/api/lotes?page=2")) as portal:
        report = _check(portal.url)
        assert report.exit_code == 1
        found = _of(report, Recurso.LOTES, "paging")
        assert _lines(found) == ["[paging]", 'kind = "page"', 'keep = "origin"']
        assert _check(portal.url, proposed_profile(report)).exit_code == 0
    with answering(_spoilt_next("http://[::1")) as portal:
        assert _of(_check(portal.url), Recurso.LOTES, "paging").is_error


def test_an_open_portal_without_a_token_is_asked_without_credentials() -> None:
    def route(request: Request) -> Reply:
        assert "authorization" not in request.headers
        name = request.path.removeprefix("/api/")
        return json_reply(contract_page(request, WORLD[name])) if name in WORLD else Reply(404)

    with answering(route) as portal:
        profile = proposed_profile(_check(portal.url))
        assert profile == OPEN
        assert _check(portal.url, profile).exit_code == 0


def test_a_list_that_comes_empty_or_refused_is_asked_for_with_less() -> None:
    """A portal that takes every parameter that it does not know for a filter, or refuses it."""

    def route(request: Request) -> Reply:
        name = request.path.removeprefix("/api/")
        if name == "auth/token":
            return token_reply()
        strange = set(request.query) - ({"campania"} if name == "lotes" else set())
        if strange and name == "zonas":
            return json_reply({"description": "unknown query parameter"}, 400)
        return json_reply({"items": [] if strange else WORLD[name]})

    with answering(route) as portal:
        report = _check(portal.url)
        profile = proposed_profile(report)
        assert "[resources.campos]\nseason = false\n" in profile
        assert "[resources.lotes]\nseason" not in profile
        assert '[paging]\nkind = "next_link"\nsize_param = ""\n' in profile
        with PortalClient(config_of(portal.url, profile)) as client:
            fetched = client.fetch_all(SEASON)
    assert {recurso: len(found.records) for recurso, found in fetched.items()} == {
        recurso: len(WORLD[recurso]) for recurso in Recurso
    }


def test_true_and_false_written_as_numbers() -> None:
    campos = [{"id": "c1", "nombre": "a", "activo": 1}, {"id": "c2", "nombre": "b", "activo": 0}]
    with answering(contract_route({**WORLD, "campos": campos})) as portal:
        found = _of(_check(portal.url), Recurso.CAMPOS, "activo")
    line = 'activo = { path = "activo", values = { "1" = true, "0" = false } }'
    assert _lines(found) == ["[resources.campos.fields]", line]


def test_another_charset_gets_its_line() -> None:
    def change(request: Request) -> Reply | None:
        if request.path != "/api/campos":
            return None
        page = contract_page(request, WORLD["campos"])
        return Reply(200, json.dumps(page, ensure_ascii=False).encode("windows-1252"))

    with answering(contract_route(change=change)) as portal:
        profile = proposed_profile(_check(portal.url))
        assert profile.startswith('[answers]\ncharset = "windows-1252"')
        assert _check(portal.url, profile).exit_code == 0
