"""The settings of alerts: refused by name, never by value; and a mail server that takes them."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from Modules.orchestration.alerts import Avisos, read_avisos
from Modules.words.errors import SettingsError
from tests.scripts.mailbox import mailbox

EMAIL = "campo@empresa.example"


def test_nobody_is_told_where_nothing_is_set() -> None:
    assert not read_avisos(None, None, None)
    assert read_avisos("https://hooks.example/x?sig=1", None, None)


@pytest.mark.parametrize(
    ("smtp", "expected"),
    [
        ("smtp://relay.example", "mailto://relay.example:25/?smtp=relay.example"),
        ("smtps://u:p@mail.example", "mailtos://u:p@mail.example:465/?smtp=mail.example"),
        ("smtp://u:p@mail.example", "mailtos://u:p@mail.example:587/?smtp=mail.example"),
        ("smtp://u:p@mail.example:2525", "mailtos://u:p@mail.example:2525/?"),
    ],
)
def test_a_mail_server_becomes_an_address_of_apprise(smtp: str, expected: str) -> None:
    url = read_avisos(None, EMAIL, smtp).mail_url
    assert url is not None
    assert url.startswith(expected)
    assert "to=campo%40empresa.example" in url


def test_the_user_is_the_sender_where_it_is_an_address() -> None:
    url = read_avisos(None, EMAIL, "smtps://aviso%40empresa.example:p@mail.example").mail_url
    assert "from=aviso%40empresa.example" in str(url)
    url = read_avisos(None, EMAIL, "smtps://aviso:p@mail.example").mail_url
    assert "from=campo%40empresa.example" in str(url)


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
        (None, EMAIL, "mail.example:465", "LINDERO_ALERT_SMTP_URL"),
        (None, EMAIL, "https://mail.example", "LINDERO_ALERT_SMTP_URL"),
        (None, EMAIL, "smtp://canario@mail.example", "LINDERO_ALERT_SMTP_URL"),
        (None, EMAIL, "smtps://u:can/ario@mail.example", "LINDERO_ALERT_SMTP_URL"),
        (None, EMAIL, "smtps://u:canario%C3%B1@mail.example", "LINDERO_ALERT_SMTP_URL"),
        (None, EMAIL, "smtps://u:p@mail.example:canario", "LINDERO_ALERT_SMTP_URL"),
        (None, EMAIL, "smtps://u:p@mail.example/?canario=1", "LINDERO_ALERT_SMTP_URL"),
    ],
)
def test_what_cannot_work_is_refused_by_name_and_never_by_value(
    webhook: str | None, email: str | None, smtp: str | None, named: str
) -> None:
    with pytest.raises(SettingsError, match=named) as caught:
        read_avisos(webhook, email, smtp)
    assert "canario" not in str(caught.value)


def test_secrets_are_not_printed() -> None:
    avisos = read_avisos("https://hooks.example/canario", EMAIL, "smtps://u:canario@mail.example")
    assert avisos
    assert "canario" not in repr(avisos)
    assert isinstance(avisos, Avisos)


@pytest.mark.integration
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # of Apprise
def test_a_mail_server_with_tls_takes_user_and_password_of_any_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from apprise import Apprise

    certificate = _certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))  # the one that this machine trusts
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with mailbox(context) as box:
        login = "aviso%40empresa.example:p%40ss%2Fw%3Ard%25%20%26%3F"
        url = read_avisos(None, EMAIL, f"smtps://{login}@127.0.0.1:{box.port}").mail_url
        sender = Apprise()
        assert sender.add(str(url))
        assert sender.notify(title="Ñandú", body="falló")
    assert box.logins == [("aviso@empresa.example", "p@ss/w:rd% &?")]
    assert box.recipients == [EMAIL]
    assert box.messages[0]["Subject"] == "Ñandú"
    assert "aviso@empresa.example" in box.messages[0]["From"]


def _certificate(folder: Path) -> Path:
    """A certificate of its own for 127.0.0.1, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "loopback")])
    now = dt.datetime.now(dt.UTC)
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = folder / "loopback.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path
