"""Faults of the page and of the body: the envelope lies, the rows shift, the JSON is none."""

from __future__ import annotations

import json
from collections.abc import Callable

from Modules.demo.contract import Item, dump, problem
from tests.faults.base import (
    HTML,
    Exchange,
    Kind,
    Registry,
    Script,
    as_document,
    as_page,
    edited,
    reply,
)
from tests.faults.bytes import FOREIGN

PAGES = Registry()
DEEP = 2_000


def _page(description: str) -> Callable[[Callable[[Item, Exchange], None]], None]:
    """A fault that edits the document of a page in place."""

    def add(change: Callable[[Item, Exchange], None]) -> None:
        def spoil(exchange: Exchange) -> Script:
            return edited(exchange, lambda document: change(document, exchange))

        PAGES.put(Kind(change.__name__, "page", description, spoil))

    return add


def _body(description: str) -> Callable[[Callable[[Exchange], Script]], None]:
    """A fault that writes another body."""

    def add(spoil: Callable[[Exchange], Script]) -> None:
        PAGES.put(Kind(spoil.__name__, "body", description, spoil))

    return add


def _items_of(exchange: Exchange, page: int) -> list[Item]:
    items: list[Item] = exchange.other_page(page)["items"]
    return items


# -- page -------------------------------------------------------------------------------------


@_page("the items of the page before, under this page's number")
def repeated_page(document: Item, exchange: Exchange) -> None:
    document["items"] = _items_of(exchange, max(1, exchange.page - 1))


@_page("the items and the next of the following page: one page is never shown")
def skipped_page(document: Item, exchange: Exchange) -> None:
    following = exchange.other_page(exchange.page + 1)
    document["items"], document["next"] = following["items"], following["next"]


@_page("rows moved up by one since the page before: one row is never shown")
def shifted_rows(document: Item, exchange: Exchange) -> None:
    document["items"] = document["items"][1:] + _items_of(exchange, exchange.page + 1)[:1]


@_page("rows moved down by one since the page before: one row is shown twice")
def shifted_back(document: Item, exchange: Exchange) -> None:
    before = _items_of(exchange, exchange.page - 1)[-1:] if exchange.page > 1 else []
    document["items"] = before + document["items"][: -1 if before else None]


@_page("the last row is the first one again: two rows of one id")
def twin_ids(document: Item, _: Exchange) -> None:
    document["items"][-1] = document["items"][0]


@_page("two different rows under one id")
def clashing_ids(document: Item, _: Exchange) -> None:
    document["items"][-1]["id"] = document["items"][0]["id"]


@_page("one row is missing, the total still counts it")
def lost_row(document: Item, _: Exchange) -> None:
    del document["items"][-1]


@_page("one row too many, which the total does not count")
def extra_row(document: Item, _: Exchange) -> None:
    document["items"].append({**document["items"][-1], "id": "zz-de-mas"})


@_page("half of the items of this page, with the total of all")
def half_page(document: Item, _: Exchange) -> None:
    document["items"] = document["items"][: len(document["items"]) // 2]


@_page("the first half of the page as if it were all there is: total and next agree with it")
def half_list(document: Item, _: Exchange) -> None:
    document["items"] = document["items"][: len(document["items"]) // 2]
    document.update(total_items=len(document["items"]), total_pages=1, next=None)


@_page("no items, with the total and the next of the full page")
def empty_page(document: Item, _: Exchange) -> None:
    document["items"] = []


@_page("an empty list that says it is whole")
def empty_list(document: Item, _: Exchange) -> None:
    document.update(items=[], total_items=0, total_pages=0, next=None)


@_page("next leads back to the first page")
def next_loop(document: Item, exchange: Exchange) -> None:
    document["next"] = _with_page(exchange, 1)


@_page("next leads to the same page again")
def next_self(document: Item, exchange: Exchange) -> None:
    document["next"] = _with_page(exchange, exchange.page)


@_page("next leaves one page out")
def next_jump(document: Item, exchange: Exchange) -> None:
    document["next"] = _with_page(exchange, exchange.page + 2)


@_page("next leads to another host")
def next_foreign(document: Item, exchange: Exchange) -> None:
    document["next"] = f"{FOREIGN}/{exchange.recurso}?page={exchange.page + 1}"


@_page("next leads to another host, written without a scheme")
def next_foreign_bare(document: Item, exchange: Exchange) -> None:
    document["next"] = FOREIGN.removeprefix("http:") + f"/{exchange.recurso}?page=2"


@_page("next leads to another list of the same portal")
def next_other_list(document: Item, exchange: Exchange) -> None:
    document["next"] = _with_page(exchange, exchange.page + 1).replace(
        f"/{exchange.recurso}?", "/campos?"
    )


@_page("next changes a parameter of the walk: the size")
def next_other_size(document: Item, exchange: Exchange) -> None:
    document["next"] = _with_page(exchange, exchange.page + 1) + "&size=7"


@_page("next is a file address")
def next_file(document: Item, _: Exchange) -> None:
    document["next"] = "file:///etc/hosts"


@_page("next is null before the last page")
def next_null(document: Item, _: Exchange) -> None:
    document["next"] = None


@_page("next is missing")
def next_missing(document: Item, _: Exchange) -> None:
    del document["next"]


@_page("next goes on behind the last page")
def next_endless(document: Item, exchange: Exchange) -> None:
    document["next"] = _with_page(exchange, exchange.page + 1)


@_page("total_items is higher than what there is")
def total_high(document: Item, _: Exchange) -> None:
    document["total_items"] += 5


@_page("total_items is lower than what there is")
def total_low(document: Item, _: Exchange) -> None:
    document["total_items"] -= 5


@_page("total_items grows by one with each page")
def total_drift(document: Item, exchange: Exchange) -> None:
    document["total_items"] += exchange.page


@_page("total_items is text")
def total_text(document: Item, _: Exchange) -> None:
    document["total_items"] = str(document["total_items"])


@_page("total_items is missing")
def total_missing(document: Item, _: Exchange) -> None:
    del document["total_items"]


@_page("total_items is negative")
def total_negative(document: Item, _: Exchange) -> None:
    document["total_items"] = -1


@_page("total_pages does not go with the total")
def pages_wrong(document: Item, _: Exchange) -> None:
    document["total_pages"] += 3


@_page("page names another page than the one asked for")
def page_wrong(document: Item, exchange: Exchange) -> None:
    document["page"] = exchange.page + 1


@_page("size names another size than the one asked for")
def size_wrong(document: Item, _: Exchange) -> None:
    document["size"] = 7


@_page("snapshot_at is of another night than that of the pages before")
def snapshot_moves(document: Item, _: Exchange) -> None:
    document["snapshot_at"] = "2031-01-01T03:00:02-03:00"


@_page("snapshot_at is of the night before, out of a cache")
def snapshot_before(document: Item, _: Exchange) -> None:
    document["snapshot_at"] = "2025-11-18T03:00:02-03:00"


@_page("rows, and beside them the errors of a part that did not answer")
def errors_beside(document: Item, _: Exchange) -> None:
    document["errors"] = [{"message": "shard 3 sin respuesta"}]


@_page("rows that call themselves a part of what there is")
def partial_rows(document: Item, _: Exchange) -> None:
    document["partial"] = True


@_page("rows, and beside them that it did not go well")
def without_success(document: Item, _: Exchange) -> None:
    document["success"] = False


@_page("rows, and beside them that the answer is an error")
def status_beside(document: Item, _: Exchange) -> None:
    document["status"] = "error"


@_page("items is missing")
def items_missing(document: Item, _: Exchange) -> None:
    del document["items"]


@_page("items is null")
def items_null(document: Item, _: Exchange) -> None:
    document["items"] = None


@_page("items is an object, by id")
def items_object(document: Item, _: Exchange) -> None:
    document["items"] = {item["id"]: item for item in document["items"]}


def _with_page(exchange: Exchange, page: int) -> str:
    path, _, query = exchange.path.partition("?")
    kept = [part for part in query.split("&") if part and not part.startswith("page=")]
    return f"{path}?{'&'.join([*kept, f'page={page}'])}"


# -- body -------------------------------------------------------------------------------------


@_body("the list itself, without its envelope")
def root_list(exchange: Exchange) -> Script:
    return as_document(exchange, exchange.document()["items"])


@_body("null")
def root_null(exchange: Exchange) -> Script:
    return as_page(exchange, b"null")


@_body("JSON cut in half, with the right length")
def cut_json(exchange: Exchange) -> Script:
    return as_page(exchange, exchange.body[: len(exchange.body) // 2])


@_body("JSON followed by more text")
def trailing_text(exchange: Exchange) -> Script:
    return as_page(exchange, exchange.body + b" fin")


@_body("the same key twice in the envelope")
def duplicate_keys(exchange: Exchange) -> Script:
    return as_page(exchange, b'{"total_items":1,' + exchange.body[1:])


@_body("the same key twice in an item")
def duplicate_keys_in_item(exchange: Exchange) -> Script:
    return as_page(exchange, exchange.body.replace(b'{"id":', b'{"id":"otro","id":', 1))


@_body("a byte that is not UTF-8, in a name")
def bad_utf8(exchange: Exchange) -> Script:
    return as_page(exchange, exchange.body.replace(b'"id":"', b'"nota":"\xff\xfe","id":"', 1))


@_body("Latin-1 in place of UTF-8")
def latin1(exchange: Exchange) -> Script:
    text = exchange.body.decode().replace('"id":"', '"nota":"Ñandú","id":"', 1)
    return as_page(exchange, text.encode("latin-1", "replace"))


@_body("UTF-16")
def utf16(exchange: Exchange) -> Script:
    return as_page(exchange, exchange.body.decode().encode("utf-16"))


@_body("a byte order mark in front of the JSON")
def bom(exchange: Exchange) -> Script:
    return as_page(exchange, b"\xef\xbb\xbf" + exchange.body)


@_body("half of a surrogate pair, as an escape, in an item")
def lone_surrogate(exchange: Exchange) -> Script:
    return as_page(exchange, exchange.body.replace(b'"id":"', b'"nota":"\\ud83d","id":"', 1))


@_body("NaN as a number")
def nan(exchange: Exchange) -> Script:
    return _number(exchange, b"NaN")


@_body("Infinity as a number")
def infinity(exchange: Exchange) -> Script:
    return _number(exchange, b"-Infinity")


@_body("1e400, which a double cannot hold")
def huge_number(exchange: Exchange) -> Script:
    return _number(exchange, b"1e400")


@_body("a whole number of 6,000 digits")
def endless_number(exchange: Exchange) -> Script:
    return _number(exchange, b"9" * 6_000)


def _number(exchange: Exchange, text: bytes) -> Script:
    spoiled = exchange.body.replace(b'"id":"', b'"superficie_ha":' + text + b',"id":"', 1)
    document = exchange.document()
    if document["items"] and "superficie_ha" in document["items"][0]:
        document["items"][0]["superficie_ha"] = "@"
        spoiled = json.dumps(document, ensure_ascii=False).encode().replace(b'"@"', text, 1)
    return as_page(exchange, spoiled)


@_body(f"lists nested {DEEP} deep in an item")
def deep_nesting(exchange: Exchange) -> Script:
    nested = b"[" * DEEP + b"]" * DEEP
    return as_page(exchange, exchange.body.replace(b'"id":"', b'"nota":' + nested + b',"id":"', 1))


@_body("a page of HTML under 200")
def html_200(_: Exchange) -> Script:
    return reply(200, "<html><body>Sesión vencida</body></html>".encode(), HTML)


@_body("HTML under 200 that calls itself JSON")
def html_as_json(exchange: Exchange) -> Script:
    return as_page(exchange, "<!doctype html><title>Iniciar sesión</title>".encode())


@_body("a problem under 200")
def problem_200(exchange: Exchange) -> Script:
    return as_page(exchange, dump(problem(503, "Base caída", code="mantenimiento")))


@_body("an error object under 200")
def error_object_200(exchange: Exchange) -> Script:
    return as_page(exchange, dump({"error": {"code": -2, "message": "token vencido"}}))


@_body("an error code beside an empty list under 200")
def error_code_200(exchange: Exchange) -> Script:
    return as_page(exchange, dump({**exchange.document(), "items": [], "code": -4}))
