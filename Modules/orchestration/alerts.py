"""Who is told of a bad night, and in which words: the settings as what Prefect's blocks take.

The texts are Jinja templates that the Prefect server fills in with the run (``flow_run``, ``flow``,
``event``). A mail server is written ``smtps://user:password@host:port`` (TLS from the first byte,
port 465), or ``smtp://…``: STARTTLS when there is a password (port 587), plain when there is none
(port 25, a relay of one's own). User and password are percent-encoded, as in any address.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, quote, unquote, urlencode, urlsplit

from Modules.words.errors import SettingsError

# Names in the Prefect server. What is called so is ours to change and to remove.
ZOMBIES: Final = "lindero-corridas-muertas"
AVISO: Final = "lindero-aviso-de-noche-mala"
BLOQUE_WEBHOOK: Final = "lindero-aviso-webhook"
BLOQUE_CORREO: Final = "lindero-aviso-correo"

HEARTBEAT_S: Final = 30  # PREFECT_FLOWS_HEARTBEAT_FREQUENCY of the worker; Prefect's minimum
ZOMBIE_AFTER_S: Final = 3 * HEARTBEAT_S
CON_AVISO: Final = "ConAviso"  # name of the state of a run that is done and has to be told of
BAD_EVENTS: Final = (
    "prefect.flow-run.Failed",
    "prefect.flow-run.Crashed",
    "prefect.flow-run.Cancelled",
    f"prefect.flow-run.{CON_AVISO}",
)

_PORTS: Final = {"ssl": 465, "starttls": 587, "insecure": 25}
_ADDRESS: Final = re.compile(r"[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+")

_ESTADO: Final = (
    "{% set estado = {'FAILED': 'falló', 'CRASHED': 'se cortó', 'CANCELLED': 'se canceló', "
    "'COMPLETED': 'terminó con un aviso'}"
    ".get(flow_run.state.type.value, flow_run.state.name) %}"
)
ASUNTO: Final = _ESTADO + "Lindero: {{ flow.name }} {{ estado }}"
TEXTO: Final = (
    _ESTADO + "{{ flow.name }} {{ estado }}.\n"
    "Corrida: {{ flow_run.name }}\n"
    "Estado: {{ flow_run.state.name }}\n"
    "Mensaje: {{ flow_run.state.message or 'sin mensaje' }}\n"
    "{% if flow_run.state.type.value != 'COMPLETED' %}Lo publicado antes sigue como estaba. "
    "{% endif %}Para ver qué hacer: lindero status"
)
# What Slack and Mattermost take, and a Teams workflow that posts it: {"text": …}
CUERPO_WEBHOOK: Final = (
    "{% set texto %}" + TEXTO + "{% endset %}" + "{{ {'text': texto | string} | tojson }}"
)


@dataclass(frozen=True, slots=True)
class Avisos:
    """Who is told; both addresses hold secrets. None: nobody is told that way."""

    webhook_url: str | None = field(default=None, repr=False)
    mail_url: str | None = field(default=None, repr=False)  # as Apprise writes it: mailtos://…

    def __bool__(self) -> bool:
        return self.webhook_url is not None or self.mail_url is not None


def read_avisos(webhook_url: str | None, email: str | None, smtp_url: str | None) -> Avisos:
    """Read the three settings of alerts; all may be missing.

    Raises:
        SettingsError: an address is no address, or only one half of the e-mail is set; names the
            variable, never its value.
    """
    if (email is None) != (smtp_url is None):
        missing = "LINDERO_ALERT_SMTP_URL" if smtp_url is None else "LINDERO_ALERT_EMAIL"
        raise SettingsError(
            f"{missing}: los avisos por correo necesitan la dirección y el servidor; completarla"
        )
    if webhook_url is not None:
        _check_webhook(webhook_url)
    if email is None or smtp_url is None:
        return Avisos(webhook_url)
    return Avisos(webhook_url, _mail_url(email, smtp_url))


def _check_webhook(url: str) -> None:
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        good = False
    if not good or re.search(r"\s", url):
        raise SettingsError(
            "LINDERO_ALERT_WEBHOOK_URL: no es una dirección http(s); por ejemplo "
            "LINDERO_ALERT_WEBHOOK_URL=https://hooks.example/…"
        )


def _mail_url(email: str, smtp_url: str) -> str:
    """The mail server and the address as one Apprise URL; never seen but by the block."""
    if _ADDRESS.fullmatch(email) is None:
        raise SettingsError(
            "LINDERO_ALERT_EMAIL: no es una dirección de correo; por ejemplo "
            "LINDERO_ALERT_EMAIL=campo@empresa.example"
        )
    parts, host, port = _smtp_parts(smtp_url)
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not (user + password).isascii():
        raise SettingsError("LINDERO_ALERT_SMTP_URL: usuario y contraseña tienen que ser ASCII")
    mode = "ssl" if parts.scheme == "smtps" else "starttls" if password else "insecure"
    login = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
    sender = user if _ADDRESS.fullmatch(user) else email
    query = urlencode({"smtp": host, "from": sender, "to": email, "mode": mode, "name": "Lindero"})
    scheme = "mailto" if mode == "insecure" else "mailtos"
    return f"{scheme}://{login}{host}:{port or _PORTS[mode]}/?{query}"


def _smtp_parts(smtp_url: str) -> tuple[SplitResult, str, int | None]:
    try:
        parts = urlsplit(smtp_url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if (
        not host
        or parts.scheme not in ("smtp", "smtps")
        or parts.path.strip("/")
        or parts.query
        or bool(parts.username) != bool(parts.password)
        or re.fullmatch(r"[a-z0-9.-]+", host) is None
    ):
        raise SettingsError(
            "LINDERO_ALERT_SMTP_URL: no es un servidor de correo; por ejemplo "
            "LINDERO_ALERT_SMTP_URL=smtps://usuario:contraseña@mail.empresa.example:465 (otros "
            "caracteres de usuario y contraseña se escriben %40, %2F …)"
        )
    return parts, host, port
