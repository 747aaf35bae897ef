"""The KMZ of one night: four families for phones and Google Earth, and the sampling map.

``KMZ POR CAMPO`` a file for each campo · ``KMZ POR LOTE`` one for each lote, with its ambientes and
marcadores · ``KMZ POR CULTIVO CAMPO`` and ``KMZ POR CULTIVO LOTE`` the same by what is sown, a
placemark for each siembra; lotes without any are under "Sin cultivo". A lote with several siembras
has the colour of the last one. By lote the first photos of its marcadores are inside, small. The
same night gives the same bytes.

Files go to a scratch folder; what is returned is for ``publish_files``. Above 1,000 placemarks or
10 MB unpacked a file is written in parts, and a warning (Spanish, for the report) says so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, starmap
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

import geopandas as gpd
import pandas as pd

from Modules.formats.cells import cells
from Modules.formats.kml_document import MAX_BYTES, MAX_PLACEMARKS, Document, Entry, Folder
from Modules.formats.kml_geometry import LookAt
from Modules.formats.kml_styles import CONTORNO, ETIQUETA, Estilo
from Modules.formats.kmz import KmzWriter, Mapa, write_below
from Modules.products.entry import Hecho
from Modules.products.kmz import POR_CAMPO, POR_CULTIVO_CAMPO, POR_CULTIVO_LOTE, POR_LOTE, PRODUCTO
from Modules.products.kmz.kinds import LOTE, RECORRIDO, SIN_SIEMBRA, Grupo, in_legend, tipo
from Modules.products.kmz.layers import (
    Capa,
    Lotes,
    ambientes_capa,
    puntos_capa,
    recorridos,
    rows_by,
)
from Modules.products.runner import Runner, serial
from Modules.products.source import Fotos, Fuente, fuente_of
from Modules.words.names import safe_name, unique_names
from Modules.words.spanish import count, hectares, moment

CAMPOS: Final = 150  # of one piece: 2,500 lotes and what is in them; fewer are not worth a process
_CAMPO_LENGTH: Final = 30  # characters: the longest path leaves room for a folder of OneDrive
_CULTIVO_LENGTH: Final = 24
_LOTE_LENGTH: Final = 24
_FILE_BYTES: Final = 200  # of the 255 that Linux gives a name
_LOTES: Final = ("lote", "lotes")
_AMBIENTES: Final = ("ambiente", "ambientes")
_MARCADORES: Final = ("marcador", "marcadores")
_SIEMBRAS: Final = ("siembra", "siembras")
_PUNTOS: Final = ("punto", "puntos")
_RECORRIDO: Final = Estilo(
    "recorrido", "#D81B60", fill=False, line="#D81B60", width=2.5, balloon=RECORRIDO.balloon
)
_OF_LOTE: Final = ["campo_id", "campo", "lote_id"]
_SIGLA_LENGTH: Final = 24
_CONTORNO: Final = replace(CONTORNO, balloon=LOTE.balloon)
_LAST_CROP: Final = "Donde hay más de un cultivo, el color es el del último."


class _Tramo(NamedTuple):
    """Some maps, as whoever makes them is given them."""

    maps: Callable[[], Mapping[str, Iterable[Mapa]]]  # by folder
    beside: Mapping[str, Sequence[str]]  # of folders that others have maps in, the paths of all
    limits: tuple[int, int]  # of a file: placemarks, bytes


def build_mapas_kmz(
    fuente: Fuente,
    work: Path,
    fotos: Fotos | None = None,
    *,
    familias: Sequence[str] = PRODUCTO.carpetas,
    max_placemarks: int = MAX_PLACEMARKS,
    max_bytes: int = MAX_BYTES,
    run: Runner = serial,
    campos: int = CAMPOS,
) -> Hecho:
    """Write the families of KMZ below ``work``; above a limit (bytes unpacked) a file is split.

    ``run`` makes the maps, of so many campos at a time.

    Raises:
        PublishError: the disk refused.
    """
    tables, slug, limits = fuente.tables, fuente.campania.slug, (max_placemarks, max_bytes)
    none = {name: getattr(tables, name).head(0) for name in ("ambientes", "marcadores")}
    bare = Lotes(replace(tables, **none))
    names = _Names.of(bare)
    # how a crop that nobody knows is spelled does not hang on the campos beside it
    crops = pd.array([group.nombre for group in bare.crops], dtype="string")
    alike = replace(tables, siembras=bare.filas["siembras"].assign(cultivo=crops))
    campo_ids = list(dict.fromkeys(bare.campo_id))
    beside = {  # the paths of all maps, where those of several campos lie in one folder
        POR_CAMPO: [f"{slug}/{names.campo[campo_id]}" for campo_id in campo_ids],
        POR_CULTIVO_CAMPO: [_cultivo_path(fuente, names, *one[:2]) for one in _by_cultivo(bare)],
    }
    night = replace(fuente, tables=alike)
    land = dict(zip(bare.lote_id, bare.tierra_ha, strict=True))  # neighbours may be of another
    pieces = (
        _Tramo(
            partial(_familias, fuente_of(night, ids), names, land, fotos, familias), beside, limits
        )
        for _, ids in _some(campo_ids, campos, tables.lotes)
    )
    made = _written(run if len(campo_ids) > campos else serial, pieces, work)
    carpetas = {familia: made.get(familia, ({}, []))[0] for familia in familias}
    return Hecho(carpetas, tuple(chain(*(made[familia][1] for familia in made))))


def _familias(
    fuente: Fuente,
    names: _Names,
    land: Mapping[str, float],
    fotos: Fotos | None,
    familias: Sequence[str],
) -> dict[str, Iterator[Mapa]]:
    lotes = Lotes(fuente.tables, fotos)
    lotes.tierra_ha = [land[lote_id] for lote_id in lotes.lote_id]
    makers = {
        POR_CAMPO: _por_campo,
        POR_LOTE: _por_lote,
        POR_CULTIVO_CAMPO: _por_cultivo_campo,
        POR_CULTIVO_LOTE: _por_cultivo_lote,
    }
    return {familia: makers[familia](fuente, lotes, names) for familia in familias}


def _drawn(chunk: _Tramo) -> dict[str, tuple[list[tuple[str, bytes]], list[str]]]:
    made = {}
    for folder, maps in chunk.maps().items():
        writer = KmzWriter(*chunk.limits)
        made[folder] = [*writer.packed([*maps], chunk.beside.get(folder, ()))], writer.avisos
    return made


def _written(
    run: Runner, pieces: Iterable[_Tramo], work: Path
) -> dict[str, tuple[dict[str, Path], list[str]]]:
    """By folder the files of all pieces, below ``work``, and the warnings."""
    made: dict[str, tuple[dict[str, Path], list[str]]] = {}
    for drawn in run(_drawn, pieces):
        for folder, (files, avisos) in drawn.items():
            built, said = made.setdefault(folder, ({}, []))
            built |= write_below(work / folder, files)
            said += avisos
    return made


def _some(
    campos: Sequence[str], juntos: int, frame: pd.DataFrame
) -> Iterator[tuple[Sequence[str], set[str]]]:
    """Some campos at a time, and the lotes that ``frame`` has in them."""
    for at in range(0, len(campos), juntos):
        some = campos[at : at + juntos]
        yield some, {*cells(frame["lote_id"][frame["campo_id"].isin(some)])}


def build_muestreos_kmz(
    fuente: Fuente,
    puntos: gpd.GeoDataFrame,
    ambientes: gpd.GeoDataFrame,
    work: Path,
    *,
    stem: str = "",
    title: str = "",
    max_placemarks: int = MAX_PLACEMARKS,
    max_bytes: int = MAX_BYTES,
    run: Runner = serial,
    juntos: int = CAMPOS,
) -> Hecho:
    """Write ``muestreos_25-26.kmz``, for a crew: see ``_muestreos``; too large, one for each campo.

    ``run`` makes those, of some campos at a time (see ``build_mapas_kmz``). ``puntos`` are as
    ``muestreos.plan.PUNTOS``, ``ambientes`` as its ``AMBIENTES_PLAN``; ``stem`` and ``title`` are
    of another plan than the night's.

    Raises:
        PublishError: the disk refused.
    """
    marks = fuente.tables.marcadores
    sampled = {name: tipo(name).key == tipo("muestreo").key for name in {*cells(marks["tipo"])}}
    scouted = marks.loc[[not sampled[name] for name in cells(marks["tipo"])]]
    fuente = replace(fuente, tables=replace(fuente.tables, marcadores=scouted))
    both = pd.concat([puntos[_OF_LOTE], ambientes[_OF_LOTE]])
    campos = dict(zip(cells(both["campo_id"]), cells(both["campo"]), strict=True))
    stem = stem or f"muestreos_{fuente.campania.slug}"
    title = title or f"Muestreos {fuente.campania}"
    limits = max_placemarks, max_bytes
    if len(campos) < 2 or len(puntos) <= max_placemarks:  # more never fit
        siglas = _siglas(fuente, campos) if len(campos) > 1 else {}
        writer = KmzWriter(*limits)
        maps = _muestreos_maps(fuente, puntos, ambientes, [(None, stem, title)], siglas)
        (whole,) = maps[""]
        if len(campos) < 2 or writer.fits(whole.document, whole.document.render()):
            built = write_below(work, writer.packed([whole]))
            return Hecho({"muestreos": built}, tuple(writer.avisos))
    names = unique_names({key: f"{stem} - {campo}" for key, campo in campos.items()})
    order = sorted(campos, key=names.__getitem__)
    drawn = pd.concat([fuente.tables.lotes, both])

    def piece(some: Sequence[str], lote_ids: set[str]) -> _Tramo:
        points, zones = (one[one["campo_id"].isin(some)] for one in (puntos, ambientes))
        maps = [(key, names[key], f"{title} · {campos[key]}") for key in some]
        part = partial(_muestreos_maps, fuente_of(fuente, lote_ids), points, zones, maps)
        return _Tramo(part, {"": list(names.values())}, limits)

    pieces = (piece(*one) for one in _some(order, juntos, drawn))
    made = _written(run if len(order) > juntos else serial, pieces, work)
    aviso = f"{stem}.kmz es demasiado grande para un teléfono: hay un archivo por campo"
    return Hecho({"muestreos": made[""][0]}, (aviso, *made[""][1]))


def _muestreos_maps(
    fuente: Fuente,
    puntos: gpd.GeoDataFrame,
    ambientes: gpd.GeoDataFrame,
    maps: Sequence[tuple[str | None, str, str]],
    siglas: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, Iterator[Mapa]]:
    """The maps of campos (None: all), each with its path and title; without marks of samplings."""
    lotes = Lotes(fuente.tables)
    boxes = dict(zip(lotes.capa.keys, lotes.capa.bounds.tolist(), strict=True))
    used = {*cells(puntos["lote_id"]), *cells(ambientes["lote_id"])}
    campos = {*cells(puntos["campo_id"]), *cells(ambientes["campo_id"])}
    points, campo_of_point = puntos_capa(puntos, boxes, siglas)
    zones, campo_of_zone = ambientes_capa(ambientes)
    lines, campo_of_line = recorridos(puntos)
    plots = [key if lotes.lote_id[i] in used else "" for i, key in enumerate(lotes.campo_id)]
    by_campo = [  # rows of each layer; under None those of all the campos
        {None: [i for i, key in enumerate(keys) if key in campos], **rows_by(keys)}
        for keys in (campo_of_point, campo_of_zone, lotes.marcadores_campo, plots, campo_of_line)
    ]

    def mapa(only: str | None, path: str, title: str) -> Mapa:
        *rows, ways = (found.get(only, []) for found in by_campo)
        way = Folder("Recorrido", [lines[i] for i in ways], [campo_of_line[i] for i in ways])
        sampled, zoned, marked, outlined = map(
            _Cut, (points, zones, lotes.marcadores, lotes.capa), rows
        )
        return Mapa(path, _muestreos(fuente, title, lotes, sampled, zoned, marked, outlined, way))

    return {"": starmap(mapa, maps)}


def _siglas(fuente: Fuente, campos: Mapping[str, str]) -> dict[str, str]:
    """A short name of each campo: its code where it has one."""
    codes = dict(zip(fuente.tables.campos["campo_id"], fuente.tables.campos["codigo"], strict=True))
    short = {key: campo if pd.isna(codes.get(key)) else codes[key] for key, campo in campos.items()}
    return unique_names(short, _SIGLA_LENGTH)


@dataclass(frozen=True, slots=True)
class _Names:
    """Folder names by id; stable whatever else is sown this night."""

    campo: dict[str, str]
    cultivo: dict[str, str]

    @classmethod
    def of(cls, lotes: Lotes) -> _Names:
        crops = {group.key: group.nombre for row in lotes.cultivos for group in row}
        crops[SIN_SIEMBRA.key] = SIN_SIEMBRA.nombre
        return cls(unique_names(lotes.campos, _CAMPO_LENGTH), unique_names(crops, _CULTIVO_LENGTH))


def _lote_names(lotes: Lotes) -> list[str]:
    """A safe name for each lote, unique in its campo."""
    names: dict[str, str] = {}
    for rows in rows_by(lotes.campo_id).values():
        texts = {lotes.lote_id[row]: lotes.lote[row] for row in rows}
        names |= unique_names(texts, _LOTE_LENGTH)
    return [names[lote_id] for lote_id in lotes.lote_id]


def _file_name(*parts: str) -> str:
    """Safe names joined: as unique as they are, also where they are too long together."""
    name = " - ".join(parts)
    if len(name.encode("utf-8")) <= _FILE_BYTES:
        return name
    mark = hashlib.sha256(name.encode("utf-8")).hexdigest()[:10]
    return f"{safe_name(name, 60)} ({mark})"


@dataclass(frozen=True, slots=True)
class _Cut:
    """Some rows of a layer."""

    capa: Capa
    rows: Sequence[int]

    def folder(self, name: str, texts: Sequence[str] | None = None) -> Folder:
        source = self.capa.texts if texts is None else texts
        return Folder(name, [source[i] for i in self.rows], [self.capa.keys[i] for i in self.rows])

    def legend(self, words: tuple[str, str], *, areas: bool = True) -> tuple[Entry, ...]:
        """One entry for each group; it points at the group's largest row."""
        found: dict[str, list[int]] = {}
        for row in self.rows:
            found.setdefault(self.capa.grupos[row].key, []).append(row)
        ha = self.capa.superficie_ha
        return tuple(
            Entry(
                style=group.style,
                name=group.nombre,
                amount=len(found[group.key]),
                words=words,
                superficie_ha=sum(ha[row] for row in found[group.key]) if areas else None,
                point=self.capa.points[max(found[group.key], key=ha.__getitem__)],
            )
            for group in in_legend(self.capa.grupos[row] for row in self.rows)
        )


def _por_campo(fuente: Fuente, lotes: Lotes, names: _Names) -> Iterator[Mapa]:
    for campo_id, rows in rows_by(lotes.campo_id).items():
        cut = _Cut(lotes.capa, rows)
        mixed = any(len(lotes.cultivos[row]) > 1 for row in rows)
        document = _document(
            fuente,
            lotes.campo[rows[0]],
            _counts((len(rows), _LOTES), sum(lotes.tierra_ha[row] for row in rows)),
            [cut],
            [cut.folder("Lotes"), _labels(cut)],
            cut.legend(_LOTES),
            notes=(_LAST_CROP,) if mixed else (),
        )
        yield Mapa(f"{fuente.campania.slug}/{names.campo[campo_id]}", document)


def _por_lote(fuente: Fuente, lotes: Lotes, names: _Names) -> Iterator[Mapa]:
    own = _lote_names(lotes)
    for campo_id, rows in rows_by(lotes.campo_id).items():
        campo = names.campo[campo_id]
        for row in rows:
            name = _file_name(campo, own[row])
            yield Mapa(f"{fuente.campania.slug}/{campo}/{name}", _lote(fuente, lotes, row))


def _lote(fuente: Fuente, lotes: Lotes, row: int) -> Document:
    """One lote: filled in its cultivo's colour, or an outline around its ambientes."""
    lote = _Cut(lotes.capa, (row,))
    ambientes = _Cut(lotes.ambientes, lotes.ambientes_of[row])
    marcadores = _Cut(lotes.marcadores, lotes.marcadores_of[row])
    outlined = bool(ambientes.rows)
    first = lote.folder("Lote", lotes.contornos) if outlined else lote.folder("Lote")
    document = _document(
        fuente,
        f"{lotes.campo[row]} - {lotes.lote[row]}",
        _counts((1, _LOTES), lotes.capa.superficie_ha[row], (len(ambientes.rows), _AMBIENTES),
                (len(marcadores.rows), _MARCADORES)),
        [ambientes, marcadores] if outlined else [lote, marcadores],
        [first, ambientes.folder("Ambientes"), marcadores.folder("Marcadores"),
         _labels(lote, ambientes) if len(ambientes.rows) > 1 else _labels(lote)],
        (*(ambientes.legend(_AMBIENTES) if outlined else lote.legend(_LOTES)),
         *marcadores.legend(_MARCADORES, areas=False)),
        frame=[lote],
        notes=(f"Cultivo: {lotes.cultivos_text(row)}",),
    )  # fmt: skip
    document = replace(document, photos=lotes.fotos_of(row))
    return replace(document, styles=(_CONTORNO, *document.styles)) if outlined else document


def _por_cultivo_campo(fuente: Fuente, lotes: Lotes, names: _Names) -> Iterator[Mapa]:
    for group, campo_id, rows in _by_cultivo(lotes):
        title = f"{group.nombre} - {lotes.campo[rows[0]]}"
        path = _cultivo_path(fuente, names, group, campo_id)
        yield Mapa(path, _cultivo(fuente, lotes, group, rows, title))


def _cultivo_path(fuente: Fuente, names: _Names, group: Grupo, campo_id: str) -> str:
    cultivo = names.cultivo[group.key]
    return f"{fuente.campania.slug}/{cultivo}/{_file_name(cultivo, names.campo[campo_id])}"


def _por_cultivo_lote(fuente: Fuente, lotes: Lotes, names: _Names) -> Iterator[Mapa]:
    own = _lote_names(lotes)
    for group, campo_id, rows in _by_cultivo(lotes):
        cultivo, campo = names.cultivo[group.key], names.campo[campo_id]
        for row in rows:
            name = f"{campo}/{_file_name(cultivo, campo, own[row])}"
            title = f"{group.nombre} - {lotes.campo[row]} - {lotes.lote[row]}"
            document = _cultivo(fuente, lotes, group, (row,), title)
            yield Mapa(f"{fuente.campania.slug}/{cultivo}/{name}", document)


def _cultivo(
    fuente: Fuente, lotes: Lotes, group: Grupo, rows: Sequence[int], title: str
) -> Document:
    """What is sown of one cultivo on some lotes; of "Sin cultivo", the lotes."""
    area = sum(lotes.capa.superficie_ha[row] for row in rows)
    plots = cut = _Cut(lotes.capa, rows)
    name, words, said = "Lotes", _LOTES, _counts((len(rows), _LOTES), area)
    if group.key != SIN_SIEMBRA.key:
        sown = [i for row in rows for i in lotes.siembras_of[row]]
        cut = _Cut(lotes.siembras, [i for i in sown if lotes.siembras.grupos[i].key == group.key])
        name, words = "Siembras", _SIEMBRAS
        said = _counts((len(rows), _LOTES), area, (len(cut.rows), _SIEMBRAS))
    folders = [cut.folder(name), _labels(plots)]
    return _document(fuente, title, said, [cut], folders, cut.legend(words))


def _by_cultivo(lotes: Lotes) -> Iterator[tuple[Grupo, str, list[int]]]:
    """For each cultivo and campo, the lotes; a lote once, however often it is sown with it."""
    found: dict[tuple[str, str], tuple[Grupo, list[int]]] = {}
    for row, sown in enumerate(lotes.cultivos):
        for group in {group.key: group for group in sown or [SIN_SIEMBRA]}.values():
            found.setdefault((group.key, lotes.campo_id[row]), (group, []))[1].append(row)
    for (_, campo_id), (group, rows) in sorted(found.items()):
        yield group, campo_id, rows


def _muestreos(
    fuente: Fuente, title: str, lotes: Lotes, puntos: _Cut, ambientes: _Cut, recorrida: _Cut,
    contornos: _Cut, recorrido: Folder,
) -> Document:  # fmt: skip
    """What a crew needs: outlines with their names, the way from point to point, and the points by
    their place in it; what is to be scouted in a folder of its own.

    From afar the names of the lotes are read, from near the numbers of the points.
    """
    document = _document(
        fuente,
        title,
        _counts((len(puntos.rows), _PUNTOS), None, (len(ambientes.rows), _AMBIENTES),
                (len(recorrida.rows), _MARCADORES)),
        [ambientes, puntos, recorrida],
        [contornos.folder("Lotes", lotes.contornos), ambientes.folder("Ambientes"), recorrido,
         puntos.folder("Muestreo"), recorrida.folder("Recorrida"),
         _labels(contornos, ambientes, puntos)],
        (*puntos.legend(_PUNTOS, areas=False), *ambientes.legend(_AMBIENTES),
         *recorrida.legend(_MARCADORES, areas=False)),
        frame=[contornos, ambientes],  # not a mark that lies far away
    )  # fmt: skip
    return replace(document, styles=(_CONTORNO, _RECORRIDO, *document.styles))


def _document(
    fuente: Fuente,
    title: str,
    counts: str,
    cuts: Sequence[_Cut],
    folders: Sequence[Folder],
    entries: tuple[Entry, ...],
    *,
    frame: Sequence[_Cut] | None = None,
    notes: Sequence[str] = (),
) -> Document:
    """A map of some cuts. ``frame``: what it opens on, if not all of them."""
    shown = [cut.capa.bounds[list(cut.rows)] for cut in frame or cuts if len(cut.rows)]
    lines = (
        f"Campaña {fuente.campania} · {counts}",
        *notes,
        f"Datos del {moment(fuente.hora_local)} · backup {fuente.snapshot_id}",
    )
    used = [cut.capa.grupos[row].style for cut in cuts for row in cut.rows]
    styles = {style.id: style for style in used}
    return Document(
        name=title,
        lines=lines,
        look_at=LookAt.framing(*shown),
        styles=(ETIQUETA, *(styles[key] for key in sorted(styles))),
        legend=entries,
        folders=tuple(folders),
    )


def _labels(*cuts: _Cut) -> Folder:
    texts = [cut.capa.labels[i] for cut in cuts for i in cut.rows]
    return Folder("Etiquetas", texts, [cut.capa.keys[i] for cut in cuts for i in cut.rows])


def _counts(
    first: tuple[int, tuple[str, str]],
    superficie_ha: float | None,
    *others: tuple[int, tuple[str, str]],
) -> str:
    """ "12 lotes · 820,50 ha · 36 ambientes"."""
    parts = [count(first[0], *first[1]), hectares(superficie_ha)]
    parts += [count(number, *words) for number, words in others if number]
    return " · ".join(part for part in parts if part)
