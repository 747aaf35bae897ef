"""What our client asks and the made-up Google answers, against Google's discovery documents."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

import googleapiclient.discovery_cache
import pytest
from jsonschema import Draft202012Validator, ValidationError

from Modules.demo.google_office import GoogleOffice, Refused
from Modules.integrations.google import SPREADSHEET, cell_name
from tests.faults.neighbours import FaultyNeighbour
from tests.faults.wire import _Request as Request
from tests.integrations.conftest import RunningGoogle

DOCUMENTS = Path(googleapiclient.discovery_cache.__file__).parent / "documents"


@cache
def document(name: str) -> dict[str, Any]:
    return dict(json.loads((DOCUMENTS / f"{name}.json").read_text(encoding="utf-8")))


def methods(resource: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    yield from resource.get("methods", {}).values()
    for inner in resource.get("resources", {}).values():
        yield from methods(inner)


def method_of(verb: str, path: str) -> tuple[str, dict[str, Any]]:
    """The document and the method that a request is one of."""
    name = "drive.v3" if path.startswith("/drive/v3/") else "sheets.v4"
    found = document(name)
    for one in methods(found):
        template = "/" + found["servicePath"] + one.get("flatPath", one["path"])
        pattern = re.sub(r"\\\{\w+\\\}", "[^/:]+", re.escape(template))
        if one["httpMethod"] == verb and re.fullmatch(pattern, path):
            return name, one
    raise AssertionError(f"{verb} {path} is in no discovery document")


def schema(name: str, wanted: Mapping[str, Any]) -> Draft202012Validator:
    """A schema of a document: what it does not name may not be there."""

    def strict(value: Any) -> Any:
        if isinstance(value, list):
            return [strict(one) for one in value]
        if not isinstance(value, dict):
            return value
        kept = {key: strict(one) for key, one in value.items() if key not in ("format", "required")}
        if "$ref" in kept and isinstance(kept["$ref"], str):
            return {"$ref": f"#/$defs/{kept['$ref']}"}
        if kept.get("type") == "any":
            return {}
        if isinstance(kept.get("properties"), dict) and kept.get("type") == "object":
            kept["additionalProperties"] = False
        return kept

    return Draft202012Validator(
        {**strict(dict(wanted)), "$defs": strict(document(name)["schemas"])}
    )


def check_query(name: str, method: Mapping[str, Any], query: Mapping[str, list[str]]) -> None:
    known = {**document(name)["parameters"], **method["parameters"]}
    assert set(query) <= set(known), (method["id"], set(query) - set(known))
    needed = {
        key
        for key, one in method["parameters"].items()
        if one.get("required") and one["location"] == "query"
    }
    assert needed <= set(query)
    for key, (text, *more) in query.items():
        assert not more or known[key].get("repeated"), key
        kind = known[key]
        assert text in kind.get("enum", [text]), (key, text)
        if kind["type"] == "boolean":
            assert text in ("true", "false"), (key, text)
        if kind["type"] == "integer":
            assert int(kind.get("minimum", 0)) <= int(text) <= int(kind.get("maximum", 10**9)), key


def check(request: Request, answer: bytes) -> str:
    """Raises where a request or its answer is not as its document says; the method's id."""
    name, method = method_of(request.method, request.path)
    check_query(name, method, parse_qs(request.query, strict_parsing=bool(request.query)))
    if "request" in method:
        schema(name, method["request"]).validate(json.loads(request.body))
    else:
        assert not request.body
    schema(name, method["response"]).validate(json.loads(answer))
    return str(method["id"])


@pytest.fixture
def exchanged(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Request, bytes]]:
    """What went over the wire, but for tokens."""
    seen: list[tuple[Request, bytes]] = []
    good = FaultyNeighbour._good

    async def noted(self: FaultyNeighbour, request: Request, *, note: bool = True) -> Any:
        answer = await good(self, request, note=note)
        if request.path != "/token":
            seen.append((request, answer.body))
        return answer

    monkeypatch.setattr(FaultyNeighbour, "_good", noted)
    return seen


def test_requests_and_answers_are_as_the_discovery_documents_say(
    google: RunningGoogle, exchanged: list[tuple[Request, bytes]]
) -> None:
    office, client = google.office, google.client()
    office.page_limit = 2
    top = office.add("Campo")
    inner = office.add("Año", folder=top)
    rows = [["Lote", "Fecha", "ha"], ["L'1", date(2026, 11, 30), 12.5], ["x", "", True]]
    book = office.spreadsheet("Plan", {"Hoja 1": rows, "L'otra ñ": []}, inner)
    to = {"targetId": book, "targetMimeType": SPREADSHEET}
    office.add("Plan, acá", "application/vnd.google-apps.shortcut", top, shortcutDetails=to)
    assert len(client.search_files("Plan", top, recursive=True)) == 2
    assert client.search_files("nada") == ()
    client.sheets(book)
    client.read(book, "Hoja 1")
    client.read(book, "L'otra ñ")
    client.write(book, {cell_name("L'otra ñ", 1, 0): "CAMPO-1", cell_name("Hoja 1", 2, 3): 5})
    client.test_connection()
    ids = [check(request, answer) for request, answer in exchanged]
    assert set(ids) == {
        "drive.files.list",
        "drive.about.get",
        "sheets.spreadsheets.get",
        "sheets.spreadsheets.values.get",
        "sheets.spreadsheets.values.batchUpdate",
    }
    (read,) = [unquote(x.path) for x, _ in exchanged if "otra" in unquote(x.path)]
    assert read == f"/v4/spreadsheets/{book}/values/'L''otra ñ'"


def test_a_check_fails_where_the_documents_say_otherwise() -> None:
    """The checks above see a wrong name, a wrong value and a wrong shape."""
    good = Request("GET", "/drive/v3/files?q=x&pageSize=10", {}, b"")
    assert check(good, b'{"files": [{"id": "1"}]}') == "drive.files.list"
    for target in ("files?nada=1", "files?pageSize=5000", "files?supportsAllDrives=True"):
        with pytest.raises(AssertionError):
            check(Request("GET", f"/drive/v3/{target}", {}, b""), b"{}")
    for answer in (b'{"nada": 1}', b'{"files": [{"title": "x"}]}', b'{"files": {}}'):
        with pytest.raises(ValidationError):
            check(good, answer)
    with pytest.raises(AssertionError, match="in no discovery document"):
        method_of("GET", "/v4/nada")


@pytest.mark.parametrize(
    "query",
    [
        "name contains 'x",
        r"name contains 'a\b'",
        "name contains 'it's'",
        "name like 'x'",
        "name contains x",
        "trashed = no",
        "(trashed = false",
        "trashed = false trashed = true",
        "trashed = false and",
        "'demo-0001' in folders",
    ],
)
def test_the_made_up_drive_refuses_a_query_that_is_none(query: str) -> None:
    office = GoogleOffice()
    office.add("Campo")
    with pytest.raises(Refused) as caught:
        office.answer("GET", "/drive/v3/files", {"q": query}, None)
    assert (caught.value.status, caught.value.item["error"]["code"]) == (400, 400)


def test_the_made_up_drive_finds_what_drive_finds() -> None:
    office = GoogleOffice()
    folder = office.add("Campo")
    plan = office.add(r"Plan de 'Ñandú \ Sur'", SPREADSHEET, folder)
    old = office.add("Plan viejo", SPREADSHEET, folder, trashed=True)
    shared = office.add("Replan", SPREADSHEET, driveId="0A")

    def found(query: str, **more: str) -> list[str]:
        answer = office.answer("GET", "/drive/v3/files", {"q": query, **more}, None)
        return [one["id"] for one in answer["files"]]

    flags = {"includeItemsFromAllDrives": "true", "supportsAllDrives": "true"}
    assert found("") == [folder, plan, old]
    assert found("", **flags) == [folder, plan, old, shared]
    assert found("name contains 'plan'") == [plan, old]  # a prefix of words: Replan is none
    assert found("name contains 'plan' and trashed = false") == [plan]
    assert found(r"name = 'Plan de \'Ñandú \\ Sur\''") == [plan]
    assert found(f"mimeType != '{SPREADSHEET}' or '{folder}' in parents") == [folder, plan, old]
    assert found(f"(name = 'x' or trashed = true) and '{folder}' in parents") == [old]
    for wrong, status in (({"corpora": "allDrives"}, 403), ({"pageToken": "x"}, 400)):
        with pytest.raises(Refused) as caught:
            found("", **wrong)
        assert caught.value.status == status
    with pytest.raises(Refused, match="File not found") as caught:
        found("'nada' in parents")
    assert caught.value.status == 404


def test_the_made_up_sheets_refuse_what_sheets_refuse_and_write_all_or_nothing() -> None:
    office = GoogleOffice()
    book = office.spreadsheet("Plan", {"Plan": [["x", date(2026, 11, 30), 1.5]]})
    path = f"/v4/spreadsheets/{book}/values:batchUpdate"
    for name in ("Otra!A1", "'Plan'!A1001", "Plan!1", "Plan!AA1"):
        data = [{"range": "Plan!A1", "values": [["y"]]}, {"range": name, "values": [["z"]]}]
        with pytest.raises(Refused) as caught:
            office.answer("POST", path, {}, {"valueInputOption": "RAW", "data": data})
        assert caught.value.status == 400
    with pytest.raises(Refused, match="valueInputOption"):
        office.answer("POST", path, {}, {"data": []})
    values = f"/v4/spreadsheets/{book}/values/Plan"
    assert office.answer("GET", values, {}, None)["values"] == [["x", "30/11/2026", "1,5"]]
    plain = {"valueRenderOption": "UNFORMATTED_VALUE"}
    assert office.answer("GET", values, plain, None)["values"] == [["x", 46356, 1.5]]
