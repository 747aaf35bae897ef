"""``lindero api check``: each list asked for once, its first page held against the contract.

What it says is Spanish, for the person who writes the profile: what is there, what is missing,
what is unexpected, what is of another type, and the line of the profile that would mend it. Rows
are never quoted; nothing is written.
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from Modules.api_check.comparison import compare_rows, propose_envelope, propose_paging
from Modules.api_check.findings import Finding, Que, Remedy
from Modules.portal.answers import NoConnection
from Modules.portal.client import PortalClient, PortalConfig, campania_id
from Modules.portal.paging import PageView, read_page
from Modules.portal.walk import Look
from Modules.words.domain import Campania, Record, Recurso
from Modules.words.errors import ApiAuth, ApiContractChanged, CampaniaUnknown, PipelineError


@dataclass(frozen=True, slots=True)
class Report:
    """What was found, list by list."""

    portal: str
    profile: str
    campania: str
    rows: Mapping[Recurso, int | None]  # rows of the first page; None where there was none
    findings: tuple[Finding, ...]
    code: int  # of the command line

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON has it."""
        return {
            "portal": self.portal,
            "perfil": self.profile,
            "campania": self.campania,
            "filas": {recurso.value: rows for recurso, rows in self.rows.items()},
            "hallazgos": [_finding_dict(finding) for finding in self.findings],
            "perfil_propuesto": proposed_profile(self),
        }


def check_api(config: PortalConfig, campania: Campania) -> Report:
    """Ask for the first page of each list, and compare.

    An error of one list is a finding, and the others are still asked for; one that every list
    would meet (no connection, no token, refused credentials) is told once and ends the pass.

    Raises:
        SettingsError: the base URL or a credential cannot be used at all.
    """
    with PortalClient(config) as client:
        checker = _Checker(client, campania)
        checker.look_at_all()
        portal = client.portal
    return Report(
        portal.origin,
        portal.profile,
        str(campania),
        checker.rows,
        tuple(checker.findings),
        checker.code,
    )


class _Checker:
    """One pass over the lists; keeps the first ids for lists asked for by each parent."""

    def __init__(self, client: PortalClient, campania: Campania) -> None:
        self._client, self._profile, self._campania = client, client.profile, campania
        self._campania_id: str | None = None
        self._first_ids: dict[Recurso, str] = {}
        self.rows: dict[Recurso, int | None] = dict.fromkeys(Recurso)
        self.findings: list[Finding] = []
        self.code = 0
        self._answered = self._over = False

    def look_at_all(self) -> None:
        """Ask for list after list, until an error concerns them all."""
        for recurso in Recurso:
            self._look_at(recurso)
            if self._over:
                return

    def _look_at(self, recurso: Recurso) -> None:
        """Ask for one list and add what is found."""
        resource = self._profile.resource(recurso)
        if not resource.enabled:
            self._add(Finding(recurso, Que.ESTA, "", "el perfil la apaga: no se pide"))
            return
        parent = None
        if resource.parent is not None:
            parent = self._first_ids.get(Recurso(resource.parent))
            if parent is None:
                detail = f"se pide por cada uno de {resource.parent}, y no hay ninguno"
                self._add(Finding(recurso, Que.ERROR, "", detail, grave=True))
                return
        try:
            look = self._client.look(recurso, self._campania, self._campania_id, parent)
        except PipelineError as err:
            self._over = self._concerns_all(err)
            self._failed(None if self._over else recurso, err)
            return
        self._answered = True
        self._compare(recurso, look)

    def _compare(self, recurso: Recurso, look: Look) -> None:
        try:
            view = look.view()
            records = look.records(view)
        except ApiContractChanged as err:
            remedy = propose_envelope(look.document, look.headers)
            detail = "las filas no están donde dice el perfil"
            self._add(
                Finding(
                    recurso, Que.ERROR, "envelope", f"{detail} ({err})", grave=True, remedio=remedy
                )
            )
            if paging := propose_paging(look.document, look.headers):
                detail = "así parece venir la página siguiente"
                self._add(Finding(recurso, Que.SOBRA, "paging", detail, remedio=paging))
            self._inside(recurso, look, remedy)
            return
        self.rows[recurso] = len(view.rows)
        self._keep(recurso, records)
        for finding in compare_rows(recurso, self._profile, view.rows):
            self._add(finding)
        self._other_paging(recurso, look, view)
        if recurso == Recurso.CAMPANIAS:
            self._find_campania(records)

    def _inside(self, recurso: Recurso, look: Look, remedy: Remedy | None) -> None:
        """Compare the rows that the proposed envelope would find: one pass shows more."""
        if remedy is None:
            return
        path = json.loads(remedy.lines[0].partition(" = ")[2])
        envelope = look.walk.envelope.model_copy(
            update={"rows": path, "total": "", "total_header": "", "pages": "", "page": ""}
        )
        try:
            paging = look.walk.paging
            view = read_page(look.document, look.headers, envelope, paging, look.ask.what)
            records = look.records(view)
        except ApiContractChanged:
            return
        self.rows[recurso] = len(view.rows)
        self._keep(recurso, records)
        for finding in compare_rows(recurso, self._profile, view.rows):
            self._add(finding)
        if recurso == Recurso.CAMPANIAS:
            self._find_campania(records)

    def _other_paging(self, recurso: Recurso, look: Look, view: PageView) -> None:
        numbered = view.total is not None or view.pages is not None
        if numbered or look.walk.paging.kind not in ("page", "none"):
            return
        if paging := propose_paging(look.document, look.headers):
            detail = "hay más páginas que las que el perfil sabría pedir"
            self._add(Finding(recurso, Que.ERROR, "paging", detail, grave=True, remedio=paging))

    def _find_campania(self, records: list[Record]) -> None:
        try:
            codigo = self._profile.season.codigo
            self._campania_id = campania_id(self._campania, records, codigo)
        except CampaniaUnknown as err:
            detail = f"{self._campania} no está en la primera página ({err})"
            self._add(
                Finding(Recurso.CAMPANIAS, Que.FALTA, str(self._campania), detail, grave=True)
            )

    def _keep(self, recurso: Recurso, records: list[Record]) -> None:
        ids = [record.values.get("id") for record in records]
        first = next((found for found in ids if isinstance(found, str) and found), None)
        if first is not None:
            self._first_ids[recurso] = first

    def _concerns_all(self, err: PipelineError) -> bool:
        """Whether the next list would meet the same: the token, the credentials, the connection."""
        if not self._client.let_in or (isinstance(err, ApiAuth) and not self._answered):
            return True
        cause: BaseException | None = err
        while cause is not None and not isinstance(cause, _NO_LIST):
            cause = cause.__cause__ or cause.__context__
        return cause is not None

    def _failed(self, recurso: Recurso | None, err: PipelineError) -> None:
        self.code = max(self.code, err.exit_code)
        self._add(
            Finding(recurso, Que.ERROR, "", str(err), grave=True, remedio=_remedy_of(recurso, err))
        )

    def _add(self, finding: Finding) -> None:
        self.findings.append(finding)
        if finding.grave:
            self.code = max(self.code, 1)


_NO_LIST = (NoConnection, ssl.SSLCertVerificationError)


def _remedy_of(recurso: Recurso | None, err: PipelineError) -> Remedy | None:
    text = str(err)
    if "HTTP 404" in text and recurso is None:
        return Remedy("[auth]", ('path = "/auth/token"  # la ruta verdadera del token',))
    if "HTTP 404" in text:
        section = f"[resources.{recurso}]"
        return Remedy(section, (f'path = "/{recurso}"  # la ruta verdadera de esta lista',))
    if "HTTP 401" in text or "credentials" in text:
        return Remedy("[auth]", ('kind = "client_credentials"  # o el modo verdadero',))
    if "HTTP 204" in text:
        return Remedy("[answers]", ("empty_statuses = [204]",))
    if "HTTP 400" in text or "HTTP 422" in text:
        return Remedy("[season]", ('send = "{aaaa}/{bbbb}"  # o como la pida el portal',))
    return None


def exit_code(report: Report) -> int:
    """0 if a run could start; else that of the worst error, 1 where the shape is another."""
    return report.code


def proposed_profile(report: Report) -> str:
    """All remedies as one piece of TOML, each section once."""
    sections: dict[str, list[str]] = {}
    for finding in report.findings:
        if finding.remedio is not None:
            lines = sections.setdefault(finding.remedio.section, [])
            keys = {line.partition("=")[0] for line in lines}
            for line in finding.remedio.lines:
                if line.partition("=")[0] not in keys:
                    lines.append(line)
    return "\n".join("\n".join([section, *lines, ""]) for section, lines in sections.items())


def render(report: Report, *, as_json: bool = False) -> str:
    """The report as text for a person, or as JSON."""
    if as_json:
        return json.dumps(report.to_dict(), ensure_ascii=False, indent=2)
    return "\n".join(_text(report)).rstrip() + "\n"


def _text(report: Report) -> Iterator[str]:
    yield f"Portal {report.portal} · perfil {report.profile} · campaña {report.campania}"
    shown: set[Remedy] = set()
    for recurso in (None, *Recurso):
        mine = [finding for finding in report.findings if finding.recurso == recurso]
        if not mine and (recurso is None or report.rows.get(recurso) is None):
            continue  # nothing of the portal as a whole, or a list that was not asked for
        yield ""
        yield "portal" if recurso is None else f"{recurso}: {_count(report.rows.get(recurso))}"
        there = [finding.campo for finding in mine if finding.que == Que.ESTA and finding.campo]
        if there:
            yield f"  está       {', '.join(there)}"
        absent = [finding.campo for finding in mine if _harmless(finding)]
        if absent:
            yield f"  falta      {', '.join(absent)} (optativos)"
        for finding in mine:
            if not _harmless(finding) and (finding.que != Que.ESTA or not finding.campo):
                yield from _finding_text(finding, shown)
    proposal = proposed_profile(report)
    if proposal:
        yield ""
        yield "Líneas para el perfil (DATABALER_PROFILE); las explica docs/perfil_databaler.md:"
        yield ""
        yield proposal
    else:
        yield ""
        yield "No hace falta cambiar el perfil." if report.code == 0 else "Hay errores: ver arriba."


def _harmless(finding: Finding) -> bool:
    return finding.que == Que.FALTA and not finding.grave and finding.remedio is None


def _count(rows: int | None) -> str:
    return "sin página" if rows is None else f"{rows} filas en la primera página"


def _finding_text(finding: Finding, shown: set[Remedy]) -> Iterator[str]:
    mark = "!" if finding.grave else " "
    where = f"{finding.campo}: " if finding.campo else ""
    yield f"{mark} {finding.que:<10} {where}{finding.detalle}"
    if finding.remedio is not None and finding.remedio not in shown:
        shown.add(finding.remedio)
        yield f"             {finding.remedio.section}"
        for line in finding.remedio.lines:
            yield f"             {line}"


def _finding_dict(finding: Finding) -> dict[str, Any]:
    remedy = finding.remedio
    return {
        "recurso": finding.recurso.value if finding.recurso else None,
        "que": finding.que.value,
        "campo": finding.campo,
        "detalle": finding.detalle,
        "grave": finding.grave,
        "remedio": {"seccion": remedy.section, "lineas": list(remedy.lines)} if remedy else None,
    }
