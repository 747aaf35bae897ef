"""Facts off the disk and off the server, for `lindero status`."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from Modules.disk.publish import publish_files
from Modules.disk.publish_record import MANIFEST
from Modules.health.facts import gather
from Modules.health.known import Facts
from Modules.settings import Settings
from Modules.store.snapshots import Snapshot, SnapshotStore
from Modules.words.domain import Modo
from Modules.words.folders import BACKUP
from tests.store.test_snapshots import night

NIGHT = datetime(2026, 11, 20, 6, 0, 2, tzinfo=UTC)
NOW = NIGHT + timedelta(hours=6)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        lindero_outputs_dir=tmp_path / "outputs",
        lindero_test_outputs_dir=tmp_path / "test_outputs",
        lindero_state_dir=tmp_path / "state",
    )


@pytest.fixture
def store(settings: Settings) -> SnapshotStore:
    return SnapshotStore(settings.store_dir(Modo.PROD))


def publish(settings: Settings, snapshot: Snapshot) -> Path:
    folder = settings.lindero_outputs_dir / BACKUP / "25-26" / str(snapshot.id)
    built = {name: snapshot.path / name for name in snapshot.files}
    publish_files(built, folder, snapshot_id=str(snapshot.id), now=snapshot.id.utc)
    return folder


def seen(settings: Settings, modo: Modo = Modo.PROD) -> Facts:
    return gather(settings, modo, NOW)


def test_nothing_yet_is_nothing_published(settings: Settings) -> None:
    hechos = seen(settings)
    assert (hechos.publicada, hechos.rechazos, hechos.cortadas) == (None, (), ())
    assert hechos.destino_error is None
    assert hechos.servidor is None


def test_the_newest_night_that_lies_published_is_found(
    settings: Settings, store: SnapshotStore
) -> None:
    first = night(store, now=NIGHT)
    folder = publish(settings, first)
    night(store, now=NIGHT + timedelta(hours=1), portal=_another())  # kept, and never published
    publicada = seen(settings).publicada
    assert publicada is not None
    assert publicada.snapshot == str(first.id)
    assert publicada.cuando == NIGHT
    assert publicada.carpeta == str(folder)
    assert publicada.intacta
    assert publicada.aceptada_a_mano is None


def test_a_night_equal_to_an_earlier_one_counts_as_published(
    settings: Settings, store: SnapshotStore
) -> None:
    first = night(store, now=NIGHT)
    publish(settings, first)
    second = night(store, parent=first, now=NIGHT + timedelta(days=1))
    assert second.equal_to == first.id
    publicada = seen(settings).publicada
    assert publicada is not None
    assert publicada.snapshot == str(second.id)
    assert publicada.cuando == NIGHT + timedelta(days=1)


def test_a_published_file_that_changed_is_noticed(settings: Settings, store: SnapshotStore) -> None:
    folder = publish(settings, night(store, now=NIGHT))
    (folder / "verdict.json").unlink()
    publicada = seen(settings).publicada
    assert publicada is not None
    assert not publicada.intacta


def test_a_refused_night_is_news_until_a_newer_one_is_accepted(
    settings: Settings, store: SnapshotStore
) -> None:
    first = night(store, now=NIGHT)
    refused = night(store, parent=first, accepted=False, now=NIGHT + timedelta(days=1))
    (rechazo,) = seen(settings).rechazos
    assert rechazo.snapshot == str(refused.id)
    assert rechazo.campania == "25/26"
    night(store, parent=first, now=NIGHT + timedelta(days=2))
    assert seen(settings).rechazos == ()


def test_a_refused_night_that_a_person_accepted_is_published_by_hand(
    settings: Settings, store: SnapshotStore
) -> None:
    first = night(store, now=NIGHT)
    refused = night(store, parent=first, accepted=False, now=NIGHT + timedelta(days=1))
    when = NIGHT + timedelta(days=1, hours=5)
    accepted = store.accept(str(refused.id), reason="campo vendido", who="ana", now=when)
    publish(settings, store.first_equal(accepted))
    hechos = seen(settings)
    assert hechos.rechazos == ()
    assert hechos.publicada is not None
    assert hechos.publicada.aceptada_a_mano == when


def test_a_publication_cut_short_is_named_and_does_not_count(
    settings: Settings, store: SnapshotStore
) -> None:
    folder = publish(settings, night(store, now=NIGHT))
    record = json.loads((folder / MANIFEST).read_text("utf-8"))
    (folder / MANIFEST).write_text(json.dumps(record | {"estado": "publicando"}), "utf-8")
    hechos = seen(settings)
    assert hechos.cortadas == (str(folder),)
    assert hechos.publicada is None


def test_outputs_that_cannot_be_reached_are_said(settings: Settings, tmp_path: Path) -> None:
    settings.lindero_outputs_dir.mkdir()
    (settings.lindero_outputs_dir / BACKUP).symlink_to(tmp_path / "not mounted")
    hechos = seen(settings)
    assert hechos.destino_error is not None
    assert (
        "es un enlace que no lleva a ningún lado; ¿está montado su destino? No se escribió nada"
        in hechos.destino_error
    )


def test_trials_are_looked_at_apart(settings: Settings, store: SnapshotStore) -> None:
    publish(settings, night(store, now=NIGHT))
    assert seen(settings, Modo.TEST).publicada is None


def test_a_server_that_does_not_answer_is_a_fact(settings: Settings) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/api"
    hechos = seen(replace(settings, prefect_api_url=url))
    assert hechos.servidor is not None
    assert hechos.servidor.error == "no responde: ¿está levantado?"


def _another() -> object:
    from Modules.words.domain import Portal

    return Portal("https://otro.example", "contract@0")
