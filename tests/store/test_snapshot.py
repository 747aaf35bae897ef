"""Damage is found and the damaged file is named; a sound snapshot gives no alarm."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from Modules.disk.json_files import to_json
from Modules.disk.problems import Damage, problem_of
from Modules.disk.safe_files import fact_of
from Modules.store.integrity import Expected, _check_file, prove_manifests, verify_folder
from Modules.store.manifest import JSON_NAME, SUMS_NAME, to_sums
from Modules.store.snapshot import (
    load,
    page_path,
    proved_files,
    read_raw,
    read_tables,
    read_verdict,
    table_facts,
)
from Modules.store.snapshots import Snapshot, SnapshotStore
from Modules.words.columns import TABLES
from Modules.words.domain import Recurso
from Modules.words.errors import SnapshotDamaged
from tests.sample_tables import NOW, SEASON, fetched, frame, tables


def _snapshot(root: Path, rows: int = 5) -> Snapshot:
    store = SnapshotStore(root)
    draft = store.draft(SEASON, NOW)
    draft.write_pages(fetched())
    draft.write_tables(tables(rows))
    facts = {"portal": {"origin": "demo:small", "profile": "contract@0"}}
    return store.keep(draft, verdict={"checks": []}, accepted=True, facts=facts)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    """A snapshot that tests copy, never change."""
    return _snapshot(tmp_path_factory.mktemp("sound"))


@pytest.fixture
def copy(sound: Snapshot, tmp_path: Path) -> Path:
    return _copied(sound, tmp_path)


def _copied(sound: Snapshot, folder: Path) -> Path:
    target = folder / "25-26" / sound.path.name
    shutil.copytree(sound.path, target)
    return target


NAMES = sorted(
    (
        "manifest.json",
        "manifest.sha256",
        "raw/lotes-0001.json.zst",
        "raw/lotes-0002.json.zst",
        "verdict.json",
        *(f"tables/{name}.parquet" for name in tables(0).as_dict()),
    )
)
EVERY_FILE = pytest.mark.parametrize("name", NAMES)


def _files(folder: Path) -> set[str]:
    return {problem.item for problem in verify_folder(folder)}


@pytest.mark.parametrize("rows", [0, 1, 5])
def test_a_sound_snapshot_gives_no_alarm(tmp_path: Path, rows: int) -> None:
    snapshot = _snapshot(tmp_path, rows)
    assert verify_folder(snapshot.path) == []
    assert sorted(snapshot.files) == NAMES
    assert snapshot.size_bytes == sum(
        path.stat().st_size for name, path in snapshot.files.items() if "manifest" not in name
    )


@EVERY_FILE
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    what = "no existe" if name.startswith("manifest") else "falta"
    assert verify_folder(copy) == [problem_of(name, what, Damage.MISSING)]


@EVERY_FILE
def test_a_cut_file_is_named(copy: Path, name: str) -> None:
    size = (copy / name).stat().st_size
    os.truncate(copy / name, size - 1)
    (problem,) = verify_folder(copy)
    if name.startswith("manifest"):
        assert (problem.item, problem.code) == (name, Damage.MANIFEST)
    else:
        what, detalle = (
            f"{size - 1} bytes en lugar de {size}",
            f"{size - 1} bytes en lugar de {size}",
        )
        assert problem == problem_of(name, what, Damage.SIZE, detalle)


@EVERY_FILE
def test_a_longer_file_is_named(copy: Path, name: str) -> None:
    with (copy / name).open("ab") as file:
        file.write(b"\n")
    assert _files(copy) == {name}


@EVERY_FILE
def test_a_file_replaced_by_a_link_or_a_folder_is_named(copy: Path, name: str) -> None:
    moved = copy.parent / "moved"
    (copy / name).rename(moved)
    (copy / name).mkdir()
    assert name in _files(copy)
    (copy / name).rmdir()
    (copy / name).symlink_to(copy.parent / "nowhere")
    assert name in _files(copy)


@settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(name=st.sampled_from(NAMES), place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_any_flipped_bit_is_found_in_its_file(
    sound: Snapshot, tmp_path_factory: pytest.TempPathFactory, name: str, place: float, bit: int
) -> None:
    folder = _shared_copy(sound, tmp_path_factory)
    data = bytearray((folder / name).read_bytes())
    before = bytes(data)
    data[int(place * len(data))] ^= 1 << bit
    (folder / name).write_bytes(data)
    found = _files(folder)
    (folder / name).write_bytes(before)
    allowed = {"manifest.json", "manifest.sha256"} if name.startswith("manifest") else {name}
    assert found
    assert found <= allowed


_shared: dict[str, Path] = {}


def _shared_copy(sound: Snapshot, factory: pytest.TempPathFactory) -> Path:
    """One copy for all examples: each puts back what it changed."""
    if "folder" not in _shared:
        _shared["folder"] = _copied(sound, factory.mktemp("flip"))
    return _shared["folder"]


@pytest.mark.parametrize("name", ["extra.txt", "tables/zz.parquet", "raw/lotes-0003.json.zst"])
def test_an_extra_file_is_named(copy: Path, name: str) -> None:
    (copy / name).write_text("x")
    extra = problem_of(name, "sobra: el manifiesto no lo conoce", Damage.EXTRA)
    assert verify_folder(copy) == [extra]


def test_an_extra_folder_and_an_extra_link_are_named(copy: Path) -> None:
    (copy / "empty").mkdir()
    (copy / "raw" / "link").symlink_to(copy / "verdict.json")
    (copy / "raw" / "loop").symlink_to(copy)
    empty = "una carpeta vacía que el manifiesto no conoce"
    link = "un enlace o archivo especial; acá van sólo archivos comunes"
    assert verify_folder(copy) == [
        problem_of("empty", empty, Damage.NOT_A_FILE),
        problem_of("raw/link", link, Damage.NOT_A_FILE),
        problem_of("raw/loop", link, Damage.NOT_A_FILE),
    ]


def test_two_swapped_files_are_both_named(copy: Path) -> None:
    one, two = copy / "raw" / "lotes-0001.json.zst", copy / "raw" / "lotes-0002.json.zst"
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    differs = "el SHA-256 no es el del manifiesto"
    assert verify_folder(copy) == [
        problem_of("raw/lotes-0001.json.zst", differs, Damage.CONTENT),
        problem_of("raw/lotes-0002.json.zst", differs, Damage.CONTENT),
    ]


def test_the_damaged_one_of_two_manifests_is_told_apart(copy: Path) -> None:
    sums = (copy / SUMS_NAME).read_text()
    line = next(line for line in sums.splitlines() if line.endswith("verdict.json"))
    flipped = ("1" if line[0] == "0" else "0") + line[1:]
    (copy / SUMS_NAME).write_text(sums.replace(line, flipped))
    what = "el SHA-256 de verdict.json no es el de manifest.json"
    assert verify_folder(copy) == [problem_of(SUMS_NAME, what, Damage.MANIFEST)]


def _edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Edit manifest.json and make manifest.sha256 agree, as somebody who knows how would."""
    manifest = json.loads((folder / JSON_NAME).read_text("utf-8"))
    change(manifest)
    data = to_json(manifest)
    (folder / JSON_NAME).write_bytes(data)
    hashes = {file["path"]: file["sha256"] for file in manifest["files"]}
    (folder / SUMS_NAME).write_bytes(to_sums({**hashes, JSON_NAME: fact_of(data).sha256}))


def _set(*path: Any, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(manifest: dict[str, Any]) -> None:
        target: Any = manifest
        for part in path[:-1]:
            target = target[part]
        target[path[-1]] = value

    return change


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (_set("id", value="2025-11-20T060002Z-000777"), "manifest.json"),
        (_set("campania", value="24/25"), "manifest.json"),
        (_set("campania", value="x"), "manifest.json"),
        (_set("format", value="other/1"), "manifest.json"),
        (_set("portal", value={}), "manifest.json"),
        (_set("portal", value=None), "manifest.json"),
        (_set("accepted", value="yes"), "manifest.json"),
        (_set("parent", value="x"), "manifest.json"),
        (_set("first_equal", value=None), "manifest.json"),
        (_set("files", 3, "size", value=1), "manifest.json"),
        (_set("tables", "lotes", "rows", value=4), "manifest.json"),
        (_set("tables", "lotes", "superficie_ha", value=1.5), "manifest.json"),
        (_set("tables", "campos", "ids_sha256", value="0"), "manifest.json"),
        (lambda manifest: manifest["files"].pop(), "verdict.json"),
        (lambda manifest: manifest["tables"].pop("zonas"), "manifest.json"),
        (lambda manifest: manifest.pop("files"), "manifest.json"),
    ],
)
def test_an_edited_manifest_is_found(
    copy: Path, change: Callable[[dict[str, Any]], None], named: str
) -> None:
    try:
        _edit(copy, change)
    except KeyError:  # the edit took the list of files away: only the hash of the manifest is left
        data = to_json({"format": "lindero-snapshot/1"})
        (copy / JSON_NAME).write_bytes(data)
        (copy / SUMS_NAME).write_bytes(to_sums({JSON_NAME: fact_of(data).sha256}))
    assert named in _files(copy)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_set("files", 0, "path", value=3), "no es el manifiesto de este backup"),
        (_set("files", 0, "sha256", value="0" * 63), "no es el manifiesto de este backup"),
        (_set("files", 0, "size", value=-1), "no es el manifiesto de este backup"),
        (_set("tables", "lotes", "rows", value=-1), "no es el manifiesto de este backup"),
        (
            _set("tables", "lotes", "superficie_ha", value=-0.1),
            "no es el manifiesto de este backup",
        ),
        (_set("portal", "origin", value=3), "no es el manifiesto de este backup"),
        (_set("format", value="other/1"), "no es el manifiesto de este backup"),
        (_set("accepted", value="yes"), "no es el manifiesto de este backup"),
        (_set("files", 0, "size", value="1"), r"no es el manifiesto de un backup \('>=' not"),
        (_set("equal_to", value="x"), r"no es el manifiesto de un backup \('x' no es el id"),
        (lambda manifest: manifest.pop("files"), r"no es el manifiesto de un backup \('files'\)"),
    ],
)
def test_a_manifest_that_is_none_is_refused_though_its_hash_is_right(
    copy: Path, change: Callable[[dict[str, Any]], None], said: str
) -> None:
    manifest = json.loads((copy / JSON_NAME).read_text("utf-8"))
    change(manifest)
    data = to_json(manifest)
    (copy / JSON_NAME).write_bytes(data)
    (copy / SUMS_NAME).write_bytes(to_sums({JSON_NAME: fact_of(data).sha256}))
    with pytest.raises(SnapshotDamaged, match=rf"^{copy.name}: manifest\.json: {said}"):
        load(copy)


def test_a_manifest_that_is_no_json_is_named_though_its_hash_is_right(copy: Path) -> None:
    (copy / JSON_NAME).write_bytes(b"{")
    (copy / SUMS_NAME).write_bytes(to_sums({JSON_NAME: fact_of(b"{").sha256}))
    with pytest.raises(
        SnapshotDamaged, match=rf"^{copy.name}: manifest\.json: no se puede leer como "
    ):
        load(copy)
    what = "no se puede leer como JSON (JSONDecodeError)"
    assert verify_folder(copy) == [problem_of(JSON_NAME, what, Damage.MANIFEST)]


@pytest.mark.parametrize("name", TABLES)
def test_the_facts_of_a_table_are_those_of_its_ids_in_any_order(name: str) -> None:
    table = TABLES[name]
    df = frame(table, 6)
    column = "id" if name == "rechazados" else table.key
    df[column] = [f"ñ{i}" for i in range(6)]
    facts = table_facts(df, table)
    assert facts == table_facts(df.iloc[::-1], table)
    assert facts["rows"] == 6
    ids = "\n".join(f"ñ{i}" for i in range(6))
    assert facts["ids_sha256"] == fact_of(ids.encode()).sha256
    df.loc[3, column] = "otro"
    assert table_facts(df, table)["ids_sha256"] != facts["ids_sha256"]


def test_a_row_without_an_id_counts_as_one_with_an_empty_id() -> None:
    table = TABLES["rechazados"]
    df = frame(table, 2)
    df["id"] = pd.array(["a", None], dtype="string")
    assert table_facts(df, table) == {"rows": 2, "ids_sha256": fact_of(b"\na").sha256}


def test_a_snapshot_read_by_itself_counts_as_accepted_by_nobody(copy: Path) -> None:
    alone = load(copy)
    assert (alone.accepted, alone.acceptance) == (False, None)


def test_a_table_left_out_of_both_manifests_is_found(copy: Path) -> None:
    (copy / "tables" / "lotes.parquet").unlink()

    def without_lotes(manifest: dict[str, Any]) -> None:
        files = manifest["files"]
        manifest["files"] = [f for f in files if f["path"] != "tables/lotes.parquet"]

    _edit(copy, without_lotes)
    what = "no lista tables/lotes.parquet"
    assert verify_folder(copy) == [problem_of(JSON_NAME, what, Damage.MANIFEST)]


@pytest.mark.parametrize(
    "text", [b"", b"x", b"\xff", b"0" * 64 + b"  ../x\n", b"0" * 64 + b" *a\n", b"\n"]
)
def test_a_spoilt_list_of_sums_is_named(copy: Path, text: bytes) -> None:
    (copy / SUMS_NAME).write_bytes(text)
    assert _files(copy) == {SUMS_NAME}
    with pytest.raises(SnapshotDamaged, match=r"manifest\.sha256"):
        load(copy)


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("tables/")])
def test_a_damaged_table_is_never_handed_out(sound: Snapshot, tmp_path: Path, name: str) -> None:
    folder = _copied(sound, tmp_path)
    snapshot = load(folder)
    data = (folder / name).read_bytes()
    (folder / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    with pytest.raises(SnapshotDamaged, match=f"{snapshot.id}: {name}: el SHA-256 no es"):
        read_tables(snapshot)
    (folder / name).unlink()
    with pytest.raises(SnapshotDamaged, match=f"{name}: no existe"):
        read_tables(snapshot)


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("manifest")])
def test_a_copy_is_only_made_of_files_that_are_proved(
    sound: Snapshot, copy: Path, name: str
) -> None:
    snapshot = load(copy)
    assert proved_files(snapshot) == snapshot.files == {one: copy / one for one in NAMES}
    data = (copy / name).read_bytes()
    for other in (data + b"x", data[:-1] + bytes([data[-1] ^ 1])):
        (copy / name).write_bytes(other)
        said = f"^{snapshot.id}: {name}: el SHA-256 no es el del manifiesto$"
        with pytest.raises(SnapshotDamaged, match=said):
            proved_files(snapshot)
    (copy / name).unlink()
    with pytest.raises(SnapshotDamaged, match=f"^{snapshot.id}: {name}: no existe"):
        proved_files(snapshot)


def test_a_verdict_comes_back_and_a_damaged_one_does_not(copy: Path) -> None:
    snapshot = load(copy)
    assert read_verdict(snapshot) == {"checks": []}
    (copy / "verdict.json").write_bytes(b'{"checks": ["x"]}')
    with pytest.raises(SnapshotDamaged, match=f"^{snapshot.id}: verdict.json: el SHA-256 no es"):
        read_verdict(snapshot)


def test_what_cannot_be_read_though_its_hash_is_right_is_named_by_whoever_reads_it(
    copy: Path,
) -> None:
    page = "raw/lotes-0001.json.zst"
    for name in (page, "tables/lotes.parquet", "verdict.json"):
        _replace(copy, name, b"\xff" * 40)
    snapshot = load(copy)
    with pytest.raises(SnapshotDamaged, match=rf"^{snapshot.id}: verdict\.json: no se puede leer"):
        read_verdict(snapshot)
    with pytest.raises(SnapshotDamaged, match=rf"^{snapshot.id}: tables/lotes\.parquet no es "):
        read_tables(snapshot)
    with pytest.raises(SnapshotDamaged, match=rf"^{snapshot.id}: raw/lotes-0001\.json\.zst: \w"):
        read_raw(snapshot, page)
    with pytest.raises(SnapshotDamaged, match=rf"^{snapshot.id}: raw/lotes-0001\.json\.zst: \w"):
        read_raw(snapshot, page_path(Recurso.LOTES, 1))


def test_sums_of_another_night_are_told_from_a_damaged_manifest(copy: Path, tmp_path: Path) -> None:
    other = _snapshot(tmp_path / "other", rows=4)
    (copy / SUMS_NAME).write_bytes((other.path / SUMS_NAME).read_bytes())
    assert _files(copy) == {SUMS_NAME}


@pytest.mark.parametrize(("share", "named"), [(0.4, JSON_NAME), (0.6, SUMS_NAME)])
def test_of_two_manifests_that_differ_in_more_the_one_that_most_files_speak_against_is_named(
    copy: Path, share: float, named: str
) -> None:
    lines = (copy / SUMS_NAME).read_text().splitlines()
    hashes = {line[66:]: line[:64] for line in lines}
    others = [name for name in hashes if name != JSON_NAME]
    for name in (JSON_NAME, *others[: round(share * len(others))]):
        hashes[name] = fact_of(name.encode()).sha256
    (copy / SUMS_NAME).write_bytes(to_sums(hashes))
    with pytest.raises(SnapshotDamaged, match=f"^{copy.name}: {named}: "):
        load(copy)


def test_a_digit_of_the_sum_of_the_manifest_is_told_from_a_damaged_manifest(copy: Path) -> None:
    sums = (copy / SUMS_NAME).read_text()
    line = next(line for line in sums.splitlines() if line.endswith("manifest.json"))
    flipped = ("1" if line[0] == "0" else "0") + line[1:]
    (copy / SUMS_NAME).write_text(sums.replace(line, flipped))
    assert _files(copy) == {SUMS_NAME}


@pytest.mark.parametrize("name", [JSON_NAME, SUMS_NAME])
def test_other_damage_is_named_beside_that_of_a_manifest(copy: Path, name: str) -> None:
    (copy / name).write_bytes(b"{")
    (copy / "raw" / "lotes-0001.json.zst").write_bytes(b"x")
    (copy / "tables" / "zonas.parquet").unlink()
    (copy / "mio.txt").write_text("x")
    found = {name, "raw/lotes-0001.json.zst", "tables/zonas.parquet", "mio.txt"}
    assert _files(copy) == found


TIMES = "sus horas no son las de su id"
NO_FIT = "equal_to y first_equal no concuerdan"
OTHER = "2025-11-20T060002Z-000009"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (_set("utc", value="2025-11-20T06:00:03+00:00"), [TIMES]),
        (_set("local", value="2025-11-20T06:00:02-03:00"), [TIMES]),
        (
            _set("utc", value="yesterday"),
            ["no se entiende (ValueError: Invalid isoformat string: 'yesterday')"],
        ),
        (_set("equal_to", value=OTHER), ["es igual a una noche que no es la anterior", NO_FIT]),
        (_set("first_equal", value=OTHER), [NO_FIT]),
        (
            _set("parent_manifest_sha256", value="0" * 64),
            ["nombra una noche anterior sin su hash, o un hash sin la noche"],
        ),
        (
            _set("parent", value=OTHER),
            ["nombra una noche anterior sin su hash, o un hash sin la noche"],
        ),
        (_set("pages", "lotes", "pages", value=3), ["dice 3 páginas de lotes y lista 2"]),
        (_set("pages", "lotes", "requests", value=[]), ["dice 2 páginas de lotes y lista 2"]),
        (_set("pages", value={}), ["dice 0 páginas de lotes y lista 2"]),
        (
            _set("pages", value=None),
            ["no se entiende (AttributeError: 'NoneType' object has no attribute 'get')"],
        ),
        (
            _set("resumen", value={"filas": {"lotes": 99}, "superficie_ha": {"lotes": 1.5}}),
            [
                "el resumen dice filas 99 de lotes, y las tablas otra cosa",
                "el resumen dice superficie_ha 1.5 de lotes, y las tablas otra cosa",
            ],
        ),
        (_set("resumen", value={}), ["no se entiende (KeyError: 'filas')"]),
        (
            lambda manifest: manifest["files"].append(manifest["files"][0]),
            ["lista dos veces un archivo"],
        ),
    ],
)
def test_a_manifest_that_contradicts_itself_is_found_and_told_how(
    copy: Path, change: Callable[[dict[str, Any]], None], said: list[str]
) -> None:
    _edit(copy, change)
    assert verify_folder(copy) == [
        problem_of(JSON_NAME, what, Damage.CONTRADICTION) for what in said
    ]


def test_a_night_that_is_equal_to_its_parent_contradicts_nothing(copy: Path) -> None:
    equal = {"parent": OTHER, "equal_to": OTHER, "parent_manifest_sha256": "0" * 64}
    _edit(copy, lambda manifest: manifest.update(equal, first_equal=OTHER))
    assert verify_folder(copy) == []
    _edit(copy, _set("first_equal", value="2025-11-20T060002Z-000003"))
    assert verify_folder(copy) == []
    _edit(copy, _set("equal_to", value=None))
    assert verify_folder(copy) == [problem_of(JSON_NAME, NO_FIT, Damage.CONTRADICTION)]


def test_sums_that_list_other_files_than_the_manifest_are_named_with_each_of_them(
    copy: Path,
) -> None:
    lines = (copy / SUMS_NAME).read_text().splitlines()
    hashes = {line[66:]: line[:64] for line in lines}
    del hashes["verdict.json"]
    hashes["raw/campos-0001.json.zst"] = "0" * 64
    (copy / SUMS_NAME).write_bytes(to_sums(hashes))
    assert verify_folder(copy) == [
        problem_of(
            SUMS_NAME, f"no lista los mismos archivos que manifest.json: {path}", Damage.MANIFEST
        )
        for path in ("raw/campos-0001.json.zst", "verdict.json")
    ]


@pytest.mark.parametrize(
    ("change", "said", "detalle"),
    [
        (
            _set("files", 0, "size", value=1),
            r"dice 1 bytes de raw/lotes-0001\.json\.zst, que tiene \d+ y el SHA-256 correcto",
            "",
        ),
        (
            _set("tables", "lotes", "rows", value=4),
            r"tables/lotes\.parquet tiene .*'rows': 5.*, el manifiesto dice .*'rows': 4.*",
            "tabla lotes: hay 5 filas",
        ),
    ],
)
def test_a_manifest_that_contradicts_the_files_is_found_and_told_how(
    copy: Path, change: Callable[[dict[str, Any]], None], said: str, detalle: str
) -> None:
    _edit(copy, change)
    (problem,) = verify_folder(copy)
    assert (problem.item, problem.code) == (JSON_NAME, Damage.CONTRADICTION)
    assert re.fullmatch(said, problem.notes[0])
    assert problem == problem_of(JSON_NAME, problem.notes[0], Damage.CONTRADICTION, detalle)


def _replace(folder: Path, name: str, data: bytes) -> None:
    """Another content, with all sizes and hashes made to agree: only reading can tell."""
    (folder / name).write_bytes(data)

    def restated(manifest: dict[str, Any]) -> None:
        fact = fact_of(data)
        (entry,) = (file for file in manifest["files"] if file["path"] == name)
        entry.update(size=fact.size, sha256=fact.sha256)

    _edit(folder, restated)


@pytest.mark.parametrize(
    "name", ["raw/lotes-0001.json.zst", "tables/lotes.parquet", "verdict.json"]
)
@pytest.mark.parametrize("data", [b"", b"PAR1", b"\xff" * 40])
def test_a_file_that_cannot_be_read_is_named_though_its_hash_is_right(
    copy: Path, name: str, data: bytes
) -> None:
    _replace(copy, name, data)
    (problem,) = verify_folder(copy)
    assert (problem.item, problem.code) == (name, Damage.UNREADABLE)
    by_whom = rf"no se puede leer: {name}: |{copy.name}: {name}(: | no es )|una página vacía$"
    assert re.match(by_whom, problem.notes[0])


def test_a_cut_zstd_frame_is_named_though_its_hash_is_right(copy: Path) -> None:
    name = "raw/lotes-0001.json.zst"
    _replace(copy, name, (copy / name).read_bytes()[:-3])
    assert _files(copy) == {name}


def test_a_verdict_of_another_opinion_than_the_manifest_is_found(copy: Path) -> None:
    _replace(copy, "verdict.json", b'{"accepted": false}')
    what = "dice accepted: True, verdict.json dice otra cosa"
    assert verify_folder(copy) == [problem_of(JSON_NAME, what, Damage.CONTRADICTION)]


def test_a_manifest_without_the_verdict_is_found(copy: Path) -> None:
    (copy / "verdict.json").unlink()

    def without(manifest: dict[str, Any]) -> None:
        manifest["files"] = [f for f in manifest["files"] if f["path"] != "verdict.json"]

    _edit(copy, without)
    assert _files(copy) == {JSON_NAME}


def test_the_first_stage_alone_names_a_damaged_manifest_and_reads_no_other_file(copy: Path) -> None:
    (copy / "tables" / "lotes.parquet").write_bytes(b"x")
    assert prove_manifests(copy).problems == ()
    (copy / JSON_NAME).write_bytes(b"{}")
    (problem,) = prove_manifests(copy).problems
    assert (problem.item, problem.code) == (JSON_NAME, Damage.MANIFEST)
    (copy / JSON_NAME).unlink()
    (problem,) = prove_manifests(copy).problems
    assert (problem.item, problem.code) == (JSON_NAME, Damage.MISSING)


def test_without_any_manifest_nothing_is_said_of_the_other_files(copy: Path) -> None:
    (copy / SUMS_NAME).write_bytes(b"x")
    (copy / JSON_NAME).write_bytes(b"x")
    (copy / "tables" / "lotes.parquet").unlink()
    (problem,) = verify_folder(copy)
    assert problem.item in (JSON_NAME, SUMS_NAME)


def test_an_edited_manifest_does_not_bring_sound_files_under_suspicion(copy: Path) -> None:
    manifest = json.loads((copy / JSON_NAME).read_text("utf-8"))
    manifest["files"][0].update(sha256="0" * 64, size=1)
    (copy / JSON_NAME).write_bytes(to_json(manifest))
    what = "no coincide con manifest.sha256"
    assert verify_folder(copy) == [problem_of(JSON_NAME, what, Damage.MANIFEST)]


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"files": 3}',
        '{"files": [3]}',
        '{"files": [{"path": "a", "sha256": "b", "size": "x"}]}',
        None,
    ],
)
def test_two_useless_manifests_are_one_problem(copy: Path, text: str | None) -> None:
    (copy / SUMS_NAME).write_bytes(b"x")
    (copy / JSON_NAME).unlink()
    if text is not None:
        (copy / JSON_NAME).write_text(text)
    (problem,) = verify_folder(copy)
    assert problem.item == (JSON_NAME if text is None else SUMS_NAME)


def test_figures_that_agree_with_the_tables_are_no_contradiction(copy: Path) -> None:
    stated = json.loads((copy / JSON_NAME).read_text("utf-8"))["tables"]
    figures = {
        "filas": {name: table["rows"] for name, table in stated.items()},
        "superficie_ha": {"lotes": stated["lotes"]["superficie_ha"]},
    }
    _edit(copy, _set("resumen", value=figures))
    assert verify_folder(copy) == []
    _edit(
        copy, _set("resumen", "superficie_ha", "lotes", value=figures["superficie_ha"]["lotes"] + 1)
    )
    assert _files(copy) == {JSON_NAME}


def test_a_file_that_cannot_be_opened_is_named_with_the_reason(tmp_path: Path) -> None:
    (problem,) = _check_file(tmp_path, "raw/gone.json.zst", Expected(1, "0" * 64))
    assert (problem.item, problem.code) == ("raw/gone.json.zst", Damage.UNREADABLE)
    assert problem.notes[0] == "no se puede leer: no existe"
