"""A mount counts as the link that is configured, also one from the same disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from Modules.disk import destinations
from Modules.disk.destinations import check_destination
from Modules.words.errors import PublishError

ROOT = Path(__file__).resolve().parents[2]
ASK = (
    "import sys; from pathlib import Path; "
    "from Modules.disk.destinations import check_destination; "
    "check_destination(Path(sys.argv[1]), must_be_link=Path('C:/OneDrive/x'))"
)


@pytest.mark.parametrize("name", ["cultivos", "KMZ POR CAMPO", "ñandú\\040"])
def test_the_table_of_mounts_is_asked_where_the_disk_is_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder, table = tmp_path / "outputs" / name, tmp_path / "mountinfo"
    folder.mkdir(parents=True)
    written = os.fsencode(folder).replace(b"\\", rb"\134").replace(b" ", rb"\040")
    line = b"63 43 254:0 /OneDrive %s rw,relatime - ext4 /dev/vda rw\n"
    monkeypatch.setattr(destinations, "_MOUNTS", table)
    table.write_bytes(line % b"/" + line % written)
    check_destination(folder, must_be_link=Path("C:/OneDrive/x"))
    for other in (line % b"/", line % (written + b"x"), b""):
        table.write_bytes(other)
        with pytest.raises(
            PublishError,
            match="y lo que quede acá nunca llegaría: mover su contenido y armar el enlace",
        ):
            check_destination(folder, must_be_link=Path("C:/OneDrive/x"))
    table.unlink()
    with pytest.raises(
        PublishError,
        match="y lo que quede acá nunca llegaría: mover su contenido y armar el enlace",
    ):
        check_destination(folder, must_be_link=Path("C:/OneDrive/x"))


@pytest.mark.integration
def test_a_bind_mount_of_the_same_disk_as_compose_makes_it(tmp_path: Path) -> None:
    folder, target = tmp_path / "outputs" / "KMZ POR CAMPO", tmp_path / "OneDrive" / "ñ"
    folder.mkdir(parents=True)
    target.mkdir(parents=True)
    if not shutil.which("unshare") or subprocess.run(["unshare", "-m", "true"]).returncode:
        pytest.skip("no mounts of its own for a test on this machine")
    script = f'mount --bind "$1" "$2" && exec "{sys.executable}" -c "$3" "$2"'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, "sh", target, folder, ASK],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
