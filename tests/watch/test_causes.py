"""Which causes are told: once each, after two minutes where a restart may be it, and their end."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from Modules.health.known import Facts, Rechazo, Run, Servidor
from Modules.health.rules import judge
from Modules.orchestration.deployments import BACKUP, H3
from Modules.watch import causes
from Modules.words.finding import Finding, Severity

NOW = datetime(2026, 11, 29, 6, 0, tzinfo=UTC)
ROUND = timedelta(seconds=30)
REDIS = Finding("Redis no responde", code="redis", todo="lindero stack up")
DEAD = Finding("se cortó", code="cortada", where=BACKUP.flow, item="2026-11-29")
OLD = Finding("lo publicado es viejo", code="publicacion_vieja")
SILENT = Finding("el servidor no responde", code="servidor")


def play(*rounds: tuple[Finding, ...], deaf: range = range(0)) -> list[tuple[int, str, bool]]:
    """Rounds with these findings in them: (round, cause, over) of all that was told."""
    ledger: dict[str, causes.Cause] = {}
    said = []
    for at, findings in enumerate(rounds):
        now, found = NOW + at * ROUND, causes.causes(findings)
        ledger = causes.look(ledger, found, now)
        ledger = causes.from_bytes(causes.as_bytes(ledger))  # a new watch each
        for key in causes.to_tell(ledger, found, now):
            if at in deaf:
                ledger[key] = replace(ledger[key], tries=ledger[key].tries + 1, tried=now)
            else:
                ledger[key] = replace(ledger[key], told=now)
                said.append((at, key, False))
        for key in () if SILENT in findings else tuple(causes.to_end(ledger, found, now)):
            ledger.pop(key)
            said.append((at, key, True))
    return said


def test_a_platform_cause_is_told_once_after_two_minutes_and_its_end_once() -> None:
    assert play(*[(REDIS,)] * 20, *[()] * 20) == [(4, "redis", False), (23, "redis", True)]


def test_a_restart_is_no_alarm() -> None:
    assert play((), *[(REDIS,)] * 4, *[()] * 10, (REDIS,), ()) == []


def test_what_comes_back_within_two_minutes_is_the_same_cause() -> None:
    flapping = [(REDIS,), (), (REDIS,), ()] * 5
    assert play(*[(REDIS,)] * 5, *flapping, *[()] * 6) == [(4, "redis", False), (27, "redis", True)]


def test_a_bad_night_is_told_at_once_whatever_its_text_says_later() -> None:
    other = replace(DEAD, what="se cortó (van 2)")
    assert play((DEAD,), (other,), (DEAD,)) == [(0, f"cortada:{BACKUP.flow}:2026-11-29", False)]


def test_warnings_are_not_told_but_a_season_that_is_over() -> None:
    warning = replace(REDIS, severity=Severity.WARNING)
    season = Finding("terminó la 25/26", Severity.WARNING, code=causes.TERMINADA)
    assert play(*[(warning, season)] * 6) == [(4, causes.TERMINADA, False)]
    assert play(*[(Finding("nunca", code="nunca_publicado"),)] * 9) == []  # a new house


def test_what_follows_from_a_cause_is_not_a_second_alert() -> None:
    key = f"cortada:{BACKUP.flow}:2026-11-29"
    assert play(*[(DEAD, OLD)] * 9) == [(0, key, False)]
    assert play(*[(OLD,)] * 9) == [(4, "publicacion_vieja", False)]
    hexagons = replace(DEAD, where=H3.flow)
    assert (4, "publicacion_vieja", False) in play(*[(hexagons, OLD)] * 9)
    day = 24 * 120  # rounds: the next night does not come either
    assert [one[:2] for one in play(*[(DEAD, OLD)] * day)] == [(0, key), (12 * 120, OLD.code)]


def test_a_later_fault_of_the_flow_takes_the_place_and_is_no_good_news() -> None:
    failed = replace(DEAD, code="fallida", what="falló")
    said = play(*[(DEAD,)] * 3, *[(failed,)] * 9, *[()] * 6)
    assert [(one, over) for _, one, over in said] == [
        (f"cortada:{BACKUP.flow}:2026-11-29", False),
        (f"fallida:{BACKUP.flow}:2026-11-29", False),
        (f"fallida:{BACKUP.flow}:2026-11-29", True),
    ]


def test_while_the_server_is_silent_nothing_is_over() -> None:
    said = play((DEAD,), *[(SILENT,)] * 20, *[(DEAD,)] * 9, *[()] * 9)
    assert [(one.partition(":")[0], over) for _, one, over in said] == [
        ("cortada", False),
        ("servidor", False),
        ("servidor", True),
        ("cortada", True),
    ]


def test_a_channel_that_is_broken_is_tried_again_ever_more_rarely() -> None:
    assert play(*[(DEAD,)] * 9, deaf=range(3))[0][0] == 3
    now, ledger = NOW, causes.look({}, causes.causes([DEAD]), NOW)
    tries = 0
    for _ in range(24 * 120):
        for key in tuple(causes.to_tell(ledger, causes.causes([DEAD]), now)):
            tries += 1
            ledger = {key: replace(ledger[key], tries=tries, tried=now)}
        now += ROUND
    assert 24 <= tries <= 40, "a day"


def test_a_refused_night_is_one_alert() -> None:
    hour = timedelta(hours=1)
    run = Run(BACKUP.flow, "n", "FAILED", NOW - hour, NOW - hour, NOW, "cuarentena", id="7")
    night = Rechazo("2026-x", "25/26", NOW - hour / 2)
    facts = Facts(
        NOW,
        ZoneInfo("America/Argentina/Buenos_Aires"),
        rechazos=(night,),
        servidor=Servidor("http://x", corridas=(run,)),
    )
    kept = [one.code for one in causes.causes(judge(facts).findings, facts).values()]
    assert "noche_rechazada" in kept
    assert "fallida" not in kept
    other = replace(facts, rechazos=(replace(night, cuando=NOW - 30 * hour),))
    codes = [one.code for one in causes.causes(judge(other).findings, other).values()]
    assert "fallida" in codes


def test_whatever_comes_and_goes_each_is_told_and_ended_in_turn_and_none_is_lost() -> None:
    """Told and over alternate; what is red for five minutes is told; what was good never is."""
    rng = random.Random(13)
    kinds = (REDIS, DEAD, replace(DEAD, where=H3.flow), Finding("sin lugar", code="disco"))
    for _ in range(200):
        spans = [
            None if rng.random() < 0.3 else (begin := rng.randrange(80), begin + length)
            for length in (rng.choice((1, 2, 12, 30)) for _ in kinds)
        ]
        rounds = [
            tuple(
                one for one, span in zip(kinds, spans, strict=True) if span and at in range(*span)
            )
            for at in range(120)
        ]
        said = play(*rounds)
        for one, span in zip(kinds, spans, strict=True):
            (key,) = causes.causes([one])
            mine = [(at, over) for at, cause, over in said if cause == key]
            assert [over for _, over in mine] == [False, True][: len(mine)], "told, then over"
            if span and (span[1] - span[0] >= 10 or one.code in causes.AT_ONCE):
                assert len(mine) == 2
                assert mine[0][0] - span[0] <= 4, "within two minutes"
                assert mine[1][0] - span[1] == 3, "two minutes after it was seen last"
            else:
                assert mine == []
