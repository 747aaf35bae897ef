"""All that a stack knows in one archive, and out of it elsewhere."""

from __future__ import annotations

import io
import json
import os
import sqlite3
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from Modules.disk import safe_files
from Modules.disk.run_lock import run_lock
from Modules.settings import Settings, load_settings
from Modules.stack import moving
from Modules.words.domain import Modo
from Modules.words.errors import DataError, PublishError, RunLocked, SettingsError, StackError

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NIGHT = "prod/snapshots/25-26/20260301T060000Z-1"
STATE = {
    f"{NIGHT}/manifest.json": b"{}",
    f"{NIGHT}/pages/lotes/1.json": "ñandú".encode() * 4000,
    "prod/acceptances.jsonl": b'{"id": "x"}\n',
    "prod/last_number": b"1\n",
    "prod/tareas.json": b"{}",
    "perfil.toml": b"[paging]\n",
}
LEFT = {  # of the machine, of a process, or half done
    "prod/run.lock": b"",
    "prod/run.json": b"{}",
    "prod/staging/x/y": b"half",
    "prod/.lindero-1.tmp": b"half",
    "prod/desktop.ini": b"",
    "stack/logs/server.log": b"line",
    "watch/told.json": b"{}",
}
ENV = b"PREFECT_POSTGRES_PASSWORD='own choice 12'\nDATABALER_PROFILE=perfil.toml\n"
FLOW = b"# mine\n"


@dataclass(frozen=True)
class Machine:
    """A project's folder and a state, of which the tests' environment tells the settings."""

    root: Path
    use: Callable[[], Settings]

    @property
    def state(self) -> Path:
        return self.root / "data" / "lindero"

    @property
    def tree(self) -> dict[str, bytes]:
        """Every file below the root but locks, which whoever looks leaves there, empty."""
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in sorted(self.root.rglob("*"))
            if path.is_file() and path.suffix != ".lock"
        }


def machine(root: Path, patch: pytest.MonkeyPatch) -> Machine:
    def use() -> Settings:
        patch.setattr(moving, "PROJECT_ROOT", root)
        patch.setenv("LINDERO_STATE_DIR", str(root / "data" / "lindero"))
        patch.setenv("LINDERO_SYMLINK_CONFIG", str(root / "symlink_config.json"))
        patch.setenv("DATABALER_PROFILE", str(root / "perfil.toml"))
        patch.setenv("LINDERO_INTEGRATIONS", str(root / "integrations.toml"))
        patch.setenv("LINDERO_GOOGLE_SERVICE_ACCOUNT", str(root / "cuenta.json"))
        return load_settings(root / ".env")

    (root / "scripts").mkdir(parents=True)
    (root / "scripts" / "backup_lotes.py").write_bytes(b"# ours\n")
    return Machine(root, use)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """A machine with nights, settings, a flow of the users' and a database of --single."""
    one = machine(tmp_path / "campo ñ", monkeypatch)
    for name, data in {**STATE, **LEFT}.items():
        (one.state / name).parent.mkdir(parents=True, exist_ok=True)
        (one.state / name).write_bytes(data)
    (one.root / ".env").write_bytes(ENV)
    (one.root / "symlink_config.json").write_bytes(b"{}")
    (one.root / "perfil.toml").write_bytes(b"[auth]\n")
    (one.root / "integrations.toml").write_bytes(b"[jira]\n")
    (one.root / "cuenta.json").write_bytes(b"{}\n")
    (one.root / "scripts" / "lluvias.py").write_bytes(FLOW)
    database = one.state / "stack" / "prefect" / "prefect.db"
    database.parent.mkdir()
    with closing(sqlite3.connect(database)) as made, made:
        made.execute("create table deployment (name text, pull_steps json)")
        made.execute("create table concurrency_limit_v2 (active_slots int)")
        made.execute("insert into concurrency_limit_v2 values (1)")
        for name, plain in (("ours", True), ("lluvias", False)):
            step = json.dumps([{"set": {"directory": str(one.root)}}], ensure_ascii=plain)
            made.execute("insert into deployment values (?, ?)", (name, step))
        made.execute("insert into deployment values ('none', null)")
    one.use()
    return one


@pytest.fixture
def there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, here: Machine) -> Machine:
    """Another machine: a checkout and nothing else."""
    return machine(tmp_path / "otra ó", monkeypatch)


@pytest.fixture
def archive(tmp_path: Path, here: Machine) -> Path:
    """What was carried from ``here``."""
    moving.backup(here.use(), tmp_path / "casa.tar", now=NOW)
    return tmp_path / "casa.tar"


def rows(state: Path, question: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(state / "stack" / "prefect" / "prefect.db")) as held:
        return held.execute(question).fetchall()


def test_everything_comes_out_elsewhere_and_nothing_of_the_machine(
    archive: Path, there: Machine
) -> None:
    there.use()
    told, settings, aside = moving.restore(archive, now=NOW)

    expected = {f"data/lindero/{name}": data for name, data in STATE.items()} | {
        ".env": ENV,
        "symlink_config.json": b"{}",
        "perfil.toml": b"[auth]\n",
        "integrations.toml": b"[jira]\n",
        "cuenta.json": b"{}\n",
        "scripts/lluvias.py": FLOW,
        "scripts/backup_lotes.py": b"# ours\n",
    }
    found = there.tree
    assert found.pop("data/lindero/stack/prefect/prefect.db")
    assert found == expected
    assert (settings.lindero_state_dir, aside) == (there.state, [])
    assert told["version"].startswith("0.")
    if sys.platform != "win32":
        assert (there.root / ".env").stat().st_mode & 0o777 == 0o644  # as it was
        assert archive.stat().st_mode & 0o777 == 0o600


def test_the_database_knows_the_project_where_it_is_now_and_no_turn_is_taken(
    archive: Path, there: Machine
) -> None:
    there.use()
    moving.restore(archive, now=NOW)

    steps = rows(there.state, "select pull_steps from deployment where name <> 'none'")
    assert [json.loads(str(step))[0]["set"]["directory"] for (step,) in steps] == [
        str(there.root)
    ] * 2
    assert rows(there.state, "select pull_steps from deployment where name = 'none'") == [(None,)]
    assert rows(there.state, "select active_slots from concurrency_limit_v2") == [(0,)]


def test_the_database_of_the_prompts_comes_along_whole_while_it_is_written(
    here: Machine, there: Machine, tmp_path: Path
) -> None:
    settings = here.use()
    with closing(sqlite3.connect(settings.prompts_database)) as writer:
        writer.execute("pragma journal_mode=wal")
        writer.execute("create table moves (n int)")
        writer.execute("insert into moves values (1)")
        writer.commit()  # in the journal beside the file, as long as somebody has it open
        writer.execute("begin immediate")
        writer.execute("insert into moves values (2)")  # and this never was
        members = moving.backup(settings, tmp_path / "todo.tar", now=NOW)
    assert [one for one in members if "prompts" in one] == ["estado/prompts.sqlite3"]
    there.use()
    moving.restore(tmp_path / "todo.tar", now=NOW)
    with closing(sqlite3.connect(there.use().prompts_database)) as held:
        assert held.execute("select n from moves").fetchall() == [(1,)]


def test_secrets_in_files_come_along(here: Machine, there: Machine, tmp_path: Path) -> None:
    place = tmp_path / "lejos" / "clave"
    place.parent.mkdir()
    place.write_bytes(b"own choice 12\n")
    (here.root / ".env").write_bytes(f"PREFECT_POSTGRES_PASSWORD_FILE={place}\n".encode())
    moving.backup(here.use(), tmp_path / "casa.tar", now=NOW)
    place.unlink()
    there.use()

    moving.restore(tmp_path / "casa.tar", now=NOW)

    assert place.read_bytes() == b"own choice 12\n"
    assert (there.root / ".env").read_bytes() == (here.root / ".env").read_bytes()


def test_the_members_are_sorted_and_what_stands_last_proves_them(archive: Path) -> None:
    with tarfile.open(archive) as tar:
        names = tar.getnames()
        told = json.loads(tar.extractfile(names[-1]).read())  # type: ignore[union-attr]
        sums = {name: sha256(tar.extractfile(name).read()).hexdigest() for name in names[:-1]}  # type: ignore[union-attr]

    assert names == [*sorted(names[:-1]), "manifiesto.json"]
    assert {name: fact["sha256"] for name, fact in told["archivos"].items()} == sums


def test_nothing_is_replaced_unless_told_and_then_it_is_put_aside(
    archive: Path, there: Machine, here: Machine
) -> None:
    with pytest.raises(SettingsError, match="ya existe"):
        moving.backup(here.use(), archive, now=NOW)
    moving.backup(here.use(), archive, now=NOW, overwrite=True)
    there.use()
    (there.root / ".env").write_bytes(b"TZ=UTC\n")
    (there.root / "symlink_config.json").write_bytes(b"{}")  # the same: stays as it is
    (there.state / "prod").mkdir(parents=True)
    (there.state / "prod" / "last_number").write_bytes(b"9\n")
    before = there.tree

    with pytest.raises(SettingsError, match=r"ya existe .*env, .*lindero:"):
        moving.restore(archive, now=NOW)
    assert there.tree == before

    _, _, aside = moving.restore(archive, now=NOW, overwrite=True)
    assert [path.name for path in sorted(aside)] == [
        ".env.antes-20260301T120000",
        "lindero.antes-20260301T120000",
    ]
    assert (aside[0].read_bytes(), (aside[1] / "prod" / "last_number").read_bytes()) == (
        b"TZ=UTC\n",
        b"9\n",
    )
    assert (there.state / "prod" / "last_number").read_bytes() == b"1\n"


@pytest.mark.parametrize("kept", [0, 0.01, 0.1, 0.3, 0.5, 0.8, 0.99, 0.9999])
def test_an_archive_that_was_cut_changes_nothing(
    archive: Path, there: Machine, kept: float
) -> None:
    data = archive.read_bytes().rstrip(b"\0")  # what follows the manifest says nothing
    archive.write_bytes(data[: int(kept * len(data))])

    refused(archive, there)


def test_an_archive_with_a_changed_byte_changes_nothing(archive: Path, there: Machine) -> None:
    data = archive.read_bytes()
    with tarfile.open(archive) as tar:
        places = [member.offset_data for member in tar] + [member.offset for member in tar]
    for at in places:
        archive.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        refused(archive, there)


HOSTILE: dict[str, Callable[[], tarfile.TarInfo]] = {
    name: lambda name=name, kind=kind: made(name, kind)  # type: ignore[misc]
    for name, kind in {
        "estado/../../fuera": tarfile.REGTYPE,
        "/tmp/fuera": tarfile.REGTYPE,
        "C:/fuera": tarfile.REGTYPE,
        "estado/a\\b": tarfile.REGTYPE,
        "otra/cosa": tarfile.REGTYPE,
        "estado/stack/run.json": tarfile.REGTYPE,
        "prefect/profiles.toml": tarfile.REGTYPE,
        "flujos/sub/x.py": tarfile.REGTYPE,
        "estado/enlace": tarfile.SYMTYPE,
        "estado/duro": tarfile.LNKTYPE,
        "estado/tubo": tarfile.FIFOTYPE,
        "estado/carpeta": tarfile.DIRTYPE,
        "estado/hueco": tarfile.GNUTYPE_SPARSE,
        "ajustes/.env": tarfile.REGTYPE,  # a twin
        "estado/de_nadie": tarfile.REGTYPE,  # not in the manifest
    }.items()
}


def made(name: str, kind: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type = kind
    member.linkname = "/etc/passwd" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
    return member


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("first", [True, False])
def test_a_hostile_member_changes_nothing(
    archive: Path, there: Machine, tmp_path: Path, name: str, first: bool
) -> None:
    with tarfile.open(archive) as tar:
        members = [(one, tar.extractfile(one).read()) for one in tar]  # type: ignore[union-attr]
    members.insert(0 if first else len(members), (HOSTILE[name](), b""))
    with tarfile.open(archive, "w") as tar:
        for member, data in members:
            tar.addfile(member, io.BytesIO(data))

    refused(archive, there)


def test_a_compressed_archive_is_no_archive_of_ours(archive: Path, there: Machine) -> None:
    """A bomb needs a compression; there is none."""
    data = archive.read_bytes()
    with tarfile.open(archive, "w:gz") as tar:
        tar.addfile(made("ajustes/.env", tarfile.REGTYPE), io.BytesIO(data))

    refused(archive, there)


def test_not_while_a_night_runs(archive: Path, here: Machine, there: Machine) -> None:
    for modo in Modo:
        with run_lock(here.state, modo), pytest.raises(RunLocked):
            moving.backup(here.use(), archive, now=NOW, overwrite=True)
        there.use()
        with run_lock(there.state, modo), pytest.raises(RunLocked):
            moving.restore(archive, now=NOW, overwrite=True)


@contextmanager
def files_no_larger_than(limit: int) -> Iterator[None]:
    """The kernel refuses to write more into one file, as a full disk does."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("limit", [0, 100, 9000])
def test_a_full_disk_changes_nothing(
    archive: Path, here: Machine, there: Machine, limit: int, tmp_path: Path
) -> None:
    kept = archive.read_bytes()
    with files_no_larger_than(limit), pytest.raises((PublishError, StackError)):
        moving.backup(here.use(), archive, now=NOW, overwrite=True)
    assert archive.read_bytes() == kept
    there.use()
    before = there.tree
    with files_no_larger_than(limit), pytest.raises((PublishError, StackError)):
        moving.restore(archive, now=NOW)
    assert there.tree == before
    assert not [*there.root.rglob("*.tmp"), *tmp_path.glob(".lindero-*")]


@pytest.mark.parametrize("refused_at", range(8))
def test_a_rename_that_is_refused_undoes_those_before(
    archive: Path, there: Machine, monkeypatch: pytest.MonkeyPatch, refused_at: int
) -> None:
    there.use()
    (there.root / ".env").write_bytes(b"TZ=UTC\n")
    (there.root / "perfil.toml").write_bytes(b"# other\n")
    (there.state / "prod").mkdir(parents=True)
    (there.state / "prod" / "last_number").write_bytes(b"9\n")
    before, count = there.tree, iter(range(99))

    def move(source: Path, target: Path, real: Callable[..., None] = safe_files.move) -> None:
        if next(count) == refused_at:
            raise PublishError("no")
        real(source, target)

    monkeypatch.setattr(safe_files, "move", move)
    with pytest.raises(PublishError, match="no"):
        moving.restore(archive, now=NOW, overwrite=True)
    assert there.tree == before
    assert next(count) > refused_at


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_a_link_among_the_backups_is_named_and_not_followed(here: Machine, tmp_path: Path) -> None:
    (here.state / "prod" / "otro").symlink_to(tmp_path)

    with pytest.raises(DataError, match="otro es un enlace"):
        moving.backup(here.use(), tmp_path / "casa.tar", now=NOW)
    assert not os.path.lexists(tmp_path / "casa.tar")


def test_a_folder_that_is_not_there_yet_is_made(here: Machine, tmp_path: Path) -> None:
    """It ended in a library's traceback."""
    moving.backup(here.use(), tmp_path / "usb" / "marzo" / "casa.tar", now=NOW)

    assert [one.name for one in (tmp_path / "usb" / "marzo").iterdir()] == ["casa.tar"]


def test_the_archive_does_not_go_among_the_backups(here: Machine) -> None:
    with pytest.raises(SettingsError, match="ahí están los backups"):
        moving.backup(here.use(), here.state / "prod" / "casa.tar", now=NOW)


def refused(archive: Path, there: Machine) -> None:
    there.use()
    before = there.tree
    with pytest.raises(DataError, match=r"casa\.tar"):
        moving.restore(archive, now=NOW, overwrite=True)
    assert there.tree == before
