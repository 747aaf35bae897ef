"""The ways by which people are told: a webhook, a mail."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime
from functools import partial
from typing import Final

from Modules.orchestration.alerts import SMTP, WEBHOOK, Mail, call, reach, read_avisos
from Modules.settings import Settings
from Modules.watch.notice import Notice, as_mail, as_text
from Modules.words.errors import TellingFailed

MAIL_S: Final = 30.0  # a mail server makes strangers wait


def tell(settings: Settings, notice: Notice, *, skip: Collection[str] = ()) -> tuple[str, ...]:
    """Tell a notice in every way that is set, but for those in ``skip``; the ways that worked.

    Raises:
        SettingsError: a setting of alerts is wrong; nobody was told.
        TellingFailed: a way did not work, the others were tried; its ``told`` are those that did,
            ``skip`` included: what to skip when it is tried again.
    """
    avisos, ways = read_avisos(settings), dict[str, Callable[[], None]]()
    if (url := avisos.webhook_url) is not None:
        body = {"text": as_text(settings, notice)}  # Slack, Mattermost, a Teams workflow take it
        ways[WEBHOOK] = lambda: reach(WEBHOOK, lambda: call(url, body))
    if (mail := avisos.mail) is not None:
        ways[SMTP] = lambda: reach(SMTP, lambda: _send(settings, notice, mail), MAIL_S)
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


def _send(settings: Settings, notice: Notice, mail: Mail) -> None:
    import smtplib  # late, as what it loads: the watch is light until it has something to tell
    import ssl

    message = as_mail(settings, notice, mail, datetime.now(UTC))
    context = ssl.create_default_context()
    kind = partial(smtplib.SMTP_SSL, context=context) if mail.mode == "ssl" else smtplib.SMTP
    with kind(mail.host, mail.port, timeout=MAIL_S) as server:
        if mail.mode == "starttls":
            server.starttls(context=context)
        if mail.user:
            server.login(mail.user, mail.password)
        server.send_message(message)
