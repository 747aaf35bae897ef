"""The metrics of ``lindero status`` as Prometheus' own parser reads them."""

from __future__ import annotations

import re
from dataclasses import replace

from prometheus_client.parser import text_string_to_metric_families

from Modules.health.known import Facts
from Modules.health.metrics import exposition
from Modules.health.platform import Part, Platform
from Modules.health.rules import judge
from Modules.words.domain import Modo
from tests.health.test_rules import AHORA, BIEN, hace

LLENO = replace(
    BIEN,
    plataforma=Platform(AHORA, (Part("redis", "no responde"), Part("worker", senal=AHORA)), AHORA),
    libres={'Espacio "raro"\\x\n': 5 * 1024**3 + 1},
)


def read(facts: Facts) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    families = list(text_string_to_metric_families(exposition(facts, judge(facts))))
    for one in families:
        assert re.fullmatch(r"lindero_[a-z_]+", one.name)
        assert one.documentation
        assert one.type == "gauge"
        assert one.name.endswith(("_seconds", "_bytes", "_ok", "_up", "_finding"))
    assert len({one.name for one in families}) == len(families)
    return {
        (row.name, frozenset(row.labels.items())): row.value
        for one in families
        for row in one.samples
    }


def value(facts: Facts, name: str, **labels: str) -> float:
    return read(facts)[f"lindero_{name}", frozenset({"modo": "prod", **labels}.items())]


def test_every_figure_is_what_status_knows() -> None:
    assert value(LLENO, "ok") == 0
    assert value(BIEN, "ok") == 1
    assert value(LLENO, "finding", code="plataforma_redis", severity="error") == 1
    assert value(LLENO, "part_up", part="redis") == 0
    assert value(LLENO, "part_up", part="worker") == 1
    sign = value(LLENO, "part_last_sign_timestamp_seconds", part="worker")
    assert sign == value(LLENO, "watch_last_round_timestamp_seconds") == AHORA.timestamp()
    assert value(BIEN, "published_night_timestamp_seconds") == hace(6).timestamp()
    flow = {"flow": "Backup Databaler Lotes", "state": "COMPLETED"}
    assert value(BIEN, "last_run_timestamp_seconds", **flow) == hace(5.9).timestamp()
    backup = "Backup Databaler Lotes/backup-lotes-daily-3am"
    assert value(BIEN, "next_run_timestamp_seconds", deployment=backup) == hace(-18).timestamp()
    assert value(LLENO, "free_bytes", place='Espacio "raro"\\x\n') == 5 * 1024**3 + 1


def test_what_is_not_known_is_left_out() -> None:
    nothing = Facts(AHORA, BIEN.zone, modo=Modo.TEST)
    names = {name for name, _ in read(nothing)}
    assert names == {"lindero_ok", "lindero_finding"}
