"""Which backups there are, one row each, and what one is on one page. Spanish.

The page says when, from where, what the checks said and what is in it. No table is opened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from Modules.settings import Settings
from Modules.store.snapshot import Snapshot, read_verdict
from Modules.store.snapshots import SnapshotStore
from Modules.words.domain import Campania, Modo, SnapshotId
from Modules.words.spanish import markdown, markdown_table, moment, number


def list_snapshots(
    settings: Settings, campanias: Sequence[Campania], *, modo: Modo
) -> list[dict[str, Any]]:
    """One row a snapshot, oldest first: id, local time, state, lotes, ha, what it is equal to.

    Of all campañas where none is named. Of a damaged one only the id and the state are known.
    """
    store = SnapshotStore(settings.store_dir(modo))
    rows: list[dict[str, Any]] = []
    for season in campanias or (None,):
        for one in (*store.accepted(season), *store.quarantined(season)):
            figures = one.manifest["tables"]["lotes"]
            row = {
                "id": str(one.id),
                "hora_local": moment(one.id.utc, settings.zone),
                "campania": str(one.campania),
                "estado": "aceptado" if one.accepted else "cuarentena",
                "lotes": figures["rows"],
                "ha": round(figures["superficie_ha"], 1),
                "igual_a": None if one.equal_to is None else str(one.equal_to),
            }
            rows.append(row)
        for path, _ in store.damaged(season):
            when = moment(SnapshotId.parse(path.name).utc, settings.zone)
            known = {"id": path.name, "hora_local": when}
            known |= {"campania": path.parent.name.replace("-", "/"), "estado": "dañado"}
            rows.append(known | dict.fromkeys(("lotes", "ha", "igual_a")))
    return sorted(rows, key=lambda row: SnapshotId.parse(row["id"]))


def describe(snapshot: Snapshot, zone: ZoneInfo) -> dict[str, Any]:
    """Everything worth knowing of a snapshot, as plain JSON; SnapshotDamaged by its verdict."""
    manifest = snapshot.manifest
    verdict = read_verdict(snapshot)
    return {
        "id": str(snapshot.id),
        "campania": str(snapshot.campania),
        "estado": "aceptado" if snapshot.accepted else "cuarentena",
        "hora_local": moment(snapshot.id.utc, zone),
        "utc": manifest["utc"],
        "portal": dict(manifest["portal"]),
        "parent": manifest["parent"],
        "equal_to": manifest["equal_to"],
        "first_equal": manifest["first_equal"],
        "acceptance": None if snapshot.acceptance is None else dict(snapshot.acceptance),
        "verdict": {
            "accepted": verdict.get("accepted"),
            "first_night": verdict.get("first_night"),
            "checks": verdict.get("checks", []),
        },
        "tablas": {name: dict(facts) for name, facts in manifest["tables"].items()},
        "paginas": {name: facts["pages"] for name, facts in manifest["pages"].items()},
        "versions": manifest.get("versions", {}),
        "archivos": len(snapshot.files),
        "bytes": snapshot.size_bytes,
        "manifest_sha256": snapshot.manifest_sha256,
        "carpeta": str(snapshot.path),
    }


def as_markdown(facts: Mapping[str, Any]) -> str:
    """``describe`` for people."""
    tables = []
    for name, table in facts["tablas"].items():
        ha = number(table["superficie_ha"], 1) if "superficie_ha" in table else ""
        tables.append((markdown(name), number(table["rows"]), ha))
    checks, rows = facts["verdict"]["checks"], []
    for check in checks:  # what did not pass first; of the others only how many there were
        if not check["passed"]:
            said = "RECHAZA" if check["blocking"] else "aviso"
            figures = check.get("figures", {}).items()
            said_of = ", ".join(f"{name} {_number(value)}" for name, value in figures)
            notes = "; ".join((*check["notes"], said_of))
            rows.append((markdown(str(check["name"])), said, markdown(notes.strip("; "))))
    rows.sort(key=lambda row: row[1])
    passed = sum(bool(check["passed"]) for check in checks)
    rows.append((f"{passed} de {len(checks)} controles", "bien", ""))
    parts = [
        f"# Backup {facts['id']}",
        "\n".join(f"- **{name}**: {markdown(text)}" for name, text in _lines(facts)),
        "## Tablas",
        markdown_table(("tabla", "filas", "ha"), tables),
        "## Controles",
        markdown_table(("control", "resultado", "notas"), rows),
    ]
    return "\n\n".join(parts)


def _lines(facts: Mapping[str, Any]) -> list[tuple[str, str]]:
    portal, taken = facts["portal"], facts["acceptance"]
    lines = [
        ("Campaña", facts["campania"]),
        ("Traído", f"{facts['hora_local']} ({facts['utc']})"),
        ("Portal", f"{portal['origin']}, perfil {portal['profile']}"),
        ("Estado", facts["estado"]),
    ]
    if taken is not None:
        lines.append(("Aceptado por", f"{taken['who']}, {taken['utc']}: {taken['reason']}"))
    lines.append(("Comparado con", facts["parent"] or "ninguno: es el primero"))
    if facts["equal_to"] is not None:
        same = f"{facts['equal_to']} (los mismos datos desde {facts['first_equal']})"
        lines.append(("Igual a", same))
    size_mb = number(facts["bytes"] / 1e6, 1)
    lines.append(("Archivos", f"{facts['archivos']}, {size_mb} MB, en {facts['carpeta']}"))
    return lines


def _number(value: Any) -> str:
    if isinstance(value, float):
        return number(value, 2)
    return number(value) if isinstance(value, int) else str(value)
