"""``lindero api check``: each list asked for once, its first page held against the contract.

What it says is Spanish, for the person who writes the profile: what is there, what is missing,
what is unexpected, what is of another type, and the line of the profile that would mend it, with
three values of what it maps. Of a row no more is quoted; nothing is written.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from Modules.api_check.comparison import compare_rows, propose_envelope, propose_paging
from Modules.api_check.findings import Que, found, remedy
from Modules.api_check.probing import Prober, is_empty
from Modules.portal.answers import NoConnection, NotThere
from Modules.portal.asking import LeftOrigin, WalkBroken, link_target
from Modules.portal.client import PortalClient, PortalConfig, campania_id
from Modules.portal.paging import PageView, read_page
from Modules.portal.sections import NextLinkPaging, NoAuth
from Modules.portal.walk import Look
from Modules.words.domain import Campania, Record, Recurso
from Modules.words.errors import ApiAuth, ApiContractChanged, CampaniaUnknown, PipelineError
from Modules.words.finding import Finding, Report


@dataclass(frozen=True, slots=True)
class ApiReport:
    portal: str
    profile: str
    campania: str
    rows: Mapping[Recurso, int | None]  # rows of the first page; None where there was none
    findings: tuple[Finding, ...]
    worst: int  # exit code of the worst error that ended a list; 0 without one

    @property
    def exit_code(self) -> int:
        """0 if a run could start; else that of the worst error, 1 where the shape is another."""
        return max(self.worst, Report(self.findings).exit_code)

    def to_dict(self) -> dict[str, Any]:
        return {
            "portal": self.portal,
            "perfil": self.profile,
            "campania": self.campania,
            "filas": {recurso.value: rows for recurso, rows in self.rows.items()},
            "hallazgos": list(map(_finding_dict, self.findings)),
            "perfil_propuesto": proposed_profile(self),
        }


def check_api(config: PortalConfig, campania: Campania) -> ApiReport:
    """Ask for the first page of each list, and compare.

    An error of one list is a finding, and the others are still asked for; one that every list
    would meet (no connection, no token, refused credentials) is told once and ends the pass.

    Raises:
        SettingsError: the base URL or a credential cannot be used at all.
    """
    with PortalClient(config) as client:
        checker = _Checker(client, campania)
        findings = tuple(checker.look_at_all())
        portal = client.portal
    if checker.no_token_there:  # an open portal has none: do its lists answer without?
        auth = NoAuth(kind="none", second_header=config.profile.auth.second_header)
        opened = replace(config, profile=config.profile.model_copy(update={"auth": auth}))
        with PortalClient(opened) as client:
            other = _Checker(client, campania)
            more = tuple(other.look_at_all())
        if other.answered:
            detail = f"las listas contestan sin credenciales ({findings[0].notes[0]})"
            todo = remedy("[auth]", 'kind = "none"')
            checker, findings = other, (found(None, Que.ERROR, "", detail, todo), *more)
    rows, worst = checker.rows, checker.worst
    return ApiReport(portal.origin, portal.profile, str(campania), rows, findings, worst)


class _Checker:
    """One pass over the lists; keeps the first ids for lists asked for by each parent."""

    def __init__(self, client: PortalClient, campania: Campania) -> None:
        self._client, self._profile, self._campania = client, client.profile, campania
        self._campania_id: str | None = None
        self._first_ids: dict[Recurso, str] = {}
        self.rows: dict[Recurso, int | None] = dict.fromkeys(Recurso)
        self.worst = 0
        self._prober = Prober()
        self.answered = self._over = self.no_token_there = False

    def look_at_all(self) -> Iterator[Finding]:
        """Ask for list after list, until an error concerns them all."""
        for recurso in Recurso:
            yield from self._look_at(recurso)
            if self._over:
                return

    def _look_at(self, recurso: Recurso) -> Iterator[Finding]:
        resource = self._profile.resources[recurso]
        if not resource.enabled:
            yield found(recurso, Que.ESTA, "", "el perfil la apaga: no se pide", grave=False)
            return
        parent = None
        if resource.parent is not None:
            parent = self._first_ids.get(Recurso(resource.parent))
            if parent is None:
                detail = f"se pide por cada uno de {resource.parent}, y no hay ninguno"
                yield found(recurso, Que.ERROR, "", detail)
                return
        ask = partial(self._client.look, recurso, self._campania, self._campania_id, parent)
        another_way = partial(self._prober.another_way, recurso, self._profile, ask=ask)
        try:
            look = ask(self._profile)
            other = another_way(None) if is_empty(look) else None
        except PipelineError as err:
            other = another_way(err) if self._client.let_in else None
            if other is None:
                yield self._refused(recurso, err)
                return
        self.answered = True
        if other is not None:
            look, takes = other
            yield from takes
        yield from self._compare(recurso, look)

    def _refused(self, recurso: Recurso, err: PipelineError) -> Finding:
        let_in = self._client.let_in
        self.no_token_there = not let_in and isinstance(err.__cause__, NotThere)
        cause: BaseException | None = err
        while cause is not None and not isinstance(cause, _NO_LIST):
            cause = cause.__cause__ or cause.__context__
        locked_out = isinstance(err, ApiAuth) and not self.answered
        # whether the next list would meet the same: the token, the credentials, the connection
        self._over = not let_in or locked_out or cause is not None
        concerned = None if self._over else recurso
        self.worst = max(self.worst, err.exit_code)
        return found(concerned, Que.ERROR, "", str(err), _remedy_of(concerned, err))

    def _compare(self, recurso: Recurso, look: Look) -> Iterator[Finding]:
        try:
            view = look.view()
            records = look.records(view)
        except ApiContractChanged as err:
            todo = propose_envelope(recurso, look.document, look.headers)
            detail = f"las filas no están donde dice el perfil ({err})"
            yield found(recurso, Que.ERROR, "envelope", detail, todo)
            if paging := propose_paging(look.document, look.headers):
                detail = "así parece venir la página siguiente"
                yield found(recurso, Que.SOBRA, "paging", detail, paging, grave=False)
            if todo:
                yield from self._inside(recurso, look, todo)
            return
        yield from self._read(recurso, view, records)
        numbered = view.total is not None or view.pages is not None
        kind = look.walk.paging.kind
        link = view.next if kind in ("page", "offset", "next_link") else None
        if isinstance(look.walk.paging, NextLinkPaging) and look.walk.paging.source == "header":
            link = view.link_header
        more = propose_paging(look.document, look.headers, now=True)
        endless = kind == "next_link" or (kind in ("page", "none") and not numbered)
        if more and not link and endless:
            detail = "hay más páginas que las que el perfil sabría pedir"
            yield found(recurso, Que.ERROR, "paging", detail, more)
        yield from self._follow(recurso, look, link)
        yield from self._find_campania(recurso, records)

    def _follow(self, recurso: Recurso, look: Look, link: str | None) -> Iterator[Finding]:
        """Whether the link to the next page could be followed; it is not asked for."""
        try:
            if link:
                link_target(look.ask.what, look.ask.url, link, look.ask.url, look.walk.frozen.keep)
        except LeftOrigin:
            known = look.walk.paging.model_dump(exclude_defaults=True) | {"keep": "origin"}
            pairs = {"kind": look.walk.paging.kind} | known
            lines = [f"{name} = {json.dumps(value)}" for name, value in pairs.items()]
            own = self._profile.resources[recurso].paging is not None
            section = f"[resources.{recurso}.paging]" if own else "[paging]"
            detail = "el enlace a la página siguiente lleva a otro servidor; si es un proxy:"
            yield found(recurso, Que.ERROR, "paging", detail, remedy(section, *lines))
        except WalkBroken:
            detail = "el enlace a la página siguiente no es una dirección"
            yield found(recurso, Que.ERROR, "paging", detail)

    def _inside(self, recurso: Recurso, look: Look, todo: str) -> Iterator[Finding]:
        """Compare the rows that the proposed envelope would find: one pass shows more."""
        path = json.loads(todo.splitlines()[1].partition(" = ")[2])
        envelope = look.walk.envelope.model_copy(
            update={"rows": path, "total": "", "total_header": "", "pages": "", "page": ""}
        )
        try:
            paging = look.walk.paging
            view = read_page(look.document, look.headers, envelope, paging, look.ask.what)
            records = look.records(view)
        except ApiContractChanged:
            return
        yield from self._read(recurso, view, records)
        yield from self._find_campania(recurso, records)

    def _read(self, recurso: Recurso, view: PageView, records: list[Record]) -> list[Finding]:
        self.rows[recurso] = len(view.rows)
        ids = [record.values.get("id") for record in records]
        first = next((one for one in ids if isinstance(one, str) and one), None)
        if first is not None:
            self._first_ids[recurso] = first
        return compare_rows(recurso, self._profile, view.rows)

    def _find_campania(self, recurso: Recurso, records: list[Record]) -> Iterator[Finding]:
        if recurso != Recurso.CAMPANIAS:
            return
        try:
            codigo = self._profile.season.codigo
            self._campania_id = campania_id(self._campania, records, codigo)
        except CampaniaUnknown as err:
            detail = f"{self._campania} no está en la primera página ({err})"
            yield found(recurso, Que.FALTA, str(self._campania), detail)


_NO_LIST = (NoConnection, ssl.SSLCertVerificationError)


def _remedy_of(recurso: Recurso | None, err: PipelineError) -> str:
    text = str(err)
    if "HTTP 404" in text and recurso is None:
        return remedy("[auth]", 'path = "/auth/token"  # la ruta verdadera del token')
    if "HTTP 404" in text:
        path = f'path = "/{recurso}"  # la ruta verdadera de esta lista'
        return remedy(f"[resources.{recurso}]", path)
    if "HTTP 401" in text or "credenciales" in text:
        return remedy("[auth]", 'kind = "client_credentials"  # o el modo verdadero')
    if "no es UTF-8" in text:
        return remedy("[answers]", 'charset = "windows-1252"  # o el que use el portal')
    if "HTTP 204" in text:
        return remedy("[answers]", "empty_statuses = [204]")
    if "HTTP 400" in text or "HTTP 422" in text:
        return remedy("[season]", 'send = "{aaaa}/{bbbb}"  # o como la pida el portal')
    return ""


def proposed_profile(report: ApiReport) -> str:
    """All remedies as one piece of TOML, each section and each key once.

    A section that the profile replaces whole is taken whole, from where most of it was seen.
    """
    sections: dict[str, dict[str, str]] = {}
    for finding in report.findings:
        if finding.todo:
            section, *lines = finding.todo.splitlines()
            known = sections.setdefault(section, {})
            if section in ("[paging]", "[envelope]") and len(lines) > len(known):
                known.clear()
            elif section in ("[paging]", "[envelope]"):
                continue
            for line in lines:
                known.setdefault(line.partition("=")[0], line)
    blocks = ([section, *lines.values(), ""] for section, lines in sections.items())
    return "\n".join(map("\n".join, blocks))


def render(report: ApiReport, *, as_json: bool = False) -> str:
    if as_json:
        return json.dumps(report.to_dict(), ensure_ascii=False, indent=2)
    return "\n".join(_text(report)).rstrip() + "\n"


def _text(report: ApiReport) -> Iterator[str]:
    yield f"Portal {report.portal} · perfil {report.profile} · campaña {report.campania}"
    shown: set[str] = set()
    for recurso in (None, *Recurso):
        mine = [finding for finding in report.findings if finding.where == (recurso or "")]
        rows = None if recurso is None else report.rows.get(recurso)
        if not mine and rows is None:
            continue  # nothing of the portal as a whole, or a list that was not asked for
        yield ""
        counted = "sin página" if rows is None else f"{rows} filas en la primera página"
        yield "portal" if recurso is None else f"{recurso}: {counted}"
        if there := [one.item for one in mine if one.what == Que.ESTA and one.item]:
            yield f"  está       {', '.join(there)}"
        if absent := [one.item for one in mine if _harmless(one)]:
            yield f"  falta      {', '.join(absent)} (optativos)"
        for finding in mine:
            if not _harmless(finding) and (finding.what != Que.ESTA or not finding.item):
                yield from _finding_text(finding, shown)
    yield ""
    if proposal := proposed_profile(report):
        yield "Líneas para el perfil (DATABALER_PROFILE); las explica docs/perfil_databaler.md:"
        yield f"\n{proposal}"
    else:
        fine = report.exit_code == 0
        yield "No hace falta cambiar el perfil." if fine else "Hay errores: ver arriba."


def _harmless(finding: Finding) -> bool:
    return finding.what == Que.FALTA and not finding.is_error and not finding.todo


def _finding_text(finding: Finding, shown: set[str]) -> Iterator[str]:
    mark = "!" if finding.is_error else " "
    where = f"{finding.item}: " if finding.item else ""
    yield f"{mark} {finding.what:<10} {where}{finding.notes[0]}"
    if finding.todo not in shown:
        shown.add(finding.todo)
        yield from (f"             {line}" for line in finding.todo.splitlines())
    if len(finding.notes) > 1:
        yield f"             ejemplos: {finding.notes[1]}"


def _finding_dict(finding: Finding) -> dict[str, Any]:
    section, *lines = finding.todo.splitlines() or [""]
    return {
        "recurso": finding.where or None,
        "que": str(finding.what),
        "campo": finding.item,
        "detalle": finding.notes[0],
        "ejemplos": finding.notes[1] if len(finding.notes) > 1 else None,
        "grave": finding.is_error,
        "remedio": {"seccion": section, "lineas": lines} if lines else None,
    }
