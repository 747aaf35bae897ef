"""``maquinas/``: campos, lotes and ambientes for terminals and the programs of machines.

Of each company ZIPs called ``maquinas_25-26 - <empresa> - …``:

* ``isoxml_v4``, ``isoxml_v3``: their folder ``TASKDATA`` goes to a stick
* ``lotes_shp``, ``ambientes_shp``: Shapefiles by Client, Farm, Field (and Zona)
* ``lotes_kml``: a folder for each campo with a KML for each lote, called as it

Client is the company, farm the campo, field the lote. Zones have no dose: that is of whoever
prescribes. Numbers are those of ``store.numeros``: tomorrow a terminal knows a lote again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import shapely

from Modules.disk.safe_files import write_new
from Modules.formats import isoxml
from Modules.formats.cells import cells
from Modules.formats.isoxml import MAX_TEXT, MAX_ZONES, Rings, element, polygons
from Modules.formats.kml_geometry import geometry_texts
from Modules.formats.kml_text import title
from Modules.formats.kmz import zip_bytes
from Modules.formats.shapefile import shp_parts
from Modules.geo.arrays import M2_PER_HA
from Modules.portal.collector import without_collector
from Modules.products.kmz.layers import Lotes
from Modules.products.maquinas.menus import Ambiente, Empresa, Lote, Menu, menu
from Modules.products.source import Fuente
from Modules.store.numeros import CAMPO, EMPRESA, LOTE, ZONA_DE
from Modules.words.names import ascii_text, look, unique_names

SIN_EMPRESA: Final = "Sin empresa"
_FILE_LENGTH: Final = 60  # characters of the company in the name of a file
_NEXT_TASK: Final = 10_000_000  # more than lotes ever have numbers
_COLOURS: Final = {"alto": 2, "medio": 14, "bajo": 12}  # green, yellow, red of ISO 11783-6
_KML: Final = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2">'
    '<Document><name>%s</name><Placemark id="lote-%d"><name>%s</name><ExtendedData>'
    '<Data name="Client"><value>%s</value></Data><Data name="Farm"><value>%s</value></Data>'
    '<Data name="Field"><value>%s</value></Data></ExtendedData>%s</Placemark></Document></kml>\n'
)


@without_collector()
def build_maquinas(fuente: Fuente, work: Path) -> dict[str, Path]:
    """Write the files below ``work``; names as published, to paths. Of no lotes there is none.

    Raises:
        PublishError: the disk refused.
    """
    noche, slug = Lotes(fuente.tables), fuente.campania.slug
    shapes = noche.filas["lotes"]["geometry"].to_numpy()
    kml, rings = geometry_texts(shapes), isoxml.contours(shapes)
    zones = isoxml.contours(noche.filas["ambientes"]["geometry"].to_numpy())
    built: dict[str, Path] = {}

    def keep(kind: str, empresa: str, parts: Mapping[str, bytes]) -> None:
        name = f"maquinas_{slug} - {empresa} - {kind}.zip"  # ".gpkg.zip" is another thing to GDAL
        write_new(work / name, zip_bytes(parts))
        built[name] = work / name

    for file, empresa in _empresas(fuente, noche).items():
        names, plain = menu(empresa, str), menu(empresa)
        for version, used in ((4, names), (3, plain)):
            texts = _elements(version, empresa, used, rings, zones)
            keep(f"isoxml_v{version}", file, {isoxml.NAME: isoxml.taskdata(version, texts)})
        for layer, table in _tables(noche, empresa, plain).items():
            keep(f"{layer}_shp", file, shp_parts(table, work, f"{layer}_{slug}"))
        maps, client = {}, title(names.empresa)
        for one in empresa.lotes:  # a KML for each in the folder of its campo
            farm, field = names.campo[one.campo_id], names.lote[one.lote_id]
            values = (title(field), one.numero, title(field), client, title(farm), title(field))
            maps[f"{farm}/{field}.kml"] = (_KML % (*values, kml[one.fila])).encode()
        keep("lotes_kml", file, maps)
    return built


def _empresas(fuente: Fuente, noche: Lotes) -> dict[str, Empresa]:
    """The companies that have lotes, by what their files are called; one however it is written."""
    campos = fuente.tables.campos
    company = dict(zip(campos["campo_id"], cells(campos["empresa"]), strict=True))
    written: dict[str, set[str]] = {"": {SIN_EMPRESA}}
    for name in filter(None, company.values()):
        written.setdefault(look(name), set()).add(name)
    lotes: dict[str, list[Lote]] = {}
    for lote in _numbered(fuente, noche):
        lotes.setdefault(look(company.get(lote.campo_id) or ""), []).append(lote)
    shown = {key: min(written[key]) for key in sorted(lotes)}
    numbers = dict(zip(shown, fuente.numeros.of(EMPRESA, shown).tolist(), strict=True))
    files = unique_names(shown, _FILE_LENGTH)
    return {files[key]: Empresa(shown[key], numbers[key], lotes[key]) for key in shown}


def _numbered(fuente: Fuente, noche: Lotes) -> Iterator[Lote]:
    """The lotes and their zones with the numbers that they keep."""
    numeros = fuente.numeros
    own = numeros.of(LOTE, noche.lote_id).tolist()
    campos = numeros.of(CAMPO, noche.campo_id).tolist()
    m2 = (noche.filas["lotes"]["superficie_ha"] * M2_PER_HA).round().astype(int).tolist()
    zones = noche.filas["ambientes"]
    ids, names, potentials = (
        cells(zones[name]).tolist() for name in ("ambiente_id", "ambiente", "potencial")
    )
    for row, (lote_id, at) in enumerate(zip(noche.lote_id, noche.ambientes_of, strict=True)):
        tareas: dict[str, list[Ambiente]] = {}
        for i in at:
            code = int(numeros.of(f"{ZONA_DE}{lote_id}", ids[i : i + 1])[0])
            task = f"/{(code - 1) // MAX_ZONES}" if code > MAX_ZONES else ""
            one = Ambiente(ids[i], names[i], potentials[i], code, i)
            tareas.setdefault(f"{lote_id}{task}", []).append(one)
        campo = (noche.campo_id[row], noche.campo[row], campos[row])
        yield Lote(lote_id, noche.lote[row], own[row], *campo, m2[row], row, tareas)


def _elements(
    version: int, empresa: Empresa, names: Menu, rings: Sequence[Rings], zones: Sequence[Rings]
) -> Iterator[str]:
    """Customer, farms, fields and tasks, in the order of the schemas."""
    customer = empresa.numero
    yield element("CTR", A=customer, B=names.empresa)
    for campo_id, number in {one.campo_id: one.campo_numero for one in empresa.lotes}.items():
        yield element("FRM", A=number, B=names.campo[campo_id], I=customer)
    for lote in empresa.lotes:
        yield element(
            "PFD",
            polygons(version, isoxml.BOUNDARY, rings[lote.fila]),
            A=lote.numero,
            B=lote.lote_id if len(lote.lote_id) <= MAX_TEXT else None,
            C=names.lote[lote.lote_id],
            D=lote.m2,
            E=customer,
            F=lote.campo_numero,
        )
    for lote in empresa.lotes:
        for key, own in lote.tareas.items():
            inside = (
                element(
                    "TZN",
                    polygons(version, isoxml.ZONE, zones[one.fila]),
                    A=(one.codigo - 1) % MAX_ZONES + 1,
                    B=names.zona[one.ambiente_id],
                    C=_COLOURS.get(one.potencial or ""),
                )
                for one in own
            )
            yield element(
                "TSK",
                "".join(inside),
                A=lote.numero + (own[0].codigo - 1) // MAX_ZONES * _NEXT_TASK,
                B=names.tarea[key],
                C=customer,
                D=lote.campo_numero,
                E=lote.numero,
                G=isoxml.PLANNED,
            )


def _tables(noche: Lotes, empresa: Empresa, names: Menu) -> dict[str, pa.Table]:
    """The layers under the names that programs of machines look for; that of ambientes if any."""

    def table(layer: str, owned: Sequence[tuple[Lote, int]], **rest: Sequence[Any]) -> pa.Table:
        rows = noche.filas[layer].iloc[[row for _, row in owned]]
        whose = {
            "Client": [names.empresa] * len(rows),
            "Farm": [names.campo[lote.campo_id] for lote, _ in owned],
            "Field": [names.lote[lote.lote_id] for lote, _ in owned],
        }
        area = pa.array(rows["superficie_ha"]).cast(pa.decimal128(12, 4), safe=False)
        geometry = shapely.to_wkb(rows["geometry"].to_numpy())
        return pa.table({**whose, **rest, "Area_ha": area, "geometry": geometry})

    lotes = empresa.lotes
    zones = [(lote, one) for lote in lotes for one in lote.ambientes]
    found = {
        "lotes": table(
            "lotes",
            [(one, one.fila) for one in lotes],
            Cultivo=[ascii_text(noche.cultivos_text(one.fila)) for one in lotes],
            Numero=[one.numero for one in lotes],
            lote_id=[one.lote_id for one in lotes],
        )
    }
    if zones:
        found["ambientes"] = table(
            "ambientes",
            [(lote, one.fila) for lote, one in zones],
            Zona=[names.zona[one.ambiente_id] for _, one in zones],
            Potencial=[ascii_text(one.potencial or "") for _, one in zones],
            Numero=[one.codigo for _, one in zones],
            amb_id=[one.ambiente_id for _, one in zones],
        )
    return found
