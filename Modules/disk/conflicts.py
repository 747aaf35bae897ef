"""Copies that OneDrive makes when two computers changed the same file: ``name-COMPUTER.ext``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from Modules.disk.publish import MANIFEST, published
from Modules.words.errors import PublishError

# Windows names computers with up to 15 letters, digits and hyphens, most often in capitals; a
# word in small letters after a hyphen is what people write ("cultivos_25-26-revisado.gpkg").
_COMPUTER: Final = re.compile(r"(?=.*[A-Z])[A-Za-z0-9][A-Za-z0-9-]{1,14}( \(\d+\)| \d+)?")


def conflict_copies(outputs: Path) -> Iterator[Path]:
    """Files beside ours that are named as OneDrive names a conflict: ``name-COMPUTER.ext``."""
    for manifest in (*outputs.glob(f"*/{MANIFEST}"), *outputs.glob(f"*/*/*/{MANIFEST}")):
        try:
            ours = {manifest.parent / name for name in published(manifest.parent)}
        except (PublishError, OSError):
            continue  # cut short: `lindero status` says so
        ours.add(manifest)
        for folder in sorted({path.parent for path in ours}):
            yield from _conflicts_in(folder, ours)


def _conflicts_in(folder: Path, ours: set[Path]) -> Iterator[Path]:
    try:
        others = [path for path in folder.iterdir() if path not in ours]
    except OSError:
        return
    for path in others:
        if any(
            path.suffix == one.suffix
            and path.stem.startswith(f"{one.stem}-")
            and _COMPUTER.fullmatch(path.stem[len(one.stem) + 1 :])
            for one in ours
            if one.parent == folder
        ):
            yield path
