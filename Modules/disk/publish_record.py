"""``.lindero.json``: what was published into a folder, and what of it is to go.

It holds sizes, hashes, times of change, the snapshot's id and when. While a publication is under
way (``PUBLISHING``) ``files`` are those that will be there, ``obsolete`` all that may still be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from Modules.disk.json_files import from_json, to_json
from Modules.disk.safe_files import FileFact, is_link, write_beside
from Modules.words.errors import DataError, PublishError
from Modules.words.names import check_names
from Modules.words.spanish import why

MANIFEST: Final = ".lindero.json"
FORMAT: Final = "lindero-published/1"
PUBLISHING: Final = "publicando"
PUBLISHED: Final = "publicado"
# what ``parse_record`` raises
NO_RECORD: Final = (DataError, PublishError, KeyError, TypeError, AttributeError, ValueError)


@dataclass(frozen=True, slots=True)
class OurFile:
    """A file of ours. ``mtime_ns`` is None while nobody has proved what lies there."""

    fact: FileFact
    mtime_ns: int | None


@dataclass(frozen=True, slots=True)
class PublishRecord:
    """The files that are there, and ours that are to go."""

    state: str
    snapshot_id: str
    files: Mapping[str, OurFile]
    obsolete: Mapping[str, OurFile]

    def entry(self, name: str) -> OurFile | None:
        """What we know of a file of ours, or None if it is not."""
        return self.files.get(name, self.obsolete.get(name))


def parse_record(data: bytes) -> PublishRecord:
    """A record out of its bytes; its state may be any text.

    Raises:
        NO_RECORD: it is none, or names files that may not be published.
    """
    raw = from_json(data, source=MANIFEST)
    if raw["format"] != FORMAT:
        raise DataError(f"{MANIFEST}: es de otro formato")
    files = {name: _entry(value) for name, value in raw["files"].items()}
    obsolete = {name: _entry(value) for name, value in raw["obsolete"].items()}
    check_names({*files, *obsolete})
    return PublishRecord(str(raw["estado"]), str(raw["snapshot"]), files, obsolete)


def read_record(folder: Path) -> tuple[PublishRecord, bool]:
    """The folder's record, and whether the list of our files was lost.

    A manifest that cannot be understood counts as lost: the folder is ours, so files with the
    names that are to be published are taken for ours too.

    Raises:
        PublishError: it is there and cannot be read.
    """
    empty = PublishRecord(PUBLISHED, "", {}, {})
    path = folder / MANIFEST
    try:
        record = parse_record(path.read_bytes())
    except FileNotFoundError:
        return empty, False
    except OSError as err:
        raise PublishError(f"{path} no se puede leer: {why(err)}") from err
    except NO_RECORD:
        return replace(empty, state=PUBLISHING), True
    if record.state not in (PUBLISHING, PUBLISHED):
        return replace(empty, state=PUBLISHING), True
    return record, False


def write_record(folder: Path, record: PublishRecord, now: datetime) -> None:
    """Replace the folder's record; where that is refused (PublishError) the old one is intact."""
    text = to_json(
        {
            "format": FORMAT,
            "estado": record.state,
            "snapshot": record.snapshot_id,
            "utc": now.astimezone(UTC).isoformat(timespec="seconds"),
            "files": {name: _plain(entry) for name, entry in record.files.items()},
            "obsolete": {name: _plain(entry) for name, entry in record.obsolete.items()},
        }
    )
    if is_link(folder / MANIFEST):
        raise PublishError(f"{folder / MANIFEST} es un enlace; sacarlo")
    write_beside(folder / MANIFEST, text)


def records_below(outputs: Path) -> Iterator[Path]:
    """The records of product folders, and of the nights that were published."""
    yield from outputs.glob(f"*/{MANIFEST}")
    yield from outputs.glob(f"*/*/*/{MANIFEST}")


def _entry(value: Mapping[str, Any]) -> OurFile:
    mtime_ns = value["mtime_ns"]
    fact = FileFact(int(value["size"]), str(value["sha256"]))
    return OurFile(fact, None if mtime_ns is None else int(mtime_ns))


def _plain(entry: OurFile) -> dict[str, Any]:
    return {"size": entry.fact.size, "sha256": entry.fact.sha256, "mtime_ns": entry.mtime_ns}
