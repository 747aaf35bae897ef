"""Notices told over real HTTP and SMTP: what arrives, what is said of what does not."""

from __future__ import annotations

import logging
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from Modules.orchestration import alerts
from Modules.settings import Settings, read_settings
from Modules.watch.notice import Notice, over, tell
from Modules.words.errors import SettingsError, TellingFailed
from tests.scripts.mailbox import certificate, mailbox, webhook

CANARY = "canario-7f3a9c"
EMAIL = "campo@empresa.example"
CUANDO = datetime(2026, 11, 20, 6, 12, tzinfo=UTC)
NOTICE = Notice("redis", "Redis no contesta", ("Ñandú <&>",), "Mirar", "http://x/run/1", CUANDO)


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alerts, "PAUSE_S", 0.01)


def told(**texts: str) -> Settings:
    return read_settings({f"lindero_{name}": text for name, text in texts.items()})


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def context(pem: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A server's, of a certificate that this machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


def refused(settings: Settings, caplog: pytest.LogCaptureFixture) -> TellingFailed:
    """What ``tell`` raises; neither it, what it came from, nor any log holds the secret."""
    with caplog.at_level(logging.DEBUG), pytest.raises(TellingFailed) as caught:
        tell(settings, NOTICE)
    error = caught.value
    assert error.__cause__ is None
    assert error.__context__ is None
    assert CANARY not in f"{error!r} {caplog.text}"
    return error


def test_both_are_told_the_same() -> None:
    with webhook(f"/{CANARY}") as hook, mailbox() as box:
        server = f"smtp://127.0.0.1:{box.port}"
        settings = told(alert_webhook_url=hook.url, alert_email=EMAIL, alert_smtp_url=server)
        assert tell(settings, NOTICE) == (alerts.WEBHOOK, alerts.SMTP)
        (mail,) = box.messages
        text = mail.get_body(("plain",))
        assert text is not None
        assert hook.bodies == [{"text": text.get_content().replace("\r\n", "\n").rstrip("\n")}]
        assert hook.types == ["application/json"]
        assert "Ñandú <&>" in hook.bodies[0]["text"]
        assert box.recipients == [EMAIL]
        assert (box.logins, "STARTTLS" in box.verbs) == ([], False)


def test_who_is_told_already_is_skipped_when_it_is_tried_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with webhook(f"/{CANARY}") as hook, mailbox() as box:
        server = f"smtp://u:{CANARY}@127.0.0.1:{box.port}"
        settings = told(alert_webhook_url=hook.url, alert_email=EMAIL, alert_smtp_url=server)
        error = refused(settings, caplog)
        assert str(error) == (
            "LINDERO_ALERT_SMTP_URL: no ofrece STARTTLS o usuario, y sin eso no se le manda; "
            "LINDERO_ALERT_WEBHOOK_URL: avisado"
        )
        assert error.told == (alerts.WEBHOOK,)
        assert (len(hook.bodies), box.messages, box.logins) == (1, [], [])
        settings = told(
            alert_webhook_url=hook.url,
            alert_email=EMAIL,
            alert_smtp_url=f"smtp://127.0.0.1:{box.port}",
        )
        assert tell(settings, NOTICE, skip=error.told) == (alerts.WEBHOOK, alerts.SMTP)
        assert (len(hook.bodies), len(box.messages)) == (1, 1)


def test_nobody_is_told_where_nothing_is_set_and_wrong_settings_are_refused() -> None:
    assert tell(told(), NOTICE) == ()
    with pytest.raises(SettingsError, match="LINDERO_ALERT_EMAIL"):
        tell(told(alert_smtp_url="smtp://127.0.0.1"), NOTICE)


@pytest.mark.parametrize("mode", ["ssl", "starttls"])
def test_a_mail_server_with_tls_takes_user_and_password_of_any_characters(
    mode: str, context: ssl.SSLContext
) -> None:
    with mailbox(context) if mode == "ssl" else mailbox(starttls=context) as box:
        login = "aviso%40empresa.example:p%40ss%2Fw%3Ard%25%20%26%3F"
        scheme = "smtps" if mode == "ssl" else "smtp"
        server = f"{scheme}://{login}@127.0.0.1:{box.port}"
        assert tell(told(alert_email=EMAIL, alert_smtp_url=server), NOTICE)
    assert box.logins == [("aviso@empresa.example", "p@ss/w:rd% &?")]
    assert (box.verbs.index("STARTTLS") < box.verbs.index("AUTH")) if mode == "starttls" else True
    assert box.messages[0]["From"].addresses[0].addr_spec == "aviso@empresa.example"


def test_a_certificate_that_nobody_vouches_for_is_sent_no_password(
    pem: Path, caplog: pytest.LogCaptureFixture
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with mailbox(starttls=context) as box:
        server = f"smtp://u:{CANARY}@127.0.0.1:{box.port}"
        error = refused(told(alert_email=EMAIL, alert_smtp_url=server), caplog)
    assert "no se confía en su certificado" in str(error)
    assert box.logins == []


@pytest.mark.parametrize(
    ("verb", "answer", "said"),
    [
        ("AUTH", f"535 {CANARY} no", "rechaza usuario o contraseña (535)"),
        ("MAIL", f"550 {CANARY} no", "contesta 550"),
        ("RCPT", f"550 {CANARY} no", "no acepta el destinatario"),
        ("DATA", f"451 {CANARY} later", "contesta 451"),
        ("EHLO", f"421 {CANARY} busy", "contesta 421"),
    ],
)
def test_what_a_mail_server_refuses_is_said_without_its_words(
    verb: str, answer: str, said: str, context: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    with mailbox(context) as box:
        box.refusals[verb] = answer
        box.refusals["HELO"] = answer
        server = f"smtps://u:{CANARY}@127.0.0.1:{box.port}"
        error = refused(told(alert_email=EMAIL, alert_smtp_url=server), caplog)
    assert str(error) == f"LINDERO_ALERT_SMTP_URL: {said}"
    assert box.verbs.count(verb) == 2  # tried twice, no more
    assert box.messages == []


@pytest.mark.parametrize(
    ("status", "said"), [(404, "contesta 404"), (500, "contesta 500"), (302, "contesta 302")]
)
def test_a_webhook_that_does_not_take_it_is_tried_twice_and_nothing_is_followed(
    status: int, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    with webhook(f"/{CANARY}") as hook:
        hook.status = status
        error = refused(told(alert_webhook_url=hook.url), caplog)
        assert str(error) == f"LINDERO_ALERT_WEBHOOK_URL: {said}"
        assert (len(hook.bodies), hook.gets) == (2, [])


def test_where_nobody_listens_that_is_said(caplog: pytest.LogCaptureFixture) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        port = taken.getsockname()[1]
        url = f"http://127.0.0.1:{port}/{CANARY}"
        server = f"smtp://u:{CANARY}@127.0.0.1:{port}"
        settings = told(alert_webhook_url=url, alert_email=EMAIL, alert_smtp_url=server)
        error = refused(settings, caplog)
    assert str(error) == (
        "LINDERO_ALERT_WEBHOOK_URL: nadie contesta ahí; LINDERO_ALERT_SMTP_URL: nadie contesta ahí"
    )
    assert error.told == ()


@pytest.fixture
def dripping() -> Iterator[int]:
    """A port that sends a byte now and then and never ends a line: no timeout ends that."""
    end = threading.Event()

    def drip(listener: socket.socket) -> None:
        with closing(listener):
            peers = []
            while not end.wait(0.05):
                listener.settimeout(0.01)
                with suppress(TimeoutError):
                    peers.append(listener.accept()[0])
                for peer in peers:
                    with suppress(OSError):
                        peer.send(b"2")
            for peer in peers:
                peer.close()

    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=drip, args=(listener,))
    thread.start()
    yield listener.getsockname()[1]
    end.set()
    thread.join(10)


def test_a_server_that_drips_costs_no_more_than_its_limit(
    dripping: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(alerts, "MAIL_S", 0.3)
    server = f"smtp://u:{CANARY}@127.0.0.1:{dripping}"
    start = time.monotonic()
    error = refused(told(alert_email=EMAIL, alert_smtp_url=server), caplog)
    assert time.monotonic() - start < 3
    assert str(error) == "LINDERO_ALERT_SMTP_URL: no contesta en 0 segundos"


def test_ya_esta_bien_stands_below_its_alarm() -> None:
    with mailbox() as box:
        settings = told(alert_email=EMAIL, alert_smtp_url=f"smtp://127.0.0.1:{box.port}")
        later = CUANDO + timedelta(minutes=7)
        tell(settings, NOTICE)
        tell(settings, over(NOTICE, later))
        tell(settings, replace(NOTICE, cause="otra"))
    alarm, well, other = box.messages
    assert well["In-Reply-To"] == alarm["Message-ID"]
    assert alarm["Message-ID"] in well["References"].split()
    assert well["Subject"] == "Lindero: Ya está bien. Era: Redis no contesta"
    assert len({mail["Message-ID"] for mail in box.messages}) == 3
    assert "In-Reply-To" not in alarm
    assert not set(other["References"].split()) & set(alarm["References"].split())
