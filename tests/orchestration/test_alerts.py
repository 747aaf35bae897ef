"""The settings of alerts: what they say, and refused by name, never by value."""

from __future__ import annotations

import pytest

from Modules.orchestration.alerts import Avisos, read_avisos
from Modules.settings import read_settings
from Modules.words.errors import SettingsError

EMAIL = "campo@empresa.example"


def avisos(
    webhook: str | None = None,
    email: str | None = None,
    smtp: str | None = None,
    outside: str | None = None,
) -> Avisos:
    told = {
        "lindero_alert_webhook_url": webhook,
        "lindero_alert_email": email,
        "lindero_alert_smtp_url": smtp,
        "lindero_watch_url": outside,
    }
    return read_avisos(read_settings({name: text for name, text in told.items() if text}))


def test_nobody_is_told_where_nothing_is_set() -> None:
    assert avisos() == Avisos(None, None, None)
    assert avisos("https://hooks.example/x?sig=1").webhook_url == "https://hooks.example/x?sig=1"
    assert avisos(outside="http://127.0.0.1:8000/x").watch_url == "http://127.0.0.1:8000/x"


@pytest.mark.parametrize(
    ("smtp", "expected"),
    [
        ("smtp://relay.example", ("relay.example", 25, "plain", "", "")),
        ("smtp://relay.example/", ("relay.example", 25, "plain", "", "")),
        ("smtps://u:p@mail.example", ("mail.example", 465, "ssl", "u", "p")),
        ("smtp://u:p@mail.example", ("mail.example", 587, "starttls", "u", "p")),
        ("smtp://u:p@mail.example:2525", ("mail.example", 2525, "starttls", "u", "p")),
        ("smtps://a%40b.c:p%40%2F:%25@m.x", ("m.x", 465, "ssl", "a@b.c", "p@/:%")),
    ],
)
def test_a_mail_server_is_its_parts(smtp: str, expected: tuple[object, ...]) -> None:
    mail = avisos(email=EMAIL, smtp=smtp).mail
    assert mail is not None
    assert (mail.host, mail.port, mail.mode, mail.user, mail.password) == expected
    assert mail.to == EMAIL


def test_the_user_is_the_sender_where_it_is_an_address() -> None:
    for user, sender in (("aviso%40empresa.example", "aviso@empresa.example"), ("aviso", EMAIL)):
        mail = avisos(email=EMAIL, smtp=f"smtps://{user}:p@mail.example").mail
        assert mail is not None
        assert mail.sender == sender


@pytest.mark.parametrize(
    ("webhook", "email", "smtp", "named"),
    [
        (None, EMAIL, None, "LINDERO_ALERT_SMTP_URL"),
        (None, None, "smtp://canario", "LINDERO_ALERT_EMAIL"),
        (None, "no es una dirección", "smtp://mail.example", "LINDERO_ALERT_EMAIL"),
        (None, "a@b.example, c@d.example", "smtp://mail.example", "LINDERO_ALERT_EMAIL"),
        ("ftp://canario/x", None, None, "LINDERO_ALERT_WEBHOOK_URL"),
        ("https://", None, None, "LINDERO_ALERT_WEBHOOK_URL"),
        ("https://hooks.example/ca nario", None, None, "LINDERO_ALERT_WEBHOOK_URL"),
        ("https://[canario", None, None, "LINDERO_ALERT_WEBHOOK_URL"),
        ("https://canario:x@hooks.example", None, None, "LINDERO_ALERT_WEBHOOK_URL"),
        ("https://hooks.example/canariñ", None, None, "LINDERO_ALERT_WEBHOOK_URL"),
        (None, EMAIL, "mail.example:465", "LINDERO_ALERT_SMTP_URL"),
        (None, EMAIL, "https://mail.example", "LINDERO_ALERT_SMTP_URL"),
        (None, EMAIL, "smtp://canario@mail.example", "LINDERO_ALERT_SMTP_URL"),
        (None, EMAIL, "smtps://u:can/ario@mail.example", "LINDERO_ALERT_SMTP_URL"),
        (None, EMAIL, "smtps://u:canario%C3%B1@mail.example", "LINDERO_ALERT_SMTP_URL"),
        (None, EMAIL, "smtps://u:p@mail.example:canario", "LINDERO_ALERT_SMTP_URL"),
        (None, EMAIL, "smtps://u:p@mail.example/?canario=1", "LINDERO_ALERT_SMTP_URL"),
        (None, EMAIL, "smtps://u:canario@mail.example:70000", "LINDERO_ALERT_SMTP_URL"),
    ],
)
def test_what_cannot_work_is_refused_by_name_and_never_by_value(
    webhook: str | None, email: str | None, smtp: str | None, named: str
) -> None:
    with pytest.raises(SettingsError, match=named) as caught:
        avisos(webhook, email, smtp)
    assert "canario" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["ftp://canario/x", "https://u:canario@x.example", "https://x.example/canario\n", "ñ"]
)
def test_an_outside_watch_that_cannot_be_asked_is_refused_by_name(url: str) -> None:
    with pytest.raises(SettingsError, match="LINDERO_WATCH_URL") as caught:
        avisos(outside=url)
    assert "canario" not in str(caught.value)


def test_secrets_are_not_printed() -> None:
    hook, server = "https://hooks.example/canario", "smtps://u:canario@mail.example"
    assert "canario" not in repr(avisos(hook, EMAIL, server, hook))
