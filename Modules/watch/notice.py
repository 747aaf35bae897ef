"""What people are told: one notice, as a text, as a page and as a mail; and the ways. Spanish.

The mails of one cause hang together (RFC 5322, 3.6.4), so "ya está bien" stands below its alarm.
What ``Settings`` holds as a secret comes out as stars, whoever quoted it.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote

from Modules.orchestration import alerts
from Modules.settings import Settings
from Modules.words.errors import TellingFailed
from Modules.words.finding import Finding
from Modules.words.secret import Secret
from Modules.words.spanish import moment, sentence
from Modules.words.temporada import TERMINADA, write_campanias
from Modules.words.text import MAX_TEXT, clean_text

if TYPE_CHECKING:
    from email.mime.multipart import MIMEMultipart

INTACTO: Final = (
    "Los backups guardados y cada archivo publicado están enteros: son los de antes o los nuevos."
)
_INTACTO: Final = {  # by code of the finding, where that is not what can be said
    TERMINADA: "La noche está guardada y publicada.",
    "destino_inalcanzable": "Los backups guardados siguen como estaban.",
}
MAX_NAME: Final = 60  # characters
MIN_SECRET: Final = 8  # characters: what is shorter stands in other words too
_INNER: Final = re.compile(  # what is secret of it alone: a password, a hook's path
    r"smtps?://[^:/@]*:([^/@]+)@.*|https?://[^/]+(/.+)|[^:/@]*:(?!//)(.+)", re.DOTALL
)
_RED, _GREEN = "#a3211b", "#1d6434"  # on white 7:1 and more; never the only thing that tells
_PAGE: Final = """<!DOCTYPE html><html lang="es"><head><meta charset="utf-8">\
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{who}</title></head>
<body style="margin:0;padding:20px;background:#ffffff;color:#1a1a1a;\
font:16px/1.5 Arial,Helvetica,sans-serif"><div style="max-width:600px;overflow-wrap:anywhere">
<h1 style="margin:0 0 16px;padding-left:12px;border-left:6px solid {colour};font-size:22px;\
line-height:1.3"><span style="font-size:16px;color:{colour}">{who}</span><br>{what}</h1>
{body}<table style="border-collapse:collapse;text-align:left">{facts}</table></div></body></html>
"""
_ROW: Final = '<tr style="vertical-align:top"><th scope="row" style="padding:4px 16px 4px 0;\
white-space:nowrap">{}</th><td style="padding:4px 0">{}</td></tr>'


@dataclass(frozen=True, slots=True)
class Notice:
    """What happened, once: ``cause`` is its key for machines, all else is for people."""

    cause: str
    what: str
    lines: tuple[str, ...]
    todo: str
    url: str | None
    when: datetime
    over: bool = False
    since: datetime | None = None  # of one that is over: the ``when`` of its alarm


def notice_of(finding: Finding, cause: str, when: datetime, url: str | None = None) -> Notice:
    """The notice of a finding: what, in a sentence; the rest of it; what is intact; what to do."""
    what, _, rest = finding.what.partition(". ")
    lines = (rest, *finding.notes, _INTACTO.get(finding.code, INTACTO))
    return Notice(cause, what, tuple(filter(None, lines)), finding.todo, url, when)


def over(alarm: Notice, when: datetime) -> Notice:
    """The notice that what ``alarm`` told of is well again."""
    what = f"Ya está bien. Era: {alarm.what}"
    return replace(alarm, what=what, lines=(), todo="Nada.", when=when, over=True, since=alarm.when)


def run_url(settings: Settings, run_id: str) -> str:
    """Where a run is shown, as a person's browser gets there."""
    page = settings.lindero_page_url or f"http://127.0.0.1:{settings.lindero_port}"
    return f"{page}/runs/flow-run/{run_id}"


def as_text(settings: Settings, notice: Notice) -> str:
    """All of it as plain text: what a webhook is posted, and the first part of a mail."""
    who, said, facts = _parts(settings, notice)
    return "\n\n".join((who, *said, "\n".join(f"{label}: {fact}" for label, fact in facts)))


def as_html(settings: Settings, notice: Notice) -> str:
    """The same as a page for mail programs: no picture, no style sheet, nothing from elsewhere."""
    who, (what, *more), facts = _parts(settings, notice)
    cells = [(label, escape(fact)) for label, fact in facts]
    if notice.url:
        cells[-1] = (cells[-1][0], f'<a href="{cells[-1][1]}">{cells[-1][1]}</a>')
    return _PAGE.format(
        who=escape(who),
        what=escape(what),
        colour=_GREEN if notice.over else _RED,
        body="\n".join(f"<p>{escape(one)}</p>" for one in more),
        facts="".join(_ROW.format(*cell) for cell in cells),
    )


def as_mail(settings: Settings, notice: Notice, mail: alerts.Mail, now: datetime) -> MIMEMultipart:
    """A mail to ``mail.to`` of both; ``now`` is when it is sent."""
    from email.mime.multipart import MIMEMultipart
    from email.mime.text import MIMEText

    who, (what, *_), _ = _parts(settings, notice)
    root = _id(settings, notice.cause)  # of no mail: what all of a cause have in common
    alarm = _id(settings, notice.cause, notice.since)
    message = MIMEMultipart("alternative")
    alerts.headed(message, settings, mail, (who, what.rstrip(".")), now)
    message["Message-ID"] = _id(settings, notice.cause, notice.when)
    if notice.over:
        message["In-Reply-To"] = alarm
    message["References"] = " ".join(dict.fromkeys((root, alarm)))
    for kind, content in (("plain", as_text), ("html", as_html)):
        message.attach(MIMEText(content(settings, notice), kind, "utf-8"))
    return message


def tell(settings: Settings, notice: Notice, *, skip: Collection[str] = ()) -> tuple[str, ...]:
    """Tell a notice in every way that is set, but for those in ``skip``; the ways that worked.

    Raises:
        SettingsError: a setting of alerts is wrong; nobody was told.
        TellingFailed: a way did not work, the others were tried; its ``told`` are those that did,
            ``skip`` included: what to skip when it is tried again.
    """
    avisos, ways = alerts.read_avisos(settings), dict[str, Callable[[], None]]()
    if (url := avisos.webhook_url) is not None:
        body = {"text": as_text(settings, notice)}  # Slack, Mattermost, a Teams workflow take it
        ways[alerts.WEBHOOK] = lambda: alerts.reach(alerts.WEBHOOK, lambda: alerts.call(url, body))
    if (mail := avisos.mail) is not None:
        message = as_mail(settings, notice, mail, datetime.now(UTC))
        ways[alerts.SMTP] = lambda: alerts.reach(
            alerts.SMTP, lambda: alerts.send_mail(mail, message), alerts.MAIL_S
        )
    told, failed = [*skip], []
    for name, way in ways.items():
        if name not in skip:
            try:
                way()
                told.append(name)
            except TellingFailed as err:
                failed.append(str(err))
    if failed:
        error = TellingFailed("; ".join((*failed, *(f"{name}: avisado" for name in told))))
        error.told = tuple(told)
        raise error
    return tuple(told)


def _parts(settings: Settings, notice: Notice) -> tuple[str, list[str], list[tuple[str, str]]]:
    """From whom; what is said, the headline first; and of what, where and when."""
    said = (sentence(notice.what), *notice.lines, f"Qué hacer: {notice.todo or 'nada.'}")
    facts = {
        "Desde": moment(notice.since, settings.zone) if notice.since else "",
        "Hasta" if notice.since else "Cuándo": moment(notice.when, settings.zone),
        "Empresa": settings.lindero_company,
        "Máquina": settings.lindero_host or socket.gethostname(),
        "Campaña configurada": write_campanias(settings.lindero_campania).replace(",", ", "),
        "Corrida": notice.url or "",
    }
    return (
        _clean(settings, f"Lindero {settings.lindero_company}")[:MAX_NAME],
        [_clean(settings, one) for one in said],
        [(label, _clean(settings, fact)) for label, fact in facts.items() if fact],
    )


def _id(settings: Settings, cause: str, when: datetime | None = None) -> str:
    at = "" if when is None else when.astimezone(UTC).isoformat()
    return alerts.message_id(settings, cause, at)


def _clean(settings: Settings, text: str) -> str:
    """Text on one line, with stars where it quotes a secret of the settings."""
    words = set[str]()
    for secret in vars(settings).values():
        if isinstance(secret, Secret):
            words.add(whole := secret.get_secret_value())
            if inner := _INNER.fullmatch(whole):
                words |= {part for one in inner.groups() if one for part in (one, unquote(one))}
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(word, "*" * 10) if len(word) >= MIN_SECRET else text
    return clean_text(text, MAX_TEXT)
