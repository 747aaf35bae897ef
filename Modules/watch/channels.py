"""The ways by which people are told: a webhook, a mail."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import UTC, datetime

from Modules.orchestration.alerts import MAIL_S, SMTP, WEBHOOK, call, reach, read_avisos, send_mail
from Modules.settings import Settings
from Modules.watch.notice import Notice, as_mail, as_text
from Modules.words.errors import TellingFailed


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
        message = as_mail(settings, notice, mail, datetime.now(UTC))
        ways[SMTP] = lambda: reach(SMTP, lambda: send_mail(mail, message), MAIL_S)
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
