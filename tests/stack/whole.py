"""Whether what lies published is whole, told by other means than Lindero's own."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path


def torn(outputs: Path) -> list[str]:
    """What is not as the manifests beside it say; empty when all is whole.

    ``manifest.sha256`` is read by ``sha256sum``, ``.lindero.json`` of the products here.
    """
    assert outputs.is_dir(), f"nothing is published in {outputs}"
    return [*_sums(outputs), *_records(outputs)]


def _sums(outputs: Path) -> Iterator[str]:
    found = sorted(outputs.rglob("manifest.sha256"))
    assert found, "no backup is published"
    for sums in found:
        said = subprocess.run(
            ["sha256sum", "--check", "--strict", "--quiet", sums.name],
            cwd=sums.parent,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if said.returncode:
            yield f"{sums.parent.name}: {said.stdout}{said.stderr}"


def _records(outputs: Path) -> Iterator[str]:
    found = sorted(outputs.rglob(".lindero.json"))
    assert found, "no product is published"
    for record in found:
        known = json.loads(record.read_text(encoding="utf-8"))
        if known["estado"] != "publicado":
            yield f"{record.parent.name}: {known['estado']}"
        for name, facts in known["files"].items():
            file = record.parent / name
            if not file.is_file():
                yield f"{file}: is not there"
            elif hashlib.sha256(file.read_bytes()).hexdigest() != facts["sha256"]:
                yield f"{file}: is another file"
