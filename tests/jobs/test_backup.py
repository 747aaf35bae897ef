"""The parts of a night that need no portal; whole nights are in tests/scripts."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from Modules.jobs import backup
from Modules.jobs.backup import Night
from Modules.jobs.portal_access import Access
from Modules.night.verdict import Verdict
from Modules.portal.client import PortalConfig
from Modules.portal.profile import DEFAULT_PROFILE, Profile, parse_profile
from Modules.store.snapshots import Snapshot, SnapshotStore
from Modules.words.domain import Modo, Portal, Recurso
from Modules.words.errors import SnapshotDamaged
from tests.night.answered import Items, answered, items
from tests.sample_tables import NOW, SEASON, tables

FIRST = Verdict(accepted=True, checks=(), first_night=True)


def night(store: SnapshotStore, *, accepted: bool = True) -> Snapshot:
    draft = store.draft(SEASON, NOW)
    draft.write_tables(tables(3))
    facts = {"portal": {"origin": "demo:small", "profile": "contract@0"}}
    return store.keep(draft, verdict={}, accepted=accepted, facts=facts)


def first_verdict(job: backup.Job) -> Verdict:
    found = backup._if_first(job)
    return FIRST if found is None else FIRST.with_checks(found)


def test_a_night_is_no_first_one_if_those_before_it_are_damaged(job: backup.Job) -> None:
    assert first_verdict(job) is FIRST
    refused, accepted = night(job.store, accepted=False), night(job.store)
    (refused.path / "manifest.json").write_text("{")
    assert first_verdict(job) is FIRST
    (accepted.path / "manifest.json").write_text("{")
    verdict = first_verdict(job)
    assert not verdict.accepted
    assert str(accepted.id) in verdict.reasons[0]


def test_a_night_is_no_first_one_if_copies_of_others_are_published_and_the_store_is_gone(
    job: backup.Job,
) -> None:
    one = night(job.store)
    backup.publish(job, one, NOW)
    assert first_verdict(job) is FIRST, "the night of another portal is in the store"
    shutil.rmtree(job.settings.store_dir(Modo.TEST))
    other = night(job.store)
    shutil.move(other.path, other.path.with_name("2026-03-01T060002Z-000009"))
    trial = first_verdict(job)
    assert (trial.accepted, trial.checks[0].fine) == (True, False)
    refused = first_verdict(replace(job, modo=Modo.PROD))
    assert not refused.accepted
    for said in (str(one.id), "LINDERO_STATE_DIR"):
        assert said in refused.reasons[0]
    shutil.rmtree(job.destination / SEASON.slug)
    (job.destination / SEASON.slug).write_text("no folder")
    unreadable = first_verdict(replace(job, modo=Modo.PROD))
    assert not unreadable.accepted
    assert "no se puede leer" in unreadable.reasons[0]


@pytest.mark.parametrize("damage", ["other", "missing"])
def test_a_damaged_file_never_reaches_the_published_copy(job: backup.Job, damage: str) -> None:
    one = night(job.store)
    (one.path / "desktop.ini").write_text("not ours")
    backup.publish(job, one, NOW)
    copy = job.destination / SEASON.slug / str(one.id)
    names = {path.relative_to(copy).as_posix() for path in copy.rglob("*") if path.is_file()}
    assert names == {*one.files, "lotes.gpkg", "lotes.geojson", ".lindero.json"}
    before = (copy / "verdict.json").read_bytes()
    (one.path / "verdict.json").unlink()
    if damage == "other":
        (one.path / "verdict.json").write_bytes(before[:-1] + b" ")
    with pytest.raises(SnapshotDamaged, match="verdict"):
        backup.publish(job, one, NOW)
    assert (copy / "verdict.json").read_bytes() == before


def test_a_damaged_night_is_passed_over_and_named_and_without_a_sound_one_none_is_accepted(
    job: backup.Job,
) -> None:
    older, newer = night(job.store), night(job.store)

    def sound() -> tuple[Snapshot | None, list[str]]:
        found, _, damaged = backup._newest_sound(job.store.accepted(SEASON))
        return found, damaged

    assert sound() == (newer, [])
    (newer.path / "tables" / "lotes.parquet").write_bytes(b"PAR1")
    assert sound() == (older, [str(newer.id)])
    named = backup._damaged(job, [str(newer.id)], none_sound=False)
    assert named is not None
    assert named.is_warning
    assert f"lindero backups verify {newer.id} --test" in named.notes[0]
    (older.path / "tables" / "lotes.parquet").unlink()
    assert sound() == (None, [str(newer.id), str(older.id)])
    refusing = backup._damaged(job, [str(newer.id), str(older.id)], none_sound=True)
    assert refusing is not None
    assert refusing.is_error
    assert not FIRST.with_checks(refusing).accepted


# --- whose night it is -------------------------------------------------------------------------

PORTAL = "https://portal.example/base-portal/api/v1"


def _judged(job: backup.Job, url: str, night: Items, profile: Profile = DEFAULT_PROFILE) -> Night:
    access = Access(PortalConfig(url, profile), Portal(url, profile.identity))
    return backup.judge_night(job, access, answered(night, profile=profile).fetched)


@pytest.fixture
def half() -> Items:
    night = items()
    return {**night, Recurso.LOTES: night[Recurso.LOTES][::2]}


def _whole() -> Items:
    """Without the lote that needs a repair, for that starts a process."""
    night = items()
    return {**night, Recurso.LOTES: [one for one in night[Recurso.LOTES] if one["id"] != "10001"]}


@pytest.mark.parametrize("older", [False, True], ids=["manifest of now", "manifest of before"])
def test_another_spelling_path_or_profile_is_the_same_portal(
    job: backup.Job, half: Items, older: bool
) -> None:
    first = _judged(job, PORTAL, _whole())
    assert (first.verdict.accepted, first.verdict.first_night) == (True, True)
    facts = backup._facts(job, first)
    if older:
        facts = {k: v for k, v in facts.items() if k != "seen"}
        facts["portal"] = {"origin": "https://PORTAL.example:443/v0", "profile": "contract@0"}
    draft = job.store.draft(job.campania, NOW)
    draft.write_tables(first.tables)
    job.store.keep(draft, verdict={}, accepted=True, facts=facts)
    edited = parse_profile('[resources.lotes.fields]\nnombre = "nombre"', "p")
    spelt = [(PORTAL, edited), ("https://PORTAL.example.:443/v2", DEFAULT_PROFILE)]
    for url, profile in spelt:
        found = _judged(job, url, half, profile).verdict
        assert (found.accepted, found.first_night) == (False, False), (url, profile.name)
        assert not any("portal es el mismo" in one for one in found.reasons)
    assert _judged(job, url, _whole(), edited).verdict.accepted


def test_another_portal_is_refused_until_a_person_accepts_it_once(job: backup.Job) -> None:
    backup.keep(job, _judged(job, PORTAL, _whole()), NOW)
    other = "https://nuevo.example/api"
    moved = _judged(job, other, _whole())
    assert (moved.verdict.accepted, moved.verdict.first_night) == (False, False)
    (why,) = moved.verdict.reasons
    assert "vino de https://portal.example y esta de https://nuevo.example" in why
    kept = backup.keep(job, moved, NOW)
    assert not _judged(job, other, _whole()).verdict.accepted, "never silently"
    job.store.accept(str(kept.id), reason="servidor nuevo", who="ana", now=NOW)
    assert _judged(job, other, _whole()).verdict.accepted
    assert not _judged(job, PORTAL, _whole()).verdict.accepted, "nor back"


def test_the_made_up_company_is_nobodys_other_portal(job: backup.Job) -> None:
    night(job.store)  # of the demo portal, in a trial
    assert _judged(job, PORTAL, _whole()).verdict.first_night


@pytest.mark.parametrize(
    ("gone", "edited", "accepted", "fine"),
    [
        pytest.param(0, False, True, True, id="as they were"),
        pytest.param(1, False, True, False, id="one of twenty"),
        pytest.param(4, False, False, False, id="a fifth"),
        pytest.param(20, False, False, False, id="all"),
        pytest.param(4, True, True, True, id="taken away by hand"),
    ],
)
def test_marks_that_come_without_the_photos_of_last_night(
    job: backup.Job, gone: int, edited: bool, accepted: bool, fine: bool
) -> None:
    night = _whole()
    photo = [{"tipo": "image/jpeg", "url": "/adjuntos/1.jpg"}]
    marks = [
        one | {"adjuntos": []} for one in night[Recurso.MARCADORES] if one["lote_id"] != "10001"
    ]
    with_photos = [one | {"adjuntos": photo} for one in marks[:20]]
    later = {"updated_at": "2027-01-01T00:00:00-03:00"} if edited else {}
    without = [one | {"adjuntos": []} | later for one in with_photos[:gone]]
    kept = _judged(job, PORTAL, night | {Recurso.MARCADORES: with_photos + marks[20:]})
    backup.keep(job, kept, NOW)
    tonight = {Recurso.MARCADORES: without + with_photos[gone:] + marks[20:]}
    verdict = _judged(job, PORTAL, night | tonight).verdict
    assert verdict.accepted is accepted, verdict.reasons
    (told,) = (one for one in verdict.checks if one.what == "marcadores: fotos que tenían")
    assert told.fine is fine
    if not fine:
        assert f"viene vacío en {gone} de 20 marcadores" in told.notes[0]
