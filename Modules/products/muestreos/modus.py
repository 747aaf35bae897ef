"""A sampling plan as Modus "slim" v1 JSON, for laboratories and farm software.

Modus slim (https://formats.openag.io/modus/slim/v1/0.schema.json, Open Ag Data Alliance) has one
document for a *submission* and for its *results*: a plan is the document without ``results``.
Required: ``id date type``. Samples are keyed by their id; a soil sample has one depth, so a mark
with three depths makes three samples, each with a ``sampleid`` of its own: what is on the bag. A
sample of several cores says ``compuesta``; marks are never taken together (docs/decisions/0010).
Coordinates are WGS 84 degrees, depths centimetres (UCUM).

What Modus has no place for (visiting order, state, sub-samples, code, whether it is composite,
analyses, whether a point is real or proposed) goes into each sample under ``lindero``: the schema
allows keys of one's own.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Final

CONTENT_TYPE: Final = "application/vnd.modus.slim.v1.0+json"
SUELO: Final = "soil"
SUFFIX: Final[Mapping[str, str]] = {  # of the file of each kind; a document holds one kind only
    SUELO: "",
    "plant-tissue": "_planta",
    "nematode": "_nematodos",
    "water": "_agua",
    "residue": "_residuos",
}

_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "plant-tissue": ("foliar", "hoja", "hojas", "planta", "plantas", "tejido"),
    "nematode": ("nematodo", "nematodos"),
    "water": ("agua",),
    "residue": ("rastrojo", "rastrojos", "residuo", "residuos"),
}
_KIND_OF_WORD: Final = {word: kind for kind, words in _WORDS.items() for word in words}
_json: Final = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False
).encode
_DEPTH: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*-\s*(\d+(?:\.\d+)?)\s*")


_WHOSE: Final = (  # of a sample: see ``_source``
    *("fecha", "empresa", "campo_id", "campo", "lote_id", "lote", "ambiente_id", "ambiente"),
)


@dataclass(frozen=True, slots=True)
class Muestra:
    """One point of a plan. ``lon lat`` in degrees; ``profundidades_cm`` as "0-20; 20-40"."""

    punto_id: str  # unique in the plan
    muestra_id: str  # too, and for people
    origen: str  # real or propuesto
    codigo: str | None
    punto: str
    lon: float
    lat: float
    campo_id: str
    campo: str
    lote_id: str
    lote: str
    empresa: str | None = None
    ambiente_id: str | None = None
    ambiente: str | None = None
    subtipo: str | None = None
    profundidades_cm: str | None = None
    analisis: str | None = None
    submuestras: int | None = None
    compuesta: bool | None = None
    estado: str | None = None
    fecha: date | None = None
    orden: int | None = None


@lru_cache(maxsize=1024)
def _kind(subtipo: str) -> str:
    """What Modus calls a sample of this subtipo; soil unless it says otherwise."""
    words = re.findall(r"\w+", subtipo.casefold())
    return next((_KIND_OF_WORD[word] for word in words if word in _KIND_OF_WORD), SUELO)


def modus_documents(muestras: Iterable[Muestra], *, nombre: str, fecha: date) -> dict[str, bytes]:
    """One document for each kind of sample, by Modus' name of the kind; soil always.

    UTF-8 JSON, a sample a line. ``nombre`` is for people; ``fecha`` the plan's date. The id comes
    from the content: two documents with the same id are the same document, as the schema asks.
    """
    made = {SUELO: bytearray()}
    for muestra in muestras:
        lines = made.setdefault(_kind(muestra.subtipo or ""), bytearray())  # a plan has a million
        for line in _lines(muestra):
            lines += f"{line},\n".encode()
    return {kind: _document(made[kind], kind, nombre, fecha) for kind in SUFFIX if kind in made}


def depths(text: str | None) -> list[dict[str, Any]]:
    """Modus depths out of "0-20; 20-40"; what is no range of two numbers is kept as a name."""
    found: list[dict[str, Any]] = []
    for part in _parts(text or ""):
        match = _DEPTH.fullmatch(part)
        if match is None or float(match[1]) >= float(match[2]):
            found.append({"name": part})
            continue
        top, bottom = (float(one) if "." in one else int(one) for one in match.groups())
        name = f"{match[1]}-{match[2]} cm"
        found.append({"name": name, "top": top, "bottom": bottom, "units": "cm"})
    return found


@lru_cache(maxsize=1024)
def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(";") if part.strip())


def _document(samples: bytearray, kind: str, nombre: str, fecha: date) -> bytes:
    del samples[-2:]  # the comma and the line end of the last
    about = {"date": fecha.isoformat(), "name": nombre, "type": kind}
    digest = hashlib.sha256(_json(about).encode())
    digest.update(samples)
    head = {"_type": CONTENT_TYPE, "id": f"lindero-{digest.hexdigest()[:32]}", **about}
    made = b"".join((f'{_json(head)[:-1]},"samples":{{\n'.encode(), samples, b"\n}}\n"))
    samples.clear()
    return made


def _lines(muestra: Muestra) -> Iterator[str]:
    """The samples of a point with their keys: one for each depth, one without if none is said.

    The number after the last "#" keeps ids distinct, whatever the point's own id looks like.
    Samples of one point differ in ids and depth only; the rest is written once for all of them.
    """
    ours = {
        "origen": muestra.origen,
        "orden": muestra.orden,
        "punto": muestra.punto,
        "codigo": muestra.codigo,
        "compuesta": muestra.compuesta,
        "estado": muestra.estado,
        "submuestras": muestra.submuestras,
        "analisis": _parts(muestra.analisis or "") or None,
    }
    place = {"lat": muestra.lat, "lon": muestra.lon}
    rest = _json({"geolocation": place, "lindero": _present(ours)})[1:]
    source = _source(*(getattr(muestra, name) for name in _WHOSE))
    for n, (depth, name) in enumerate(_depths_json(muestra.profundidades_cm or ""), start=1):
        sample_id = _json(f"{muestra.punto_id}#{n}")
        own = _json(f"{muestra.muestra_id}{name}")
        yield (f'{sample_id}:{{"id":{sample_id},{depth}"source":{{"sampleid":{own},{source},{rest}')


@lru_cache(maxsize=1024)
def _depths_json(text: str) -> tuple[tuple[str, str], ...]:
    """Each depth as a member, and what tells its bag from the others of the point."""
    found = depths(text)
    if len(found) < 2:
        return tuple((f'"depth":{_json(depth)},', "") for depth in found) or (("", ""),)
    names = [str(depth["name"]) for depth in found]
    marks = names if len(set(names)) == len(names) else [f"#{n}" for n in range(1, len(names) + 1)]
    return tuple(
        (f'"depth":{_json(depth)},', f" {mark}") for depth, mark in zip(found, marks, strict=True)
    )


@lru_cache(maxsize=1024)  # the points of an ambiente come one after the other
def _source(fecha: date | None, empresa: str | None, *where: str | None) -> str:
    """Whose sample it is and where: grower, farm, field and subfield are empresa … ambiente."""
    campo_id, campo, lote_id, lote, ambiente_id, ambiente = where
    subfield = None if ambiente_id is None else _present({"id": ambiente_id, "name": ambiente})
    source = {
        "date": fecha.isoformat() if fecha else None,
        "grower": {"name": empresa} if empresa else None,
        "farm": {"id": campo_id, "name": campo},
        "field": {"id": lote_id, "name": lote},
        "subfield": subfield,
    }
    return _json(_present(source))[1:]


def _present(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value is not None}
