"""The report of a good night as a mail and as a message for a chat, to each who is to get it once.

A day is told once, whatever runs again in it. Right before a report is handed over, the journal
``<state>/informe/25-26.jsonl`` says so, and then what became of it. What a server refused may be
tried again; what may have been taken is not handed over twice, whatever ended the process. The
journal knows people by hashes of their addresses.
"""

from __future__ import annotations

import hashlib
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from html import escape
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from Modules.disk.json_files import append_line, read_lines
from Modules.disk.safe_files import make_folder
from Modules.formats.report_page import Estado, Figura, Seccion, html_of, tabla, text_of
from Modules.orchestration import alerts
from Modules.orchestration.alerts import Mail
from Modules.settings import Settings
from Modules.words.errors import TellingFailed
from Modules.words.spanish import count

if TYPE_CHECKING:
    from email.mime.multipart import MIMEMultipart

    from Modules.jobs.products import Encargo
    from Modules.store.snapshot import Snapshot

BEGUN, TAKEN, REFUSED = "empieza", "mandado", "rechazado"
_NO_MENTION: Final = str.maketrans("<>@", "‹›＠")  # nobody is called by the name of a lote


@dataclass(frozen=True, slots=True)
class _Night:
    titulo: str
    estado: Estado
    sections: tuple[Seccion, ...]


def send(encargo: Encargo, snapshot: Snapshot, failed: Sequence[str]) -> str:
    """Tell tonight's report to whom ``LINDERO_INFORME_A`` names; what to say of it in the summary.

    ``failed``: the folders of products that could not be made.

    Raises:
        SettingsError: a setting of alerts is wrong; nobody was told.
        PublishError: the journal cannot be written; nobody was told.
        TellingFailed: somebody was not told, the others were.
    """
    settings, now = encargo.settings, datetime.now(UTC)
    avisos = alerts.read_avisos(settings)
    slug = encargo.fuente.campania.slug
    ways: dict[str, Callable[[_Night, Callable[[], None]], None]] = {
        mail.to: partial(_to_mail, settings, mail, slug) for mail in avisos.informe
    }
    if avisos.informe_chat:
        ways[alerts.CHAT] = partial(_to_chat, str(avisos.webhook_url))
    journal = settings.lindero_state_dir / "informe" / f"{slug}.jsonl"
    day = now.astimezone(settings.zone).date().isoformat()
    last = {
        line.get("a"): line.get("que") for line in read_lines(journal) if line.get("dia") == day
    }
    left = [to for to in ways if last.get(_hashed(to)) in (None, REFUSED)]
    cut = sum(last.get(_hashed(to)) == BEGUN for to in ways)
    said = f"Informe: a {count(cut, 'destinatario', 'destinatarios')} no se sabe si salió; hoy no "
    unknown = f"{said}se manda otra vez." if cut else ""
    if not left:
        return unknown
    make_folder(journal.parent)
    night, problems = _night(encargo, snapshot, failed), list[str]()
    for at, to in enumerate(ways, start=1):  # no text of ours holds an address
        if to in left and (
            said := _told(partial(ways[to], night), partial(_note, journal, day, to))
        ):
            problems.append(f"{alerts.REPORT}, destinatario {at}: {said}")
    if problems:
        raise TellingFailed("; ".join(problems))
    sent = f"Informe mandado a {count(len(left), 'destinatario', 'destinatarios')}."
    return " ".join(filter(None, (sent, unknown)))


def _told(work: Callable[[Callable[[], None]], None], note: Callable[[str], None]) -> str:
    """Hand a report over, twice at most and once where it may have been taken; why it was not."""
    said = ""
    for pause in (alerts.PAUSE_S, 0):
        attempt, lock = dict.fromkeys(("open",)), Lock()

        def begins(attempt: dict[str, None] = attempt, lock: Lock = lock) -> None:
            with lock:
                if "open" not in attempt:
                    raise TimeoutError  # it came to this too late: nobody waits for it
                note(BEGUN)
                attempt[BEGUN] = None

        try:
            alerts.in_time(partial(work, begins), 2 * alerts.MAIL_S)
        except Exception as err:  # noqa: BLE001 - of any kind, and it may quote the address
            with lock:
                del attempt["open"]
            said = alerts.why_not(err, 2 * alerts.MAIL_S)
            if attempt and not _refused(err):
                return f"{said}; puede haber salido: hoy no se manda otra vez"
            if attempt:
                note(REFUSED)
        else:
            note(TAKEN)
            return ""
        time.sleep(pause)
    return said


def _refused(err: Exception) -> bool:
    """Whether the other side surely took nothing."""
    import smtplib
    from urllib.error import HTTPError, URLError

    if isinstance(err, HTTPError):
        return err.code < 500
    cause = err.reason if isinstance(err, URLError) else err
    sure = (smtplib.SMTPResponseException, smtplib.SMTPRecipientsRefused, ConnectionRefusedError)
    return isinstance(cause, (*sure, socket.gaierror))


def _hashed(to: str) -> str:
    return hashlib.sha256(to.encode()).hexdigest()[:16]


def _note(journal: Path, day: str, to: str, what: str) -> None:
    append_line(journal, {"dia": day, "a": _hashed(to), "que": what})


def _night(encargo: Encargo, snapshot: Snapshot, failed: Sequence[str]) -> _Night:
    """Tonight's report: of a night that equals another what itself found, so no change."""
    from Modules.jobs.products import source_of
    from Modules.products.informe.sections import estado_of, morning_of, titulo_of

    of = encargo.fuente
    fuente = source_of(encargo.store, snapshot, of.tables, of.zone, of.numeros)
    fuente = replace(fuente, changes=fuente.changes.contadas())  # a mail stays short
    estado = estado_of(fuente)
    if failed:
        said = f"{estado.texto} Pero no se pudo hacer, y quedó lo de antes: {', '.join(failed)}."
        estado = replace(estado, texto=said, bien=False)
    *sections, last = morning_of(fuente)
    files = [(link.texto, link.ruta.removeprefix("../")) for link in last.enlaces]
    own = ("Este informe, para guardar o imprimir", f"informe/informe_{of.campania.slug}.pdf")
    listed = tabla("En la carpeta de los productos", ("Para qué", "Archivo"), [own, *files])
    where = Seccion("productos", "Dónde está todo", (), listed)
    return _Night(titulo_of(fuente), estado, (*sections, where))


def _to_mail(
    settings: Settings, mail: Mail, slug: str, night: _Night, begins: Callable[[], None]
) -> None:
    alerts.send_mail(mail, as_mail(settings, mail, slug, night, datetime.now(UTC)), begins)


def as_mail(
    settings: Settings, mail: Mail, slug: str, night: _Night, now: datetime
) -> MIMEMultipart:
    """The report as text, and as a page with its drawings inside: nothing is fetched."""
    from email.mime.image import MIMEImage
    from email.mime.multipart import MIMEMultipart
    from email.mime.text import MIMEText

    from Modules.products.informe.product import png

    message = MIMEMultipart("alternative")
    who = f"Lindero {settings.lindero_company}".strip()
    what, _, _ = night.estado.texto.partition(":")
    alerts.headed(message, settings, mail, (who, f"{what} · {night.titulo}"), now)
    day = now.astimezone(settings.zone).date().isoformat()
    message["Message-ID"] = alerts.message_id(settings, "informe", slug, day, mail.to)
    text = text_of(night.titulo, night.sections, night.estado)
    message.attach(MIMEText(text, "plain", "utf-8"))
    related = MIMEMultipart("related")

    def shown(one: Figura) -> str:
        return f'<img src="cid:{one.id}" width="{one.ancho}" alt="{escape(one.texto)}">'

    page = html_of(night.titulo, night.sections, estado=night.estado, dibujo=shown)
    related.attach(MIMEText(page, "html", "utf-8"))
    for one in (figura for section in night.sections for figura in section.figuras):
        picture = MIMEImage(png(one), "png")
        picture["Content-ID"] = f"<{one.id}>"
        picture["Content-Disposition"] = "inline"
        related.attach(picture)
    message.attach(related)
    return message


def as_chat(night: _Night) -> str:
    """What a chat shows: how it was, what to look at, and a line of each section."""
    look, *others, _ = night.sections
    lines = [f"{at}. {said}" for at, said in enumerate(look.puntos, start=1)]
    each = [f"{one.titulo}: {one.frases[0]}" for one in others]
    parts = (night.titulo, night.estado.texto, "\n".join(lines or look.frases), "\n".join(each))
    return "\n\n".join(parts).translate(_NO_MENTION)


def _to_chat(url: str, night: _Night, begins: Callable[[], None]) -> None:
    begins()
    alerts.call(url, {"text": as_chat(night)})
