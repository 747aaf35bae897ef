"""Photos of marks brought after a night, from a portal and hosts that misbehave."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import SecretStr

from Modules.backups.restore import plan_restore, restore
from Modules.demo.plan import Size
from Modules.demo.world import world_of
from Modules.disk.safe_files import remove_file
from Modules.jobs import backup, fotos, products
from Modules.jobs.portal_access import Access
from Modules.jobs.products import Encargo
from Modules.settings import Settings
from Modules.store.fotos import FOLDER, NAME, TRIES, adjuntos_of
from Modules.store.integrity import verify_folder
from Modules.store.snapshot import Snapshot
from Modules.store.snapshots import SnapshotStore
from Modules.words.domain import Modo, Portal, Record, Recurso
from tests.demo.running import running_portal
from tests.formats.test_fotos import bomb, picture
from tests.portal.dialect_server import (
    TOKEN,
    Dialect,
    Reply,
    Request,
    answering,
    config_of,
    contract_route,
)
from tests.productos_hechos import NOW, SEASON, settings_below
from tests.sample_tables import tables

JPEG = {"Content-Type": "image/jpeg"}
OTHER = picture(size=(44, 33))
FILES: Mapping[str, Reply] = {
    "/api/fotos/1.jpg": Reply(200, picture(), JPEG),
    "/api/fotos/2.jpg": Reply(200, OTHER, JPEG),
    "/api/fotos/igual.jpg": Reply(200, picture(), JPEG),
    "/api/fotos/vacia.jpg": Reply(200, b"", JPEG),
    "/api/fotos/ingreso.jpg": Reply(200, b"<html><title>Ingresar</title>", JPEG),
    "/api/fotos/rota.jpg": Reply(200, picture(size=(400, 300))[:700], JPEG),
    "/api/fotos/bomba.png": Reply(200, bomb()),
    "/api/fotos/pesada.jpg": Reply(200, bytes(1_100_000), JPEG),
    "/api/fotos/lenta.jpg": Reply(503, headers={"Retry-After": "0"}),
    "/api/fotos/vueltas.jpg": Reply(302, headers={"Location": "/api/fotos/vueltas.jpg"}),
    "/api/fotos/mudada.jpg": Reply(302, headers={"Location": "2.jpg?firma=S3CRETO"}),
}


@dataclass(slots=True)
class Nights:
    """A store, a portal with photos, and a host beside it that the settings may name."""

    settings: Settings
    portal: Dialect
    other: Dialect
    snapshots: list[Snapshot] = field(default_factory=list)

    def bring(self, adjuntos: Mapping[str, list[Any]], **settings: Any) -> Encargo:
        """One more accepted night whose marks have these, and its photos brought."""
        own = replace(self.settings, **settings)
        records = tuple(
            Record({"id": key, "adjuntos": some}, 1, at)
            for at, (key, some) in enumerate(adjuntos.items())
        )
        store = SnapshotStore(own.store_dir(Modo.TEST))
        draft = store.draft(SEASON, NOW)
        draft.write_tables(tables(3))
        marcas, _ = adjuntos_of(records)
        draft.write(NAME, json.dumps({"marcas": marcas}).encode())
        facts = {"portal": {"origin": "demo:small", "profile": "contract@0"}, "parent": None}
        verdict = {"accepted": True, "checks": [], "changes": _no_changes()}
        snapshot = store.keep(draft, verdict=verdict, accepted=True, facts=facts)
        self.snapshots.append(snapshot)
        encargo = products.order(own, Modo.TEST, store, snapshot, NOW)
        access = Access(config_of(self.portal.url), Portal("demo:small", "contract@0"))
        return fotos.bring(encargo, access, adjuntos_of(records), snapshot)

    @property
    def folder(self) -> Path:
        return self.settings.store_dir(Modo.TEST) / FOLDER

    def asked(self) -> list[str]:
        """The photos asked for since the last look, by path."""
        found = [one.path for one in self.portal.requests if "/fotos/" in one.path]
        self.portal.requests.clear()
        return found


def _no_changes() -> dict[str, Any]:
    from Modules.diff.changes import diff_tables

    return diff_tables(None, tables(3)).to_dict()


@pytest.fixture
def nights(tmp_path: Path) -> Iterator[Nights]:
    def elsewhere(_: Request) -> Reply:
        return FILES["/api/fotos/2.jpg"]

    with ExitStack() as stack:
        other = stack.enter_context(answering(elsewhere))

        def file(request: Request) -> Reply | None:
            if request.path == "/api/fotos/afuera.jpg":
                return Reply(302, headers={"Location": f"{_host(other)}/x.jpg?token=S3CRETO"})
            if request.headers.get("authorization") != f"Bearer {TOKEN}":
                return None
            return FILES.get(request.path)

        portal = stack.enter_context(answering(contract_route(change=file)))
        yield Nights(settings_below(tmp_path), portal, other)


def _host(dialect: Dialect) -> str:
    """Another origin: the same server by its name."""
    return dialect.url.removesuffix("/api").replace("127.0.0.1", "localhost")


def shas(encargo: Encargo) -> dict[str, list[str]]:
    return {key: [one.sha256 for one in own] for key, own in encargo.fotos.items()}


def test_they_come_once_whatever_the_night_and_however_many_marks_have_them(nights: Nights) -> None:
    said = {
        "m-1": [
            "fotos/1.jpg?token=S3CRETO-a",
            {"archivo": {"url": "/api/fotos/2.jpg"}, "tipo": "image/jpeg"},
        ],
        "m-2": [{"href": f"{nights.portal.url}/fotos/1.jpg?token=S3CRETO-b"}, "fotos/igual.jpg"],
        "m-3": [{"url": "fotos/plano.pdf", "mime": "application/pdf"}, {}, 7, None],
    }
    first = nights.bring(said)
    found = shas(first)
    assert set(found) == {"m-1", "m-2"}
    assert found["m-1"][0] == found["m-2"][0] == found["m-2"][1] != found["m-1"][1]
    assert first.avisos == ()
    assert (
        len([one for one in nights.folder.rglob("*") if "." not in one.name and one.is_file()]) == 2
    )
    nights.asked()
    said["m-1"][0] = "fotos/1.jpg?token=S3CRETO-c"  # signed anew
    assert shas(nights.bring(said)) == found
    assert nights.asked() == []


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("fotos/vacia.jpg", "marcador m-9: está vacía: 0 bytes"),
        ("fotos/ingreso.jpg", "marcador m-9: es una página HTML"),
        ("fotos/rota.jpg", "marcador m-9: está rota o cortada"),
        ("fotos/bomba.png", "marcador m-9: tiene demasiados píxeles"),
        ("fotos/pesada.jpg", "marcador m-9: más de 1000000 bytes"),
        ("fotos/falta.jpg", "marcador m-9: HTTP 404"),
        ("fotos/vueltas.jpg", "marcador m-9: redirige más de 3 veces"),
        ("fotos/lenta.jpg", "marcador m-9: HTTP 503; sin éxito después de 2 intentos"),
        ("fotos/afuera.jpg", "marcador m-9: está en localhost, que no es el portal"),
        ("https://ajena.example/x.jpg?token=S3CRETO", "marcador m-9: está en ajena.example"),
        ("http://u:S3CRETO@127.0.0.1/x.jpg", "marcador m-9: su dirección no es http"),
        ("file:///etc/passwd?S3CRETO", "marcador m-9: su dirección no es http"),
        ("data:image/png;base64,S3CRETO", "marcador m-9: su dirección no es http"),
        ("http://[S3CRETO/x.jpg", "marcador m-9: su dirección está mal formada"),
    ],
)  # fmt: skip
def test_one_that_does_not_come_is_named_and_costs_nothing_else(
    nights: Nights, caplog: pytest.LogCaptureFixture, address: str, said: str
) -> None:
    caplog.set_level(logging.INFO, "Modules")
    made = nights.bring({"m-1": ["fotos/1.jpg"], "m-9": [address]}, lindero_fotos_mb=1)
    assert set(made.fotos) == {"m-1"}
    (aviso,) = made.avisos
    assert aviso.startswith("fotos de marcadores que faltan: 1. ")
    assert said in aviso
    assert nights.other.requests == []
    written = [path.read_bytes() for path in nights.folder.rglob("*") if path.is_file()]
    written.append((nights.snapshots[-1].path / NAME).read_bytes())
    assert not any(b"S3CRETO" in one for one in written)
    assert "S3CRETO" not in aviso + caplog.text


def test_a_host_that_the_settings_name_sees_no_credential_also_by_a_redirect(
    nights: Nights,
) -> None:
    said = {"m-1": [f"{_host(nights.other)}/x.jpg"], "m-2": ["fotos/afuera.jpg"]}
    made = nights.bring(said, lindero_fotos_hosts=("LocalHost",))
    assert set(made.fotos) == {"m-1", "m-2"}
    assert len(nights.other.requests) == 2
    assert not any("authorization" in one.headers for one in nights.other.requests)
    assert TOKEN not in str(nights.other.requests)


def test_a_redirect_within_the_portal_is_followed(nights: Nights) -> None:
    assert set(nights.bring({"m-1": ["fotos/mudada.jpg"]}).fotos) == {"m-1"}


def test_what_is_no_photo_is_asked_for_a_few_nights_only_and_still_told(nights: Nights) -> None:
    said = {"m-1": ["fotos/rota.jpg"]}
    for _ in range(TRIES):
        nights.bring(said)
        assert nights.asked() == ["/api/fotos/rota.jpg"]
    made = nights.bring(said)
    assert nights.asked() == []
    assert "está rota o cortada" in made.avisos[0]


def test_three_without_an_answer_end_it_and_the_next_night_goes_on(nights: Nights) -> None:
    said = {f"m-{at}": [f"fotos/lenta.jpg?id={at}"] for at in range(8)}
    made = nights.bring(said)
    assert len(nights.asked()) == 6  # three, each tried twice
    assert made.avisos[0].startswith("fotos de marcadores que faltan: 8. ")


def test_none_comes_where_the_room_is_that_of_nights(
    nights: Nights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fotos, "_ROOM", 1 << 60)
    made = nights.bring({"m-1": ["fotos/1.jpg"]})
    assert (made.fotos, nights.asked()) == ({}, [])
    assert "queda menos de 1 GB libre" in made.avisos[0]


def test_no_minute_more_than_the_settings_give(nights: Nights) -> None:
    made = nights.bring({"m-1": ["fotos/1.jpg"]}, lindero_fotos_minutos=1e-9)
    assert made.fotos == {}
    assert nights.asked() == []
    assert "llevó más de" in made.avisos[0]


@pytest.mark.parametrize(
    "lose",
    [
        lambda folder: remove_file(folder / "indice.jsonl"),
        lambda folder: [remove_file(one) for one in folder.glob("*/*")],
        lambda folder: (
            [one.write_bytes(b"x") for one in folder.glob("*/*") if "." not in one.name]
            + [remove_file(one) for one in folder.glob("*/*.jpg")]
        ),
    ],
    ids=["index", "files", "damaged"],
)
def test_what_is_lost_or_damaged_comes_again(nights: Nights, lose: Callable[[Path], Any]) -> None:
    said = {"m-1": ["fotos/1.jpg"]}
    found = shas(nights.bring(said))
    lose(nights.folder)
    nights.asked()
    assert shas(nights.bring(said)) == found
    assert nights.asked() == ["/api/fotos/1.jpg"]


def test_what_only_is_small_is_made_again_out_of_what_came(nights: Nights) -> None:
    said = {"m-1": ["fotos/1.jpg"]}
    found = shas(nights.bring(said))
    for path in nights.folder.glob("*/*.jpg"):
        remove_file(path)
    nights.asked()
    (foto,) = nights.bring(said).fotos["m-1"]
    assert ([foto.sha256], nights.asked()) == (found["m-1"], [])
    faces = foto.mini, foto.grande.read_bytes()
    assert [Image.open(io.BytesIO(one)).size for one in faces] == [(40, 30)] * 2


def test_two_photos_told_apart_only_by_a_token_are_two(nights: Nights) -> None:
    _, addresses = adjuntos_of(
        [Record({"id": "m-1", "adjuntos": ["a?token=1", "a?token=2", "b?token=3"]}, 1, 0)]
    )
    assert sorted(addresses.values()) == ["a?token=1", "a?token=2", "b?token=3"]


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ("url", "href", "tipo", "mime", "id", "http://[", "")) | st.text(), inner, max_size=3),
))  # fmt: skip
def test_whatever_adjuntos_hold_costs_no_night_and_names_no_address(adjuntos: Any) -> None:
    marcas, addresses = adjuntos_of(
        [
            Record({"id": "m-1", "adjuntos": adjuntos}, 1, 0),
            Record({"id": "m-2", "adjuntos": [adjuntos, {"url": adjuntos}, "http://["]}, 1, 1),
            Record({"id": "m-3", "adjuntos": ["\ud800", {"url": "//[::1"}]}, 1, 2),
        ]
    )
    claves = {clave for own in marcas.values() for clave in own}
    assert claves == addresses.keys()
    assert all(re.fullmatch("[0-9a-f]{64}", clave) for clave in claves)
    json.dumps(marcas).encode()


@pytest.mark.parametrize("text", ["[]", "{}", '{"marcas": 5}', '{"marcas": {"m-1": 5}}', "no"])
def test_a_snapshot_whose_file_of_photos_is_damaged_has_none(nights: Nights, text: str) -> None:
    made = nights.bring({"m-1": ["fotos/1.jpg"]})
    snapshot = nights.snapshots[-1]
    (snapshot.path / NAME).write_text(text)
    assert products.order(made.settings, Modo.TEST, made.store, snapshot, NOW).fotos == {}


def test_what_no_kept_night_names_goes(nights: Nights) -> None:
    (gone,) = nights.bring({"m-1": ["fotos/1.jpg"]}).fotos["m-1"]
    (stays,) = nights.bring({"m-1": ["fotos/2.jpg"]}).fotos["m-1"]
    assert gone.grande.is_file()  # the night before is still kept
    store = SnapshotStore(nights.settings.store_dir(Modo.TEST))
    first = nights.snapshots[0].path
    for path in sorted(first.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    first.rmdir()
    nights.bring({"m-1": ["fotos/2.jpg"]})
    assert stays.grande.is_file()
    assert not list(nights.folder.glob(f"*/{gone.sha256}*"))
    assert gone.sha256 not in (store.root / FOLDER / "indice.jsonl").read_text()


def test_with_the_setting_off_or_the_index_unreadable_the_night_goes_on(nights: Nights) -> None:
    made = nights.bring({"m-1": ["fotos/1.jpg"]})
    store, snapshot = made.store, nights.snapshots[-1]
    off = replace(nights.settings, lindero_fotos=False)
    assert products.order(off, Modo.TEST, store, snapshot, NOW).fotos == {}
    remove_file(nights.folder / "indice.jsonl")
    (nights.folder / "indice.jsonl").mkdir()
    left = products.order(nights.settings, Modo.TEST, store, snapshot, NOW)
    assert left.fotos == {}
    assert left.avisos[0].startswith("sin las fotos: ")


def test_the_setting_for_metadata_makes_other_files(nights: Nights) -> None:
    said = {"m-1": ["fotos/1.jpg"]}
    (bare,), (told,) = (
        nights.bring(said, lindero_fotos_metadatos=on).fotos["m-1"] for on in (False, True)
    )
    assert bare.grande != told.grande
    assert repr(bare) != repr(told)  # so the products are made again
    assert str(nights.folder) not in repr(bare)


def test_a_whole_night_of_the_demo_portal_brings_its_photos_and_a_quiet_one_none(
    tmp_path: Path,
) -> None:
    settings = settings_below(tmp_path)
    job = backup.prepare(settings, str(SEASON), modo=Modo.TEST)
    world = world_of("fotos", Size(1, 4, 12, 200), seed=7, day=0, campania=str(SEASON))
    made: list[Encargo] = []
    with running_portal(world) as portal:
        config = config_of(portal.base_url)
        secret = SecretStr(portal.client_secret)
        config = replace(config, client_id=portal.client_id, client_secret=secret)
        access = Access(config, Portal("demo:small", "contract@0"))
        for _ in range(2):
            fetched = backup.fetch(job, access)
            snapshot = backup.keep(job, backup.judge_night(job, access, fetched), NOW)
            encargo = products.order(settings, Modo.TEST, job.store, snapshot, NOW)
            found = adjuntos_of(fetched[Recurso.MARCADORES].records)
            made.append(fotos.bring(encargo, access, found, snapshot))
    first, second = made
    known = set(first.fuente.tables.marcadores["marcador_id"])
    assert first.fotos
    assert set(first.fotos) <= known
    assert (shas(second), second.avisos) == (shas(first), ())
    assert not verify_folder(snapshot.path)
    assert snapshot.equal_to is not None
    restored = tmp_path / "restored"
    restore(plan_restore(job.store, str(snapshot.id), restored))
    assert (restored / NAME).read_bytes() == (snapshot.path / NAME).read_bytes()
    for one in products.PRODUCTOS:
        assert first.made_from(one) == second.made_from(one)


def test_a_night_without_photos_has_no_file_for_them(tmp_path: Path) -> None:
    job = backup.prepare(settings_below(tmp_path), str(SEASON), modo=Modo.TEST)
    world = world_of("nada", Size(1, 2, 2, 4), seed=7, day=0, campania=str(SEASON))
    with running_portal(world) as portal:
        secret = SecretStr(portal.client_secret)
        config = replace(
            config_of(portal.base_url), client_id=portal.client_id, client_secret=secret
        )
        access = Access(config, Portal("demo:small", "contract@0"))
        fetched = backup.fetch(job, access)
        snapshot = backup.keep(job, backup.judge_night(job, access, fetched), NOW)
        encargo = products.order(job.settings, Modo.TEST, job.store, snapshot, NOW)
        found = adjuntos_of(fetched[Recurso.MARCADORES].records)
        brought = fotos.bring(encargo, access, found, snapshot)
    assert (brought.fotos, brought.avisos) == ({}, ())
    assert not (snapshot.path / NAME).exists()
    assert not (job.store.root / FOLDER).exists()
