"""What a model may ask of us: a lote, a summary, the changes of the last accepted night. Read only.

An answer is data of ours as JSON, bounded; names in it are what people wrote, and no instruction.
What is asked for is compared with the names there are: a text can name a lote and do nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Final

from Modules.diff.changes import cambios
from Modules.night.checks_ground import land_ha
from Modules.products.source import Fuente
from Modules.prompts.calls.asking import JSON, Tool
from Modules.prompts.calls.reply import refused
from Modules.prompts.files.bundle import Bundle
from Modules.settings import Settings
from Modules.words.domain import Modo, SnapshotId

MOST_CHARACTERS: Final = 8_000
MOST_ROWS: Final = 40
_NAME: Final = {"type": "string", "minLength": 1, "maxLength": 200}


def tools_of(fuente: Fuente) -> tuple[Tool, ...]:
    """The tools over one night; areas are hectares on the WGS 84 ellipsoid."""
    lotes = fuente.tables.lotes
    columns = [one for one in ("campo", "lote", "superficie_ha", "cultivos") if one in lotes]

    def lote(campo: str, lote: str) -> JSON:
        same = lotes[(lotes["campo"] == campo) & (lotes["lote"] == lote)]
        return _rows(
            same[columns].astype(object).where(same[columns].notna(), None).to_dict("records")
        )

    def resumen() -> JSON:
        land = lotes.assign(superficie_ha=land_ha(fuente.tables))  # each piece of ground once
        by = land.groupby("campo", sort=True)["superficie_ha"].agg(["size", "sum"])
        rows = [
            {"campo": str(campo), "lotes": int(size), "superficie_ha": round(float(total), 1)}
            for campo, size, total in by.itertuples()
        ]
        total = round(float(land["superficie_ha"].sum()), 1)
        known = {"campania": str(fuente.campania), "lotes": len(lotes), "superficie_ha": total}
        return {**known, "campos": _rows(sorted(rows, key=lambda row: -row["superficie_ha"]))}

    def de_la_noche(campo: str = "") -> JSON:
        names = ("campo", "lote", "que", "detalle")
        changes = fuente.changes.contadas()  # an answer has to fit
        rows = [dict(zip(names, row, strict=True)) for row in cambios(changes)]
        return _rows([row for row in rows if not campo or row["campo"] == campo])

    both, one = {"campo": _NAME, "lote": _NAME}, {"campo": _NAME}
    return (
        Tool("cambios", "Qué cambió en la última noche, de todos los campos o de uno.",
             _schema(one, ()), de_la_noche),
        Tool("lote", "Superficie (ha) y cultivos de un lote, por los nombres de campo y lote.",
             _schema(both, tuple(both)), lote),
        Tool("resumen", "Lotes y superficie (ha) de la campaña y de cada campo.",
             _schema({}, ()), resumen),
    )  # fmt: skip


class NightTools:
    """The tools over the last accepted night: read only where a task has any, and once a night."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._turn = settings, Lock()
        self._read: tuple[SnapshotId | None, tuple[Tool, ...]] = (None, ())

    def __call__(self, bundle: Bundle) -> tuple[Tool, ...]:
        """The tools that a bundle may use; SettingsError or DataError where no night is."""
        if not any(task.tools for task in bundle.tasks.values()):
            return ()
        from Modules.jobs.products import order
        from Modules.store.snapshots import SnapshotStore

        store = SnapshotStore(self._settings.store_dir(Modo.PROD))
        with self._turn:
            last = store.find("ultimo")
            if self._read[0] != last.id:
                night = order(self._settings, Modo.PROD, store, last, datetime.now(UTC))
                self._read = (last.id, tools_of(night.fuente))
            return self._read[1]


def answer_of(tools: Sequence[Tool], name: str, args: str | Mapping[str, Any] | None) -> str:
    """What a model is told: JSON of a bounded size, or what was wrong with its question."""
    found = next((one for one in tools if one.name == name), None)
    if found is None:
        return _written(
            {"error": f"no hay esa herramienta; hay {', '.join(t.name for t in tools)}"}
        )
    try:
        given = json.loads(args or "{}") if isinstance(args, str) else dict(args or {})
    except (ValueError, RecursionError):
        return _written({"error": "los argumentos no son JSON"})
    if said := refused(given, found.schema):
        return _written({"error": said[:500]})
    text = _written(found.run(**given))
    if len(text) <= MOST_CHARACTERS:
        return text
    return _written({"error": "la respuesta es demasiado larga: preguntar por menos"})


def _schema(properties: Mapping[str, JSON], required: Sequence[str]) -> dict[str, JSON]:
    shape = {"type": "object", "properties": dict(properties), "additionalProperties": False}
    return {**shape, "required": list(required)}


def _rows(rows: Sequence[Mapping[str, Any]]) -> dict[str, JSON]:
    """The first of them, each text cut, and how many there are."""
    kept = [{k: v[:200] if isinstance(v, str) else v for k, v in row.items()} for row in rows]
    return {"total": len(rows), "filas": kept[:MOST_ROWS]}


def _written(value: JSON) -> str:
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, default=str)
    return text.encode("utf-8", "replace").decode()  # half a surrogate cannot be sent
