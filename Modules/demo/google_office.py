"""A made-up Google: the token's address, Drive and Sheets; stateful, small, and strict as it is.

``GoogleOffice`` holds drive and sheets in memory, ``create_google_app`` puts HTTP round it, under
the paths of the discovery documents. It refuses what Google refuses: a query that is none, a search
of all drives that does not say so, a range that there is not, a token that is over. ``asked`` is
the log of what came in. Nothing here is secret: client and refresh token of the demo are public.
Rows are 1-based, columns 0-based, in cells dates are ``date``s; moments are seconds of ``now``.
"""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, unquote

from fastapi import FastAPI, Request, Response

DEMO_GOOGLE_CLIENT: Final = ("lindero-demo.apps.googleusercontent.example", "secreto-publico")
DEMO_GOOGLE_REFRESH_TOKEN: Final = "1//token-publico-de-demostracion"  # noqa: S105 - public
ACCOUNT: Final = "demo@lindero.example"
FOLDER: Final = "application/vnd.google-apps.folder"
SPREADSHEET: Final = "application/vnd.google-apps.spreadsheet"
ROWS, COLUMNS = 1000, 26  # of a new sheet; it has more rows where it is given more
_TERM: Final = re.compile(r"\s*('(?:[^'\\]|\\[\\'])*'|!=|[=()]|\w+)\s*")
_RANGE: Final = re.compile(r"(?:'((?:[^']|'')+)'|([^'!]+))(?:!([A-Z])([1-9]\d*))?")
_STATUS: Final = {400: "INVALID_ARGUMENT", 401: "UNAUTHENTICATED", 404: "NOT_FOUND"}
Cell = str | int | float | bool | date
Item = dict[str, Any]
Sheets = dict[str, list[list[Cell]]]  # by title
Test = Callable[[Item], bool]


class Asked(NamedTuple):
    """One request that came in, and how it was answered."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any  # nothing of a token's, which holds secrets
    status: int


class Refused(Exception):
    """An answer that is no 2xx, in Google's form."""

    def __init__(self, status: int, message: str, reason: str = "badRequest") -> None:
        super().__init__(message)
        self.status, first = status, {"message": message, "domain": "global", "reason": reason}
        error = {"code": status, "message": message, "errors": [first]}
        self.item: Item = {"error": {**error, "status": _STATUS.get(status, "UNKNOWN")}}


@dataclass
class GoogleOffice:
    """A drive, its sheets, and who is let in. ``page_limit``: files a page, whatever is asked."""

    token_life_s: float = 3600.0
    page_limit: int = 100
    refresh_tokens: set[str] = field(default_factory=lambda: {DEMO_GOOGLE_REFRESH_TOKEN})
    now: Callable[[], float] = time.monotonic
    asked: list[Asked] = field(default_factory=list)
    files: dict[str, Item] = field(default_factory=dict)
    books: dict[str, Sheets] = field(default_factory=dict)
    tokens: dict[str, float] = field(default_factory=dict)  # and until when each is good
    _pages: dict[str, tuple[str, int]] = field(default_factory=dict)

    def add(self, name: str, mime_type: str = FOLDER, folder: str = "", **more: Any) -> str:
        """A file of Drive; ``more`` as ``driveId`` or ``shortcutDetails``. Its id."""
        number = len(self.files) + 1
        made, stamp = f"demo-{number:04d}", datetime.fromtimestamp(1_760_000_000 + number, UTC)
        one = {"id": made, "name": name, "mimeType": mime_type, "trashed": False}
        one |= {"modifiedTime": f"{stamp:%Y-%m-%dT%H:%M:%S}.000Z"}
        self.files[made] = one | ({"parents": [folder]} if folder else {}) | more
        return made

    def spreadsheet(
        self, name: str, sheets: Mapping[str, Iterable[Iterable[Cell]]], folder: str = ""
    ) -> str:
        """A spreadsheet and the cells of its sheets. Its id."""
        made = self.add(name, SPREADSHEET, folder)
        self.books[made] = {title: [list(row) for row in rows] for title, rows in sheets.items()}
        return made

    def answer(self, method: str, path: str, query: Mapping[str, str], body: Any) -> Item:
        """What Drive or Sheets answer to who is let in. Raises Refused."""
        book = re.fullmatch(r"/v4/spreadsheets/([^/:]+)(?:/values(?:/(.+)|:(batchUpdate)))?", path)
        if (method, path) == ("GET", "/drive/v3/files"):
            return self._list(query)
        if (method, path) == ("GET", "/drive/v3/about") and "fields" in query:
            return {"user": {"emailAddress": ACCOUNT, "displayName": "Demostración"}}
        if book is None or method != ("POST" if book[3] else "GET"):
            raise Refused(404, f"no {method} {path} in the made-up Google", "notFound")
        sheets = self.books.get(book[1])
        if sheets is None and book[1] in self.files:
            raise Refused(400, "This operation is not supported for this document")
        if sheets is None or self.files[book[1]]["trashed"]:
            raise Refused(404, "Requested entity was not found.", "notFound")
        if book[3]:
            return {"spreadsheetId": book[1], "totalUpdatedCells": _write(sheets, body)}
        if book[2]:
            return _values(sheets, book[2], query)
        told = [{"title": one, "index": at, "sheetType": "GRID"} for at, one in enumerate(sheets)]
        return {"spreadsheetId": book[1], "sheets": [{"properties": one} for one in told]}

    def _list(self, query: Mapping[str, str]) -> Item:
        flags = [query.get(x) for x in ("includeItemsFromAllDrives", "supportsAllDrives")]
        everywhere, asked, start = flags == ["true", "true"], query.get("q", ""), 0
        if query.get("corpora") == "allDrives" and not everywhere:
            raise Refused(403, "corpora=allDrives needs both flags of all drives", "forbidden")
        chosen = _Query(asked, self.files).chosen
        found = [x for x in self.files.values() if chosen(x) and (everywhere or "driveId" not in x)]
        if token := query.get("pageToken"):
            of, start = self._pages.get(token, ("", -1))
            if start < 0 or of != asked:
                raise Refused(400, "Invalid Value", "invalid")
        end, more = start + min(int(query.get("pageSize", 100)), self.page_limit), {}
        if end < len(found):
            more = {"nextPageToken": f"~!!~{secrets.token_urlsafe(9)}"}
            self._pages[more["nextPageToken"]] = (asked, end)
        page = {"kind": "drive#fileList", "incompleteSearch": False, "files": found[start:end]}
        return {**page, **more}

    def token(self, form: Mapping[str, str]) -> Item:
        """A token for who may have one. Raises Refused, in OAuth's form (RFC 6749 §5.2)."""
        known = (form.get("client_id"), form.get("client_secret")) == DEMO_GOOGLE_CLIENT
        if not known or form.get("refresh_token") not in self.refresh_tokens:
            refused = Refused(400, "no token")
            refused.item = {"error": "invalid_grant", "error_description": "Bad Request"}
            raise refused
        return self.new_token()

    def new_token(self) -> Item:
        made = f"ya29.{secrets.token_urlsafe(24)}"
        self.tokens[made] = self.now() + self.token_life_s
        told = {"expires_in": int(self.token_life_s), "token_type": "Bearer"}
        return {"access_token": made, **told}


def create_google_app(office: GoogleOffice) -> FastAPI:
    app = FastAPI(title="Google (demo)", docs_url=None, redoc_url=None, openapi_url=None)

    async def answer(request: Request) -> Response:
        path = unquote(request.scope["raw_path"].decode())  # a name of a sheet may have a %
        method, query = request.method, dict(request.query_params)
        body, status = await request.body(), 200
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        sent = None if path == "/token" else json.loads(body or b"null")
        try:
            if path == "/token":
                document = office.token(dict(parse_qsl(body.decode())))
            elif office.tokens.get(token, 0.0) > office.now():
                document = office.answer(method, path, query, sent)
            else:
                words = "Request had invalid authentication credentials."
                status, document = 401, Refused(401, words, "authError").item
        except Refused as err:
            status, document = err.status, err.item
        office.asked.append(Asked(method, path, query, sent, status))
        return Response(json.dumps(document), status, media_type="application/json")

    app.add_route("/{path:path}", answer, methods=["GET", "POST"])
    return app


class _Query:
    """``chosen``: whether a file is found by a search of Drive. Raises Refused where it is none."""

    def __init__(self, text: str, files: Mapping[str, Item]) -> None:
        words, at = list[str](), 0
        while match := _TERM.match(text, at):
            words.append(match[1])
            at = match.end()
        self._words, self._files = words[::-1], files
        self.chosen = self._joined("or") if text else bool
        if at < len(text) or self._words:
            raise Refused(400, "Invalid Value", "invalid")

    def _next(self, *allowed: str) -> str:
        word = self._words.pop() if self._words else ""
        if allowed and word not in allowed:
            raise Refused(400, "Invalid Value", "invalid")
        return word

    def _text(self, word: str) -> str:
        if not word.startswith("'"):
            raise Refused(400, "Invalid Value", "invalid")
        return re.sub(r"\\(.)", r"\1", word[1:-1])

    def _joined(self, by: str) -> Test:
        terms = list[Test]()
        while not terms or (self._words[-1:] == [by] and self._next()):
            terms.append(self._joined("and") if by == "or" else self._term())
        return lambda one: (any if by == "or" else all)(term(one) for term in terms)

    def _term(self) -> Test:
        word = self._next()
        if word == "(":
            inner = self._joined("or")
            self._next(")")
            return inner
        if word == "trashed":
            self._next("=")
            wanted = self._next("true", "false") == "true"
            return lambda one: one["trashed"] is wanted
        if word in ("name", "mimeType"):
            how, text = self._next("=", "!=", "contains"), self._text(self._next())
            begins = re.compile(rf"(?<!\w){re.escape(text)}", re.IGNORECASE)  # a prefix of words
            if how == "contains":
                return lambda one: begins.search(one[word]) is not None
            return lambda one: (one[word] == text) is (how == "=")
        folder = self._text(word), self._next("in"), self._next("parents")
        if folder[0] not in self._files:
            raise Refused(404, "File not found: .", "notFound")
        return lambda one: folder[0] in one.get("parents", ())


def _place(sheets: Sheets, asked: str) -> tuple[str, int, int]:
    """Title, row and column of a cell, or of the first one of a sheet."""
    match = _RANGE.fullmatch(asked)
    title = (match[1] or match[2]).replace("''", "'") if match else ""
    if match is None or title not in sheets:
        raise Refused(400, f"Unable to parse range: {asked}")
    row = int(match[4] or 1)
    if row > max(ROWS, len(sheets[title])):
        raise Refused(400, f"Range ({asked}) exceeds grid limits.")
    return title, row, ord(match[3] or "A") - ord("A")


def _write(sheets: Sheets, body: Any) -> int:
    """Write cells, all or none; how many."""
    if body.get("valueInputOption") not in ("RAW", "USER_ENTERED"):
        raise Refused(400, "'valueInputOption' is required but not specified")
    changes = [(_place(sheets, one["range"]), one["values"]) for one in body["data"]]
    for (title, row, column), [[value]] in changes:
        rows = sheets[title]
        rows += [[] for _ in range(row - len(rows))]
        rows[row - 1] += [""] * (column + 1 - len(rows[row - 1]))
        rows[row - 1][column] = value
    return len(changes)


def _values(sheets: Sheets, asked: str, query: Mapping[str, str]) -> Item:
    """All rows of a sheet, without what is empty at the end of each and of all."""
    formatted = query.get("valueRenderOption", "FORMATTED_VALUE") == "FORMATTED_VALUE"
    as_text = formatted or query.get("dateTimeRenderOption") == "FORMATTED_STRING"

    def shown(cell: Cell) -> Cell:
        if isinstance(cell, date):
            return f"{cell:%d/%m/%Y}" if as_text else (cell - date(1899, 12, 30)).days
        return str(cell).replace(".", ",") if formatted and isinstance(cell, float) else cell

    title, *_ = _place(sheets, asked)
    rows = [_trimmed([shown(cell) for cell in row]) for row in sheets[title]]
    quoted = title if re.fullmatch(r"\w+", title) else "'" + title.replace("'", "''") + "'"
    told = {"range": f"{quoted}!A1:Z{max(ROWS, len(rows))}", "majorDimension": "ROWS"}
    return {**told, **({"values": rows} if (rows := _trimmed(rows)) else {})}


def _trimmed(items: list[Any]) -> list[Any]:
    while items and items[-1] in ("", []):
        items = items[:-1]
    return items
