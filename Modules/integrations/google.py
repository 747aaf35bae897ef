"""Google Drive and Sheets through Google's own client, one operation a method.

That client makes the requests out of its discovery documents, which come with it, and reads the
answers. They travel by ``portal.transport`` rather than by httplib2, which sends a request again by
itself where the connection breaks, also a write, and may not be shared by threads.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from types import SimpleNamespace
from typing import Any, Final, TypeVar

from googleapiclient.discovery import build
from xlsxwriter.utility import xl_rowcol_to_cell

from Modules.integrations.access import GoogleAccess
from Modules.integrations.calls import TRIES, error_of, exchange, persist
from Modules.integrations.google_token import GoogleToken
from Modules.portal.answers import Answer, NotThere
from Modules.portal.asking import Ask
from Modules.portal.pace import Pace
from Modules.portal.transport import Limits, Transport
from Modules.words.errors import (
    ApiContractChanged,
    ApiIncomplete,
    ApiRejected,
    DataError,
    OutcomeUnknown,
    PipelineError,
)

T = TypeVar("T")
Cell = str | int | float | bool  # an empty one is ""

FOLDER: Final = "application/vnd.google-apps.folder"
SPREADSHEET: Final = "application/vnd.google-apps.spreadsheet"
_LIMITS: Final = Limits(concurrency=8, request_timeout_s=60.0)
_PARENTS: Final = 15  # folders that one search names: its address has 2,048 characters at most
_EVERYWHERE: Final = {
    **{"corpora": "allDrives", "includeItemsFromAllDrives": True, "supportsAllDrives": True},
    **{"pageSize": 1000, "fields": "nextPageToken,incompleteSearch,files(id,name,mimeType,"
       "shortcutDetails(targetId,targetMimeType))"},
}  # fmt: skip
_AS_SHOWN: Final = {  # numbers as they are, and dates as the sheet shows them
    **{"majorDimension": "ROWS", "valueRenderOption": "UNFORMATTED_VALUE"},
    "dateTimeRenderOption": "FORMATTED_STRING",
}
_SLOW_DOWN: Final = frozenset({"rateLimitExceeded", "userRateLimitExceeded"})  # Drive's, with 403


@dataclass(frozen=True, slots=True)
class DriveFile:
    """A file of Drive."""

    id: str
    name: str
    mime_type: str = SPREADSHEET  # anything else cannot be read here: an Excel file, a PDF


class Google:
    """Asks Google; any number of threads may use one. Opens nothing until the first request.

    Every method raises SettingsError or ApiAuth (no way in, or refused), ApiUnavailable (another
    time), ApiRejected or its NotThere, and ApiContractChanged (not what Google says it answers).
    """

    def __init__(
        self,
        access: GoogleAccess,
        *,
        tries: int = TRIES,
        sleep: Callable[[float], None] = time.sleep,
        limits: Limits = _LIMITS,
    ) -> None:
        self._access, self._persist = access, partial(persist, tries=tries, sleep=sleep)
        self._transport = Transport(limits, Pace(1, math.inf))
        self._token = GoogleToken(access, self._ask_for_token)

    def close(self) -> None:
        self._transport.close()

    def search_files(
        self, name_contains: str, folder_id: str | None = None, *, recursive: bool = False
    ) -> tuple[DriveFile, ...]:
        """Files of any drive, in no bin, a word of whose name begins so; no folders.

        In one folder, or with ``recursive`` in those below it too, each looked into once. A
        shortcut is the file that it leads to, under its own name.

        Raises:
            ApiIncomplete: Google says that it did not look everywhere.
        """
        wanted = f"name contains {_text(name_contains)} and mimeType != '{FOLDER}'"
        if folder_id is None:
            found = {(one.id, one.name): one for one in self._files(wanted)}
            return tuple(one for one in found.values() if one.mime_type != FOLDER)
        if recursive:
            wanted = f"({wanted} or mimeType = '{FOLDER}')"
        found, seen, left = {}, {folder_id}, [folder_id]
        while left:
            now, left = left[:_PARENTS], left[_PARENTS:]
            parents = " or ".join(f"{_text(one)} in parents" for one in now)
            for one in self._files(f"{wanted} and ({parents})"):
                if one.mime_type != FOLDER:
                    found[one.id, one.name] = one
                elif recursive and one.id not in seen:
                    seen.add(one.id)
                    left.append(one.id)
        return tuple(found.values())

    def sheets(self, spreadsheet_id: str) -> tuple[str, ...]:
        """The names of its sheets, in their order; not those that are a chart."""
        fields = "sheets(properties(title,sheetType))"
        asked = self._books.get(spreadsheetId=spreadsheet_id, fields=fields)
        return self._ask(asked, "Google Sheets, las hojas", _titles)

    def read(self, spreadsheet_id: str, sheet: str) -> list[list[Cell]]:
        """All rows of a sheet from its first one on, as wide as the widest; an empty cell is "".

        Numbers are numbers; dates are texts, as the sheet shows them; errors are texts as #REF!.

        Raises:
            DataError: there is no such sheet; names those there are.
        """
        where = {"spreadsheetId": spreadsheet_id, "range": _quoted(sheet)}
        asked = self._books.values().get(**where, **_AS_SHOWN)
        try:
            return self._ask(asked, f"Google Sheets, hoja {sheet}", _rows)
        except NotThere:
            raise
        except ApiRejected as err:
            if sheet in (names := self.sheets(spreadsheet_id)):
                raise
            there = ", ".join(map(repr, names))
            raise DataError(f"la planilla no tiene una hoja {sheet!r}; tiene {there}") from err

    def write(self, spreadsheet_id: str, cells: Mapping[str, Cell]) -> None:
        """Write cells by their names (``cell_name``), all in one request, as they are: no formula.

        Raises:
            OutcomeUnknown: no answer came; look what the sheet has before it is sent again.
        """
        if not cells:
            return
        data = [{"range": name, "values": [[value]]} for name, value in cells.items()]
        body, fields = {"valueInputOption": "RAW", "data": data}, "totalUpdatedCells"
        where = {"spreadsheetId": spreadsheet_id, "body": body, "fields": fields}
        asked, what = self._books.values().batchUpdate(**where), "Google Sheets, escribir"
        written = self._ask(asked, what, lambda answer: answer[fields], writes=True)
        if written != len(cells):
            raise ApiContractChanged(f"{what}: dice {written!r} celdas y eran {len(cells)}")

    def test_connection(self) -> dict[str, str]:
        """``status`` ok and the account, or error and the message."""
        asked = self._drive.about().get(fields="user(emailAddress)")
        try:
            who = self._ask(asked, "Google Drive", lambda answer: answer["user"]["emailAddress"])
        except PipelineError as err:
            return {"status": "error", "message": str(err)}
        return {"status": "ok", "account": str(who)}

    @cached_property
    def _drive(self) -> Any:
        return self._service("drive", "v3", "/drive/v3/")

    @cached_property
    def _books(self) -> Any:
        return self._service("sheets", "v4", "/").spreadsheets()

    def _service(self, name: str, version: str, path: str) -> Any:
        endpoint = self._access.endpoint
        options = None if endpoint is None else {"api_endpoint": f"{endpoint}{path}"}
        local = {"static_discovery": True, "cache_discovery": False}
        return build(name, version, http=SimpleNamespace(), client_options=options, **local)

    def _files(self, query: str) -> Iterator[DriveFile]:
        what, token, seen = "Google Drive, buscar planillas", None, set[str]()
        query = f"{query} and trashed = false"
        while token is not None or not seen:
            asked = self._drive.files().list(q=query, pageToken=token, **_EVERYWHERE)
            files, token, partly = self._ask(asked, what, _page)
            if partly:
                raise ApiIncomplete(f"{what}: Google dice que no buscó en todas partes")
            if token in seen:
                raise ApiContractChanged(f"{what}: una página lleva a otra que ya se leyó")
            yield from files
            seen.add(token or "")

    def _ask(self, request: Any, what: str, read: Callable[[Any], T], *, writes: bool = False) -> T:
        """What ``read`` makes of the answer; it may fail as it likes on one of another shape."""

        def send(uri: str, method: str, body: str | None, headers: Mapping[str, str]) -> Any:
            data = None if body is None else body.encode()
            ask = Ask(what, method, uri, tuple(headers.items()), data)
            answer = self._persist(lambda: self._once(ask, writes=writes), writes=writes)
            return SimpleNamespace(status=answer.status, reason=""), answer.body

        try:
            return read(request.execute(http=SimpleNamespace(request=send)))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as err:
            text = f"{what}: no es lo que Google contesta ({type(err).__name__})"
            if writes:
                raise OutcomeUnknown(f"{text}; no se sabe si quedó hecho") from err
            raise ApiContractChanged(text) from err

    def _once(self, ask: Ask, *, writes: bool) -> Answer:
        header = self._token.header()
        answer = exchange(self._transport, ask, {"Authorization": header}, writes=writes)
        if answer.status == 401:  # a token may end, or be withdrawn, before its time
            header = self._token.header(refused=header)
            answer = exchange(self._transport, ask, {"Authorization": header}, writes=writes)
        return self._judged(answer, header.removeprefix("Bearer "))

    def _ask_for_token(self, ask: Ask) -> Answer:
        def once() -> Answer:
            answer = exchange(self._transport, ask, {}, writes=False)
            passing = answer.status in (408, 429) or answer.status >= 500
            return self._judged(answer) if passing else answer  # a refusal is google-auth's to read

        return self._persist(once, writes=False)

    def _judged(self, answer: Answer, sent: str = " ") -> Answer:
        if answer.status // 100 == 2:
            return answer
        try:
            error = json.loads(answer.body)["error"]
            said = str(error["message"]).replace(sent, " ")  # some proxies echo what was sent
            fast = not _SLOW_DOWN.isdisjoint(one["reason"] for one in error.get("errors", ()))
        except (ValueError, TypeError, KeyError, RecursionError):
            said, fast = "", False
        status = 429 if fast and answer.status == 403 else answer.status
        raise error_of(answer.what, status, answer.headers, said, login=self._token.login)


def cell_name(sheet: str, row: int, column: int) -> str:
    """The cell of a 1-based row and a 0-based column, as ``write`` takes it: 'Hoja 1'!C12."""
    return f"{_quoted(sheet)}!{xl_rowcol_to_cell(row - 1, column)}"


def _quoted(sheet: str) -> str:
    return "'" + sheet.replace("'", "''") + "'"


def _text(value: str) -> str:
    """A text in a query of Drive, whatever is in it."""
    return "'" + value.replace("\\", r"\\").replace("'", r"\'") + "'"


def _page(answer: Any) -> tuple[list[DriveFile], str | None, bool]:
    files = [_file(one) for one in answer["files"]]
    return files, answer.get("nextPageToken"), bool(answer.get("incompleteSearch"))


def _file(one: Any) -> DriveFile:
    to = one.get("shortcutDetails") or {"targetId": one["id"], "targetMimeType": one["mimeType"]}
    return DriveFile(to["targetId"], one["name"], to["targetMimeType"])


def _titles(answer: Any) -> tuple[str, ...]:
    told = [one["properties"] for one in answer["sheets"]]
    return tuple(one["title"] for one in told if one.get("sheetType", "GRID") == "GRID")


def _rows(answer: Any) -> list[list[Cell]]:
    rows: list[list[Cell]] = answer.get("values", [])
    if not re.search(r"!A1(:|$)", answer["range"]):
        raise ValueError("the rows do not begin at the first one")
    width = max(map(len, rows), default=0)
    return [[*row, *[""] * (width - len(row))] for row in rows]
