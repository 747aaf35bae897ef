"""Who is told of a bad night, or of every one, and how: an address, a mail server.

A mail server is written ``smtps://user:password@host:port`` (TLS from the first byte, port 465), or
``smtp://…``: STARTTLS when there is a password (port 587), plain when there is none (port 25, a
relay of one's own). User and password are percent-encoded, as in any address. ``Modules.watch``
tells people, the night itself the outside watch. No text ever holds an address: a setting is named.
"""

from __future__ import annotations

import json
import re
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from Modules.settings import Settings
from Modules.words.errors import SettingsError, TellingFailed
from Modules.words.secret import Secret
from Modules.words.spanish import cut, why

if TYPE_CHECKING:
    from email.mime.multipart import MIMEMultipart

WEBHOOK: Final = "LINDERO_ALERT_WEBHOOK_URL"
SMTP: Final = "LINDERO_ALERT_SMTP_URL"
OUTSIDE: Final = "LINDERO_WATCH_URL"
REPORT: Final = "LINDERO_INFORME_A"
CHAT: Final = "chat"  # among those of the report: the webhook of the alerts
LIMIT_S: Final = 15.0  # of one attempt, slow names and slow answers included; there are two
MAIL_S: Final = 30.0  # a mail server makes strangers wait
PAUSE_S: Final = 1.0
MAX_SUBJECT: Final = 120  # characters
_PORTS: Final = {"ssl": 465, "starttls": 587, "plain": 25}
_ADDRESS: Final = re.compile(r"[^@\s,;<>\"]+@[^@\s,;<>\"]+\.[^@\s,;<>\"]+")
_SERVER: Final = re.compile(
    r"(smtps?)://(?:([^\s/?#@:]+):([^\s/?#@]+)@)?([A-Za-z0-9.-]+)(?::(\d+))?/?"
)


@dataclass(frozen=True, slots=True)
class Mail:
    """A mailbox and the server that takes its mail; ``mode``: ssl, starttls or plain."""

    to: str
    sender: str
    host: str
    port: int
    mode: str
    user: str = field(repr=False)
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Avisos:
    """Who is told. None: nobody is told that way. ``informe``: who gets each good night's."""

    webhook_url: str | None = field(default=None, repr=False)
    mail: Mail | None = None
    watch_url: str | None = field(default=None, repr=False)
    informe: tuple[Mail, ...] = ()
    informe_chat: bool = False


def read_avisos(settings: Settings) -> Avisos:
    """Read the settings of alerts; all may be missing.

    Raises:
        SettingsError: an address is no address, or only one half of the e-mail is set; names the
            variable, never its value.
    """
    email, server = settings.lindero_alert_email, settings.lindero_alert_smtp_url
    asked = dict.fromkeys(filter(None, map(str.strip, settings.lindero_informe_a.split(","))))
    chat = asked.pop(CHAT, 0) is None
    if (asked and server is None) or (chat and settings.lindero_alert_webhook_url is None):
        missing = SMTP if asked and server is None else WEBHOOK
        raise SettingsError(f"{missing}: hace falta para mandar el informe ({REPORT})")
    if (email is None) != (server is None) and not (email is None and asked):
        missing = SMTP if server is None else "LINDERO_ALERT_EMAIL"
        raise SettingsError(
            f"{missing}: los avisos por correo necesitan la dirección y el servidor; completarla"
        )
    return Avisos(
        _url(WEBHOOK, settings.lindero_alert_webhook_url),
        None if email is None or server is None else _mail(email, server.get_secret_value()),
        _url(OUTSIDE, settings.lindero_watch_url),
        tuple(_mail(to, server.get_secret_value(), REPORT, email) for to in asked if server),
        chat,
    )


def ping(settings: Settings) -> None:
    """Tell the outside watch, if there is one, that a night went well; raises as ``reach``."""
    if (url := _url(OUTSIDE, settings.lindero_watch_url)) is not None:
        reach(OUTSIDE, lambda: call(url))


def call(url: str, body: Mapping[str, str] | None = None) -> None:
    """GET an address, or POST JSON to it; a redirect is refused: it would drop what is posted."""
    from urllib.request import HTTPRedirectHandler, Request, build_opener

    class Refuse(HTTPRedirectHandler):
        def redirect_request(self, *_: object) -> None:
            return None

    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "lindero"}
    request = Request(url, data, headers)  # noqa: S310 - http or https: _url
    build_opener(Refuse).open(request, timeout=LIMIT_S).close()


def reach(name: str, work: Callable[[], None], limit_s: float = LIMIT_S) -> None:
    """Do what speaks to the outside, twice at most; each try has its limit.

    Raises:
        TellingFailed: it came to nothing; the text has ``name`` and the reason, no secret.
    """
    said = ""
    for pause in (PAUSE_S, 0):
        try:
            return in_time(work, limit_s)
        except Exception as err:  # noqa: BLE001 - of any kind, and it may quote the address
            said = why_not(err, limit_s)
        time.sleep(pause)
    raise TellingFailed(f"{name}: {said}")


def in_time(work: Callable[[], None], limit_s: float) -> None:
    """Do it once; looking up a name, or a server that drips, has no limit of its own."""
    from multiprocessing.pool import ThreadPool

    with ThreadPool(1) as thread:
        thread.apply_async(work).get(limit_s)


def send_mail(
    mail: Mail, message: MIMEMultipart, begins: Callable[[], None] = lambda: None
) -> None:
    """Hand a message to the mail server; ``begins`` is called when nothing else is left to do."""
    import smtplib  # late, as what it loads: the watch is light until it has something to tell
    import ssl

    context = ssl.create_default_context()
    kind = partial(smtplib.SMTP_SSL, context=context) if mail.mode == "ssl" else smtplib.SMTP
    with closing(kind(mail.host, mail.port, timeout=MAIL_S)) as server:
        if mail.mode == "starttls":
            server.starttls(context=context)
        if mail.user:
            server.login(mail.user, mail.password)
        begins()
        server.send_message(message)
        with suppress(OSError):  # it is taken, whatever is said at the door
            server.quit()


def headed(
    message: MIMEMultipart, settings: Settings, mail: Mail, subject: tuple[str, str], now: datetime
) -> None:
    """Give a mail its headers; ``subject`` is from whom and of what, ``now`` when it is sent."""
    from email.header import Header  # EmailMessage folds some subjects with a blank too many
    from email.utils import format_datetime, formataddr

    line = ": ".join(subject)
    message["From"] = formataddr((subject[0], mail.sender))
    message["To"] = mail.to
    message["Subject"] = Header(cut(line, MAX_SUBJECT), "utf-8", header_name="Subject").encode()
    message["Date"] = format_datetime(now.astimezone(settings.zone))
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody answers that he is away


def message_id(settings: Settings, *cause: str) -> str:
    """The name of a mail: the same for the same cause, so that one sent twice is one."""
    host = re.sub(r"[^A-Za-z0-9-]+", ".", settings.lindero_host or socket.gethostname())
    name = sha256("|".join(cause).encode()).hexdigest()[:24]
    return f"<{name}@{host.strip('.-') or 'lindero'}>"


def why_not(err: Exception, limit_s: float) -> str:
    """What came of trying to reach the outside, without a word of the other side's."""
    import multiprocessing
    import smtplib
    import ssl
    from urllib.error import HTTPError, URLError

    late = f"no contesta en {limit_s:.0f} segundos"
    cause = err.reason if type(err) is URLError and isinstance(err.reason, OSError) else err
    table: tuple[tuple[type[Exception], str], ...] = (
        (HTTPError, "contesta {code}"),
        (smtplib.SMTPAuthenticationError, "rechaza usuario o contraseña ({smtp_code})"),
        (smtplib.SMTPResponseException, "contesta {smtp_code}"),
        (smtplib.SMTPRecipientsRefused, "no acepta el destinatario"),
        (smtplib.SMTPNotSupportedError, "no ofrece STARTTLS o usuario, y sin eso no se le manda"),
        (TimeoutError, late),
        (multiprocessing.TimeoutError, late),
        (ssl.SSLError, "no se confía en su certificado, o no es ése el puerto de TLS"),
        (socket.gaierror, "no se encuentra ese servidor"),
    )
    if isinstance(cause, HTTPError):
        cause.close()  # it is the answer too
    for kind, said in table:
        if isinstance(cause, kind):
            return said.format_map(vars(cause))
    if isinstance(cause, OSError) and cause.errno:
        return why(cause)
    return f"no se entiende con él ({type(cause).__name__})"


def _url(name: str, secret: Secret | None) -> str | None:
    if secret is None:
        return None
    url = secret.get_secret_value()
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good = False
    if not good or "@" in parts.netloc or not re.fullmatch(r"[!-~]+", url):
        raise SettingsError(
            f"{name}: no es una dirección http(s), en ASCII y sin usuario; por ejemplo "
            f"{name}=https://hooks.example/…"
        )
    return url


def _mail(
    email: str, server: str, name: str = "LINDERO_ALERT_EMAIL", sender: str | None = None
) -> Mail:
    if _ADDRESS.fullmatch(email) is None or not email.isascii():
        raise SettingsError(
            f"{name}: no es una dirección de correo; por ejemplo {name}=campo@empresa.example"
        )
    found = _SERVER.fullmatch(server)
    if found is None or not 0 < int(found[5] or 1) < 1 << 16:
        raise SettingsError(
            f"{SMTP}: no es un servidor de correo; por ejemplo "
            f"{SMTP}=smtps://usuario:contraseña@mail.empresa.example:465 (otros caracteres de "
            "usuario y contraseña se escriben %40, %2F …)"
        )
    user, password = unquote(found[2] or ""), unquote(found[3] or "")
    if not (user + password).isascii():
        raise SettingsError(f"{SMTP}: usuario y contraseña tienen que ser ASCII")
    mode = "ssl" if found[1] == "smtps" else "starttls" if password else "plain"
    sender = user if _ADDRESS.fullmatch(user) else sender or email
    return Mail(email, sender, found[4], int(found[5] or _PORTS[mode]), mode, user, password)
