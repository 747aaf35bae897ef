"""The report of a night told over real SMTP and HTTP: read back, once a day, nothing personal."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from aiosmtpd.controller import Controller

from Modules.disk.json_files import read_lines
from Modules.jobs.outcome import Outcome, Resultado
from Modules.jobs.products import Encargo
from Modules.orchestration import alerts, morning, stages
from Modules.orchestration.alerts import read_avisos
from Modules.products.source import Fuente
from Modules.settings import Settings, read_settings
from Modules.store.snapshot import Snapshot
from Modules.store.snapshots import SnapshotStore
from Modules.words.domain import Modo
from Modules.words.errors import SettingsError, TellingFailed
from tests.productos_hechos import LATER, SEASON, encargo_of, keep, settings_below
from tests.scripts.mailbox import webhook

ROOT = Path(__file__).resolve().parents[2]
HANGS_UP = "hangs up"
ANA, LUIS = "ana@empresa.example", "luis@empresa.example"
CUIT, RENSPA, SAID = "30-71234567-9", "21.777.0.00012/88", "llamar a Juan 11-5555-0000"


@dataclass
class Handler:
    """What a real mail server took; ``answers`` are given to DATA instead of taking it."""

    mails: list[EmailMessage] = field(default_factory=list)
    rcpts: list[list[str]] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)

    async def handle_DATA(  # noqa: N802 - as aiosmtpd calls it
        self, server: Any, _session: Any, envelope: Any
    ) -> str:
        if self.answers and self.answers[0] != HANGS_UP:
            return self.answers.pop(0)
        self.rcpts.append(envelope.rcpt_tos)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        if self.answers:
            self.answers.pop()
            server.transport.abort()  # it took the mail, and nobody will ever know
        return "250 OK"


@contextmanager
def server() -> Iterator[tuple[Handler, str]]:
    handler = Handler()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(handler, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        yield handler, f"smtp://127.0.0.1:{port}"
    finally:
        controller.stop()


@dataclass(frozen=True)
class House:
    settings: Settings
    snapshot: Snapshot

    def encargo(self, to: str, smtp: str = "", hook: str = "") -> Encargo:
        given = {"lindero_informe_a": to, "lindero_company": "Campos del Sur"}
        given |= {"lindero_alert_smtp_url": smtp} if smtp else {}
        given |= {"lindero_alert_webhook_url": hook} if hook else {}
        read = read_settings(given)
        named = {name: getattr(read, name) for name in given}
        return encargo_of(replace(self.settings, **named))


@pytest.fixture
def house(demo_fuente: Fuente, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(alerts, "PAUSE_S", 0)
    settings, tables = settings_below(tmp_path), demo_fuente.tables
    campos = tables.campos.assign(
        cuit=pd.array([CUIT] * len(tables.campos), dtype="string"),
        renspa=pd.array([RENSPA] * len(tables.campos), dtype="string"),
    )
    marks = tables.marcadores.assign(
        observacion=pd.array([SAID] * len(tables.marcadores), dtype="string")
    )
    tables = replace(tables, campos=campos, marcadores=marks)
    first = keep(settings, tables)
    lotes = tables.lotes.copy()
    moved = lotes.geometry.iloc[0].buffer(0.0005)
    lotes.loc[lotes.index[0], "geometry"] = moved
    fewer = tables.marcadores.iloc[1:].reset_index(drop=True)
    keep(settings, replace(tables, lotes=lotes, marcadores=fewer), now=LATER, parent=first)
    store = SnapshotStore(settings.store_dir(Modo.TEST))
    return House(settings, store.accepted(SEASON)[-1])


def states(house: House) -> list[str]:
    path = house.settings.lindero_state_dir / "informe/25-26.jsonl"
    return [line["que"] for line in read_lines(path)]


def test_a_mail_is_text_page_and_pictures_and_goes_once_a_day(house: House) -> None:
    with server() as (box, smtp):
        encargo = house.encargo(f"{ANA}, {LUIS}", smtp)
        assert morning.send(encargo, house.snapshot, ()) == "Informe mandado a 2 destinatarios."
        assert morning.send(encargo, house.snapshot, ()) == ""
        assert morning.send(house.encargo(f"{LUIS},{ANA}", smtp), house.snapshot, ()) == ""
    assert box.rcpts == [[ANA], [LUIS]]  # each alone: nobody sees who else gets it
    mail, other = box.mails
    assert mail["Message-ID"] != other["Message-ID"]
    assert (
        mail["Subject"]
        == "Lindero Campos del Sur: Noche buena · Informe de la mañana · campaña 25/26"
    )
    assert mail.get_content_type() == "multipart/alternative"
    text = mail.get_body(("plain",))
    page = mail.get_body(("html",))
    assert text is not None
    assert page is not None
    said, html = text.get_content(), page.get_content()
    for each in (said, html):
        assert "1 borde se movió" in " ".join(each.split())
        assert "mapa/mapa_25-26.html" in each
        assert "Marcadores: 1 quitado, en 1 lote." in " ".join(each.split())
        assert "quitado (" not in each, "which one is in the report: a mail stays short"
    shown = set(re.findall(r'src="cid:([^"]+)"', html))
    pictures = {part["Content-ID"].strip("<>"): part for part in mail.walk()
                if part.get_content_type() == "image/png"}  # fmt: skip
    assert shown == set(pictures) == {"avance", "mapa0"}
    assert all(part.get_content().startswith(b"\x89PNG") for part in pictures.values())
    assert not re.findall(r'(?:src|href)="(?!cid:)', html)
    assert "<script" not in html
    whole = mail.as_string() + said + html
    assert not [one for one in (CUIT, RENSPA, SAID, "5555") if one in whole]
    journal = house.settings.lindero_state_dir / "informe/25-26.jsonl"
    assert "@" not in journal.read_text()
    assert states(house) == ["empieza", "mandado"] * 2


def test_a_night_that_changed_nothing_says_so_and_what_could_not_be_made(
    house: House, demo_fuente: Fuente
) -> None:
    store = SnapshotStore(house.settings.store_dir(Modo.TEST))
    again = keep(
        house.settings, encargo_of(house.settings).fuente.tables,
        now=LATER.replace(day=LATER.day + 1), parent=house.snapshot,
    )  # fmt: skip
    assert store.first_equal(again).id == house.snapshot.id
    with webhook() as hook:
        morning.send(house.encargo("chat", hook=hook.url), again, ("atlas",))
    (body,) = hook.bodies
    assert "Sin cambios contra la noche anterior." in body["text"]
    assert "no se pudo hacer, y quedó lo de antes: atlas." in body["text"]


def test_what_a_server_refuses_is_tried_again_and_what_it_may_have_taken_is_not(
    house: House,
) -> None:
    with server() as (box, smtp):
        box.answers = ["451 later", "451 later"]
        encargo = house.encargo(ANA, smtp)
        with pytest.raises(TellingFailed, match="LINDERO_INFORME_A, destinatario 1: contesta 451"):
            morning.send(encargo, house.snapshot, ())
        assert states(house) == ["empieza", "rechazado"] * 2
        assert morning.send(encargo, house.snapshot, ()).startswith("Informe mandado a 1")
        box.answers = [HANGS_UP]
        encargo = house.encargo(LUIS, smtp)
        with pytest.raises(TellingFailed, match="puede haber salido: hoy no se manda otra vez"):
            morning.send(encargo, house.snapshot, ())
        assert "no se sabe si salió" in morning.send(encargo, house.snapshot, ())
        assert [to for (to,) in box.rcpts] == [ANA, LUIS]


def test_nobody_is_told_by_a_server_that_is_not_there_and_then_it_is(house: House) -> None:
    with server() as (box, smtp):
        pass
    with pytest.raises(TellingFailed, match="nadie contesta ahí"):
        morning.send(house.encargo(ANA, smtp), house.snapshot, ())
    assert states(house) == []
    with server() as (box, smtp):
        assert morning.send(house.encargo(ANA, smtp), house.snapshot, ())
    assert len(box.mails) == 1


KILLED = """
import os, signal, sys
from pathlib import Path
from Modules.orchestration import alerts, morning
from tests.productos_hechos import SEASON, encargo_of, settings_below
from dataclasses import replace
from Modules.settings import read_settings
from Modules.store.snapshots import SnapshotStore
from Modules.words.domain import Modo

folder, smtp, when = sys.argv[1:]
read = read_settings({"lindero_alert_smtp_url": smtp})
settings = replace(settings_below(Path(folder)), lindero_informe_a="ana@empresa.example",
                   lindero_alert_smtp_url=read.lindero_alert_smtp_url)
note = morning._note
def killed(journal, day, to, what):
    if (what, when) == ("mandado", "after"):
        os.kill(os.getpid(), signal.SIGKILL)
    note(journal, day, to, what)
    if (what, when) == ("empieza", "before"):
        os.kill(os.getpid(), signal.SIGKILL)
morning._note = killed
snapshot = SnapshotStore(settings.store_dir(Modo.TEST)).accepted(SEASON)[-1]
morning.send(encargo_of(settings), snapshot, ())
"""


@pytest.mark.parametrize(("when", "arrived"), [("before", 0), ("after", 1)])
def test_a_kill_around_the_sending_never_makes_a_second_mail(
    house: House, tmp_path: Path, when: str, arrived: int
) -> None:
    with server() as (box, smtp):
        command = [sys.executable, "-c", KILLED, str(tmp_path), smtp, when]
        done = subprocess.run(command, cwd=ROOT, check=False, timeout=120, env=os.environ)
        assert done.returncode == -signal.SIGKILL
        assert len(box.mails) == arrived
        said = morning.send(house.encargo(ANA, smtp), house.snapshot, ())
        assert said == ("Informe: a 1 destinatario no se sabe si salió; hoy no se manda otra vez.")
        assert len(box.mails) == arrived


def test_a_chat_is_told_what_to_look_at_and_mentions_nobody(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with webhook() as hook:
        assert morning.send(house.encargo("chat", hook=hook.url), house.snapshot, ())
    (body,) = hook.bodies
    assert body["text"].startswith("Informe de la mañana · campaña 25/26\n\nNoche buena")
    assert "\n1. 1 borde se movió: " in body["text"]
    assert "Siembra y cosecha: Al 21/11/2025: de " in body["text"]
    estado = morning.Estado("<!channel> @all", bien=True)
    section = morning.Seccion("x", "X", ("<b>",))
    said = morning.as_chat(morning._Night("t", estado, (section, section)))
    assert not set("<>@") & set(said)


def test_settings_that_cannot_be_are_named() -> None:
    def read(**texts: str) -> alerts.Avisos:
        return read_avisos(read_settings({f"lindero_{name}": text for name, text in texts.items()}))

    got = read(informe_a=f" {ANA},chat, {ANA},", alert_smtp_url="smtp://m.example",
               alert_webhook_url="https://h.example/x")  # fmt: skip
    assert ([one.to for one in got.informe], got.informe_chat, got.mail) == ([ANA], True, None)
    assert got.informe[0].sender == ANA
    for texts, name in (
        ({"informe_a": ANA}, "LINDERO_ALERT_SMTP_URL"),
        ({"informe_a": "chat"}, "LINDERO_ALERT_WEBHOOK_URL"),
        ({"informe_a": "ana", "alert_smtp_url": "smtp://m.example"}, "LINDERO_INFORME_A"),
    ):
        with pytest.raises(SettingsError, match=name):
            read(**texts)


def test_a_report_that_reached_nobody_is_a_warning_of_a_good_night(house: House) -> None:
    encargo = house.encargo(ANA, "smtp://127.0.0.1:1")
    made = (Resultado("atlas", Path("x"), error=ValueError()),)
    outcome = stages._reported(Outcome({}, "Listo."), encargo, house.snapshot, made, stages.call)
    assert outcome.error is None
    assert outcome.markdown.startswith("Listo.\n\n**Aviso:** el informe no llegó a todos: ")
    assert ANA not in outcome.markdown


def test_a_fault_of_ours_in_the_report_costs_no_night(house: House) -> None:
    """A journal that holds something of somebody else, and a fault that nobody foresaw."""
    journal = house.settings.lindero_state_dir / "informe" / "25-26.jsonl"
    journal.parent.mkdir(parents=True)
    journal.write_text('{}\n[1]\nx\n{"dia": {}, "a": []}\n', encoding="utf-8")
    with server() as (box, smtp):
        encargo = house.encargo(ANA, smtp)
        good = stages._reported(Outcome({}, "Listo."), encargo, house.snapshot, (), stages.call)
    assert len(box.mails) == 1
    assert good.markdown == "Listo.\n\nInforme mandado a 1 destinatario."

    def broken(*_: object) -> Any:
        raise RuntimeError(f"nobody foresaw it: {ANA}")

    bad = stages._reported(Outcome({}, "Listo."), encargo, house.snapshot, (), broken)
    assert bad.error is None
    assert "falla inesperada (RuntimeError)" in bad.markdown
    assert ANA not in bad.markdown
