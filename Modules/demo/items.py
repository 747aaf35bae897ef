"""A plan written down as the contract's items.

Most is tidy; some is as portals are: areas as text, a crop under one of its other names, a ring
drawn clockwise, a vertex twice. All of it can be used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, TypeAlias
from zlib import crc32

import numpy as np
import shapely
from shapely.geometry import LineString, Point
from shapely.geometry.base import BaseGeometry

from Modules.demo import shapes, words
from Modules.demo.contract import BASE_PATH, Item, Row, day_time, make_row
from Modules.demo.fotos import AMOUNT
from Modules.demo.plan import FIRST_NEW_LOTE, CampoPlan, CompanyPlan, LotePlan
from Modules.demo.shapes import Area
from Modules.geo.arrays import M2_PER_HA
from Modules.words.domain import Recurso

_Draft: TypeAlias = list[tuple[Item, BaseGeometry]]  # of one campo, geometry still in metres
_DRAWN = (Recurso.LOTES, Recurso.AMBIENTES, Recurso.MARCADORES, Recurso.ZONAS)
# Which of words.AMBIENTES a lote has, by how many it has; five: all.
_KINDS: dict[int, tuple[int, ...]] = {1: (1,), 2: (0, 3), 3: (0, 1, 3), 4: (0, 1, 2, 3)}


class Writer:
    """Writes one plan of one day; rows come back unsorted."""

    def __init__(self, plan: CompanyPlan, day: int) -> None:
        self._plan = plan
        self._now = day_time(plan.campania, day)
        self._first = day_time(plan.campania, 0)
        by_campo: dict[str, list[LotePlan]] = {campo.campo_id: [] for campo in plan.campos}
        for lote in plan.lotes:
            by_campo[lote.campo.campo_id].append(lote)
        self.rows: dict[Recurso, list[Row]] = {recurso: [] for recurso in Recurso}
        self.rows[Recurso.ZONAS] += self._regions()
        for index, campo in enumerate(plan.campos):
            self._write_campo(index, campo, by_campo[campo.campo_id])

    def _changed_at(self, rng: Random, day: int) -> str:
        """When a thing was last changed: in the hours before that day's look, or long before."""
        if day:
            at = self._first + timedelta(days=day, minutes=-rng.randint(60, 1_200))
        else:
            at = self._first - timedelta(minutes=rng.randint(60, 200_000))
        return at.isoformat()

    def _write_campo(self, index: int, campo: CampoPlan, lotes: Sequence[LotePlan]) -> None:
        self.rows[Recurso.CAMPOS].append(make_row(self._campo(index, campo, lotes)))
        drafts: dict[Recurso, _Draft] = {recurso: [] for recurso in _DRAWN}
        for lote in lotes:
            rng = self._plan.rng("lote item", lote.lote_id)
            item = self._lote(rng, lote)
            # shells counter-clockwise, as RFC 7946 wants; one in twenty the other way round
            drawn = shapely.orient_polygons(lote.area, exterior_cw=rng.random() < 0.05)
            drafts[Recurso.LOTES].append((item, drawn))
            self._write_ambientes(drafts[Recurso.AMBIENTES], lote)
            self._write_marks(drafts[Recurso.MARCADORES], lote)
            if int(lote.lote_id) % 25 == 11:
                self._write_zona(drafts[Recurso.ZONAS], lote)
        for recurso, draft in drafts.items():
            degrees = campo.frame.to_degrees([shape for _, shape in draft])
            texts = shapely.to_geojson(np.asarray(degrees, dtype=object))
            self.rows[recurso] += [make_row(i, t) for (i, _), t in zip(draft, texts, strict=True)]

    def _campo(self, index: int, campo: CampoPlan, lotes: Sequence[LotePlan]) -> Item:
        rng = self._plan.rng("campo item", campo.campo_id)
        area = sum(lote.first.area for lote in lotes) / M2_PER_HA
        company = index % 3
        new = [lote.changed_day for lote in lotes if int(lote.lote_id) > FIRST_NEW_LOTE]
        return {
            "id": campo.campo_id,
            "codigo": campo.codigo,
            "nombre": campo.nombre,
            "zona_id": f"z-{campo.lugar.zona + 1}",
            "empresa": {
                "nombre": ("Empresa Ejemplo S.A.", "Agro Ñandú S.R.L.", "La Demo & Cía.")[company],
                "cuit": f"30-0000000{company}-0",
            },
            "renspa": None if index % 7 == 6 else f"01.{index % 100:03d}.0.{index:05d}/00",
            "provincia": campo.lugar.provincia,
            "partido": campo.lugar.partido,
            "tenencia": rng.choice(("propio", "arrendado", "arrendado", "aparceria")),
            "superficie_ha": f"{area:.2f}",
            "activo": True,
            "geometry": None,
            "created_at": "2021-06-02T10:00:00-03:00",
            "updated_at": self._changed_at(rng, max(new, default=0)),
            "deleted_at": None,
        }

    def _regions(self) -> Iterator[Row]:
        for number, nombre in enumerate(words.ZONAS):
            rng = self._plan.rng("zona", number)
            places = [(lugar.lon, lugar.lat) for lugar in words.LUGARES if lugar.zona == number]
            hull = shapely.convex_hull(shapely.MultiPoint(places)).buffer(0.6, quad_segs=2)
            item: Item = {
                "id": f"z-{number + 1}",
                "nombre": nombre,
                "tipo": "region",
                "lote_id": None,
                "updated_at": self._changed_at(rng, 0),
            }
            rounded = shapely.transform(hull, lambda points: np.round(points, 4))
            yield make_row(item, "null" if number % 2 else shapely.to_geojson(rounded))

    def _lote(self, rng: Random, lote: LotePlan) -> Item:
        ha = _declared(rng, lote.area)
        useful = round(ha * rng.uniform(0.93, 0.995), 2)
        return {
            "id": lote.lote_id,
            "campo_id": lote.campo.campo_id,
            "campo_nombre": lote.campo.nombre,
            "nombre": lote.nombre,
            "campania": self._plan.campania,
            "superficie_ha": f"{ha:.2f}" if rng.random() < 0.12 else ha,
            "superficie_util_ha": None if rng.random() < 0.1 else useful,
            "siembras": list(self._siembras(lote, useful)),
            "updated_at": self._changed_at(rng, lote.changed_day),
            "deleted_at": None,
        }

    def _siembras(self, lote: LotePlan, ha: float) -> Iterator[Item]:
        rng = self._plan.rng("siembras", lote.lote_id, lote.sown_day)
        suffix = f"-{lote.sown_day}" if lote.sown_day else ""
        for orden, codigo in enumerate(lote.cultivos, start=1):
            sown, harvested = self._dates(rng, codigo)
            yield {
                "id": f"s-{lote.lote_id}-{orden}{suffix}",
                "orden": orden,
                "cultivo": _crop(rng, codigo),
                "superficie_ha": f"{ha:.2f}" if rng.random() < 0.1 else ha,
                "material": rng.choice(words.MATERIALES),
                "fecha_siembra": None if sown is None else sown.isoformat(),
                "fecha_cosecha": None if harvested is None else harvested.isoformat(),
                "estado": "cosechado" if harvested else "sembrado" if sown else "planificado",
            }

    def _dates(self, rng: Random, codigo: str) -> tuple[date | None, date | None]:
        """Sowing and harvest as known on day 0: what lies ahead has no date yet."""
        today = self._first.date()
        found: list[date | None] = []
        for month_day in words.FECHAS.get(codigo, ((10, 15), None)):
            later = timedelta(days=rng.randint(0, 20))
            at = date(today.year, *month_day) + later if month_day else None
            found.append(None if at is None or at > today else at)
        return found[0], found[1]

    def _write_ambientes(self, draft: _Draft, lote: LotePlan) -> None:
        kinds = _KINDS.get(len(lote.ambientes), (0, 1, 2, 3, 4))
        for index, area in enumerate(lote.ambientes):
            rng = self._plan.rng("ambiente", lote.lote_id, index)
            nombre, potencial, color = words.AMBIENTES[kinds[index]]
            ha = _declared(rng, area)
            item: Item = {
                "id": f"a-{lote.lote_id}-{index + 1}",
                "lote_id": lote.lote_id,
                "campania": self._plan.campania,
                "codigo": "ABCDE"[index],
                "nombre": nombre,
                "potencial": potencial,
                "orden": index + 1,
                "color": color,
                "superficie_ha": f"{ha:.2f}" if rng.random() < 0.05 else ha,
                "fuente": rng.choice(words.FUENTES),
                "version": lote.shape_version,
                "updated_at": self._changed_at(rng, lote.changed_day),
            }
            draft.append((item, area))

    def _write_marks(self, draft: _Draft, lote: LotePlan) -> None:
        rng = self._plan.rng("marcas", lote.lote_id)
        self._write_batch(draft, lote, rng, 0, lote.marcas, 0)
        start = lote.marcas
        for day, count in lote.new_marks:
            rng = self._plan.rng("m", lote.lote_id, day)
            self._write_batch(draft, lote, rng, start, count, day)
            start += count

    def _write_batch(
        self, draft: _Draft, lote: LotePlan, rng: Random, start: int, count: int, day: int
    ) -> None:
        samples = 0 if rng.random() < 0.15 else round(count * rng.uniform(0.6, 0.95))
        where: list[tuple[int | None, Area]] = [*enumerate(lote.first_ambientes)]
        if len(where) >= 3 and rng.random() < 0.3:  # some lotes leave one out
            where.pop(rng.randrange(len(where)))
        where = where or [(None, lote.first)]
        points = _spread(rng, [area for _, area in where], samples)
        points += [(0, point) for point in shapes.points_inside(rng, lote.first, count - samples)]
        for offset, (index, point) in enumerate(points):
            number = start + offset
            if offset < samples:
                body, shape = self._sample(rng, lote, where[index][0], number), Point(point)
            else:
                body, shape = self._scouting(rng, point)
            key = f"m-{lote.lote_id}-{number + 1:03d}"
            item: Item = {
                "id": key,
                "lote_id": lote.lote_id,
                "campania": self._plan.campania,
                **body,
                "adjuntos": _adjuntos(key) if body["estado"] == "hecho" else [],
                "updated_at": self._changed_at(rng, day),
            }
            if number in lote.dropped_marks:
                item["deleted_at"] = self._first.isoformat()
            draft.append((item, shape))

    def _sample(self, rng: Random, lote: LotePlan, ambiente: int | None, number: int) -> Item:
        letter = "" if ambiente is None else f"-{'ABCDE'[ambiente]}"
        code = f"{lote.campo.codigo}-{lote.first_nombre}{letter}"
        deep = rng.random() < 0.3
        body = {
            "ambiente_id": None if ambiente is None else f"a-{lote.lote_id}-{ambiente + 1}",
            "tipo": "muestreo",
            "subtipo": "suelo",
            "nombre": f"{code}-{number + 1:02d}",
            "estado": rng.choice(("planificado", "planificado", "hecho")),
            "fecha": None,
            "orden": number + 1,
            "observacion": None,
            "muestra": {
                "codigo": code,
                "compuesta": True,
                "submuestras": rng.choice((15, 20, 25)),
                "profundidades_cm": [[0, 20], [20, 40], [40, 60]] if deep else [[0, 20]],
                "analisis": list(words.ANALISIS[: rng.randint(2, len(words.ANALISIS))]),
            },
        }
        if body["estado"] == "hecho":
            body["fecha"] = self._past(rng)
        return body

    def _past(self, rng: Random) -> str:
        return (self._first.date() - timedelta(days=rng.randint(1, 120))).isoformat()

    def _scouting(self, rng: Random, point: tuple[float, float]) -> tuple[Item, BaseGeometry]:
        chance = rng.random()
        shape: BaseGeometry = Point(point)
        kinds = words.RECORRIDAS
        if chance < 0.1:
            (x, y), dx, dy = point, rng.uniform(-90, 90), rng.uniform(-90, 90)
            track = LineString([(x, y), (x + dx, y + dy), (x + dx * 1.8, y + dy * 2.1)])
            kinds, shape = words.LINEAS, track
        elif chance < 0.22:
            kinds, shape = words.MANCHONES, shapes.blob(rng, *point, rng.uniform(12, 45), 14)
        tipo, subtipo, nombre, note = rng.choice(kinds)
        body: dict[str, Any] = {
            "ambiente_id": None,
            "tipo": tipo,
            "subtipo": subtipo,
            "nombre": nombre,
            "estado": "anulado" if rng.random() < 0.04 else "hecho",
            "fecha": self._past(rng),
            "orden": None,
            "observacion": note,
            "muestra": None,
        }
        return body, shape

    def _write_zona(self, draft: _Draft, lote: LotePlan) -> None:
        rng = self._plan.rng("zona", lote.lote_id)
        point = lote.first.representative_point()
        exclusion = rng.random() < 0.6
        item: Item = {
            "id": f"zd-{lote.lote_id}",
            "nombre": "Tapera (no aplicar)" if exclusion else "Franja de prueba N°1",
            "tipo": "exclusion" if exclusion else "otro",
            "lote_id": lote.lote_id,
            "updated_at": self._changed_at(rng, 0),
        }
        draft.append((item, shapes.blob(rng, point.x, point.y, rng.uniform(25, 60), 16)))


def _adjuntos(key: str) -> list[Item]:
    """The photos of a mark: of one in thirty, one or two."""
    chance = crc32(key.encode())
    many = 0 if chance % 30 else 1 + chance // 30 % 2
    some = dict.fromkeys((chance // 30 % AMOUNT, chance // 200 % AMOUNT)[:many])
    names = [f"foto-{one + 1}.jpg" for one in some]
    return [
        {"id": name, "nombre": name, "tipo": "image/jpeg", "url": f"{BASE_PATH}/adjuntos/{name}"}
        for name in names
    ]


def _declared(rng: Random, area: Area) -> float:
    """Hectares as the portal has them: near the drawn ones, in one of thirty cases not."""
    off = rng.uniform(0.9, 1.12) if rng.random() < 0.03 else rng.uniform(0.992, 1.008)
    return float(round(area.area / M2_PER_HA * off, 2))


def _crop(rng: Random, codigo: str) -> Item:
    known = words.CULTIVO_POR_CODIGO.get(codigo)
    if known is None:
        return {"nombre": codigo}
    if codigo in words.ALIAS and rng.random() < 0.12:
        return {"nombre": rng.choice(words.ALIAS[codigo])}
    return {"codigo": known.codigo, "nombre": known.nombre}


def _spread(
    rng: Random, areas: Sequence[Area], count: int
) -> list[tuple[int, tuple[float, float]]]:
    """Points dealt out evenly over areas, as (index of the area, point)."""
    share, more = divmod(count, len(areas))
    return [
        (index, point)
        for index, area in enumerate(areas)
        for point in shapes.points_inside(rng, area, share + (index < more))
    ]


def deleted_rows(rows: Sequence[Row], now: datetime, every: int, most: int) -> list[Row]:
    """Rows taken out of use long ago, shown only with ``include_deleted``: copies under new ids."""
    gone = (now - timedelta(days=400)).isoformat()
    copies = [row.item() for row in rows[::every][:most]]
    return [make_row({**item, "id": f"{item['id']}-x", "deleted_at": gone}) for item in copies]
