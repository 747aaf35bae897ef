"""Each kind of notice as people get it: in the webhook's text, in both parts of the mail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from Modules.health.known import Facts, Programa, Publicacion, Run, Servidor
from Modules.health.rules import judge
from Modules.orchestration.alerts import read_avisos
from Modules.orchestration.deployments import BACKUP
from Modules.settings import Settings, read_settings
from Modules.watch.notice import Notice, as_html, as_mail, as_text, notice_of, over, run_url, tell
from Modules.words.finding import Finding
from Modules.words.secret import Secret
from tests.scripts.mailbox import Mailbox, Webhook, mailbox, webhook

CANARY = "canario-7f3a9c"
EMAIL = "campo@empresa.example"
AHORA = datetime(2026, 11, 20, 9, 12, tzinfo=UTC)
ZONE = ZoneInfo("America/Argentina/Buenos_Aires")
INTACTO = "enteros: son los de antes o los nuevos."
PUBLICADA = Publicacion("2026-11-20T060002Z-000042", "25/26", AHORA - timedelta(hours=3), "x")
BASE = {
    "lindero_company": "Campos del Sur & Cía SA",
    "lindero_host": "servidor-oficina",
    "lindero_campania": "25/26,26/27",
    "lindero_alert_email": EMAIL,
}


def settings(**more: str) -> Settings:
    return read_settings({**BASE, "lindero_alert_smtp_url": "smtp://127.0.0.1", **more})


def corrida(estado: str, mensaje: str = "") -> Facts:
    ended = AHORA - timedelta(hours=2)
    run = Run(BACKUP.flow, "25-26-prod-2026-11-20", estado, ended, ended, ended, mensaje)
    return Facts(AHORA, ZONE, publicada=None, servidor=Servidor("http://x", corridas=(run,)))


def said_by_status(code: str, facts: Facts) -> Finding:
    return next(one for one in judge(facts).findings if one.code == code)


ATRASADA = Servidor(
    "http://x",
    programas=(
        Programa(
            BACKUP.full_name,
            "todos los días a las 03:00",
            desplegado=True,
            proxima=AHORA + timedelta(hours=20),
            atrasadas=(AHORA - timedelta(hours=3),),
        ),
    ),
)
TERMINADA = {"que": "la 24/25 terminó y el portal tiene activa la 25/26", "hacer": "Cambiarla"}
RESTART = "lindero stack up, o docker compose up -d"
KINDS: dict[str, Finding] = {
    "failed": said_by_status("fallida", corrida("FAILED", "No se pudo llegar al portal.")),
    "cut": said_by_status("cortada", corrida("CRASHED", "El proceso murió.")),
    "cancelled": said_by_status("cancelada", corrida("CANCELLED", "Alguien la canceló.")),
    "late": said_by_status("atrasada", Facts(AHORA, ZONE, servidor=ATRASADA)),
    "pool not ready": Finding("El pool del worker está en pausa", code="pool", todo=RESTART),
    "no good night": Finding(
        "Falta una noche buena, que tenía que estar el 20/11/2026 06:30",
        code="sin_noche",
        todo="Ver",
    ),
    "redis": Finding("Redis no contesta", code="redis", todo=RESTART),
    "postgres": Finding("PostgreSQL no contesta", code="postgres", todo=RESTART),
    "services": Finding("services no da vueltas", code="services", todo=RESTART),
    "worker": Finding("El worker no da señales", code="worker", todo=RESTART),
    "redo": Finding(
        "La noche se cortó y se hace otra vez", code="otra_vez", todo="Nada: esperar a que termine"
    ),
    "with a warning": said_by_status(
        "campania_terminada", Facts(AHORA, ZONE, publicada=replace(PUBLICADA, terminada=TERMINADA))
    ),
}


class _Words(HTMLParser):
    """The text of a page, its links and its tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words, self.links, self.tags = (
            "",
            list[str](),
            list[tuple[str, dict[str, str | None]]](),
        )
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.links += [str(value) for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.words += data + " "


def flat(text: str) -> str:
    return " ".join(text.split())


def parts(mail: EmailMessage) -> tuple[str, str]:
    plain, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert html is not None
    return plain.get_content().replace("\r\n", "\n"), html.get_content()


@pytest.fixture(scope="module")
def caught() -> Iterator[tuple[Webhook, Mailbox]]:
    with webhook(f"/{CANARY}") as hook, mailbox() as box:
        yield hook, box


@pytest.mark.parametrize("kind", [*KINDS, "over"])
def test_each_kind_says_all_that_is_needed_in_every_way(
    kind: str, caught: tuple[Webhook, Mailbox]
) -> None:
    hook, box = caught
    told = settings(
        lindero_alert_webhook_url=hook.url,
        lindero_alert_smtp_url=f"smtp://127.0.0.1:{box.port}",
        lindero_page_url="https://prefect.empresa.example",
    )
    alarm = notice_of(KINDS.get(kind, KINDS["redis"]), kind, AHORA, run_url(told, "ab-12"))
    notice = over(alarm, AHORA + timedelta(minutes=9)) if kind == "over" else alarm
    tell(told, notice)

    mail = box.messages[-1]
    plain, html = parts(mail)
    page = _Words(html)
    headline = notice.what.rstrip(".")
    expected = [
        "Lindero Campos del Sur & Cía SA",
        headline,
        *notice.lines,
        f"Qué hacer: {notice.todo}",
        "Empresa: Campos del Sur & Cía SA",
        "Máquina: servidor-oficina",
        "Campaña configurada: 25/26, 26/27",
        "Corrida: https://prefect.empresa.example/runs/flow-run/ab-12",
        "20/11/2026 06:12",
    ]
    for one in expected:
        assert flat(one) in flat(plain), one
        assert flat(one.replace(": ", " ")) in flat(page.words.replace(": ", " ")), one
    assert hook.bodies[-1] == {"text": plain.rstrip("\n")}
    assert page.links == ["https://prefect.empresa.example/runs/flow-run/ab-12"]

    line = f"Lindero Campos del Sur & Cía SA: {headline}"
    assert mail["Subject"] == (line if len(line) <= 120 else f"{line[:119]}…")
    assert mail["From"].addresses[0].display_name == "Lindero Campos del Sur & Cía SA"
    assert mail["From"].addresses[0].addr_spec == EMAIL
    assert [one.addr_spec for one in mail["To"].addresses] == [EMAIL]
    assert re.fullmatch(r"<[0-9a-f]{24}@servidor-oficina>", mail["Message-ID"])
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    sent = parsedate_to_datetime(mail["Date"])
    assert abs(datetime.now(UTC) - sent) < timedelta(minutes=2)
    assert sent.utcoffset() == timedelta(hours=-3)
    assert CANARY not in f"{mail.as_string()} {plain} {html}"
    if kind == "over":
        assert headline.startswith("Ya está bien. Era: Redis no contesta")
        assert "Hasta: 20/11/2026 06:21" in plain
        assert "Desde: 20/11/2026 06:12" in plain
    elif kind == "with a warning":
        assert "La noche está guardada y publicada." in plain
    else:
        assert INTACTO in plain


def test_a_page_can_be_read_by_whoever_reads_by_ear_and_asks_nobody_for_anything() -> None:
    page = _Words(as_html(settings(), notice_of(KINDS["failed"], "x", AHORA)))
    tags = dict(page.tags)
    assert tags["html"] == {"lang": "es"}
    assert {"title", "h1"} <= set(tags)
    assert tags["th"]["scope"] == "row"
    assert page.links == []
    assert not {"img", "script", "link", "style"} & set(tags)


def test_the_link_leads_to_the_page_of_this_machine_where_no_other_is_told() -> None:
    assert run_url(settings(lindero_port="4201"), "a") == "http://127.0.0.1:4201/runs/flow-run/a"


def test_a_machine_and_a_company_that_nobody_named_do() -> None:
    told = read_settings({"lindero_campania": "actual"})
    text = as_text(told, notice_of(KINDS["redis"], "redis", AHORA))
    assert text.startswith("Lindero\n\nRedis no contesta.\n")
    assert "Empresa" not in text
    assert re.search(r"^Máquina: \S+$", text, re.MULTILINE)
    assert "Campaña configurada: actual" in text


SECRETS = {one.name for one in fields(Settings) if "Secret" in str(one.type)}
ANY = st.text(max_size=200)


def test_a_subject_comes_as_it_was_written_wherever_it_is_folded() -> None:
    mail = read_avisos(settings()).mail
    assert mail is not None
    for length in range(1, 110):
        what = ("á 20/11/2026 06:00 ñ " * 9)[:length].strip()
        made = as_mail(settings(), Notice("x", what, (), "", None, AHORA), mail, AHORA)
        got = message_from_bytes(bytes(made), policy=policy.default)
        assert (
            got["Subject"].removeprefix("Lindero Campos del Sur & Cía SA: ").startswith(what[:80])
        )


def test_no_part_of_a_secret_is_said_either() -> None:
    """Who refuses a password may quote it alone, as it was typed or as an address writes it."""
    told = settings(
        lindero_alert_smtp_url="smtps://ana%40campo.example:cl%40ve-larga@mail.example:465",
        lindero_alert_webhook_url="https://hooks.example/services/T0/B0/xyz",
        prefect_server_api_auth_string="admin:otra-cl@ve/lar:ga",
    )
    for part in ("cl@ve-larga", "cl%40ve-larga", "/services/T0/B0/xyz", "otra-cl@ve/lar:ga"):
        text = as_text(told, Notice("x", f"No sirve <{part}>", (), "", None, AHORA))
        assert part not in text
        assert "No sirve <**********>" in text


@given(what=ANY, line=ANY, todo=ANY, company=ANY, host=ANY, cause=ANY)
def test_whatever_is_said_comes_whole_on_one_line_each_and_no_secret_with_it(
    what: str, line: str, todo: str, company: str, host: str, cause: str
) -> None:
    secrets = {name: Secret(f"{CANARY}-{name}") for name in SECRETS}
    bare = read_settings({"lindero_alert_email": EMAIL, "lindero_alert_smtp_url": "smtp://m.x"})
    mail = read_avisos(bare).mail
    assert mail is not None
    told = replace(bare, lindero_company=company, lindero_host=host, **secrets)
    quoted = " ".join(secret.get_secret_value() for secret in secrets.values())
    notice = Notice(cause, f"{what}{quoted}", (f"{line}{quoted}",), quoted + todo, quoted, AHORA)
    for one in (notice, over(notice, AHORA)):
        made = as_mail(told, one, mail, AHORA)
        got = message_from_bytes(bytes(made), policy=policy.default)
        assert got.defects == []
        plain, html = parts(got)
        assert CANARY not in f"{got.as_string()}{plain}{html}"
        assert plain.rstrip("\n") == as_text(told, one)
        assert flat(_Words(html).words)
        assert got["Message-ID"] == made["Message-ID"]
        assert all(len(line) < 998 for line in bytes(made).splitlines())
        assert got["From"].addresses[0].addr_spec == EMAIL
        assert len(got["Subject"]) <= 120
