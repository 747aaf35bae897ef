"""``lindero avisos probar`` as a person types it."""

from __future__ import annotations

import pytest

from Modules.cli.main import main
from Modules.orchestration import alerts
from tests.scripts.mailbox import mailbox, webhook

CANARY = "canario-7f3a9c"
NAMES = ("WEBHOOK_URL", "EMAIL", "SMTP_URL")


def probar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], **told: str
) -> tuple[int, str]:
    monkeypatch.setattr(alerts, "PAUSE_S", 0.01)
    monkeypatch.setenv("LINDERO_HOST", "servidor-oficina")
    for name in NAMES:
        monkeypatch.setenv(f"LINDERO_ALERT_{name}", told.get(name, ""))
    with pytest.raises(SystemExit) as ended:
        main(("avisos", "probar"))
    said = capsys.readouterr()
    assert CANARY not in said.out + said.err
    return int(ended.value.code or 0), said.out + said.err


def test_each_way_is_tried_and_said_and_the_outside_watch_is_not_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with webhook(f"/{CANARY}") as hook, mailbox() as box:
        monkeypatch.setenv("LINDERO_WATCH_URL", hook.url)
        told = {
            "WEBHOOK_URL": hook.url,
            "EMAIL": "campo@empresa.example",
            "SMTP_URL": f"smtp://127.0.0.1:{box.port}",
        }
        code, said = probar(monkeypatch, capsys, **told)
        assert (code, said) == (
            0,
            "Lo tomaron LINDERO_ALERT_WEBHOOK_URL y LINDERO_ALERT_SMTP_URL. Mirar si llegó.\n",
        )
        assert hook.bodies[0]["text"].startswith("Lindero\n\nPrueba de los avisos: no pasó nada.")
        assert "Máquina: servidor-oficina" in hook.bodies[0]["text"]
        assert (len(hook.bodies), len(box.messages), hook.gets) == (1, 1, [])

        box.refusals["RCPT"] = f"550 {CANARY}"
        code, said = probar(monkeypatch, capsys, **told)
        assert (code, said) == (
            1,
            "lindero: LINDERO_ALERT_SMTP_URL: no acepta el destinatario; "
            "LINDERO_ALERT_WEBHOOK_URL: avisado\n",
        )


def test_where_no_way_is_set_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = probar(monkeypatch, capsys)
    assert code == 2
    assert "no hay avisos configurados: poner en .env LINDERO_ALERT_WEBHOOK_URL" in said
