"""One page of a list against the contract and the profile, whole: members, geometry, siembras.

Pure; plain members are compared in ``findings``. Here is what is not plain: the geometry, the
sowings of a lote, the campaña, and the envelope round the rows. A campaña that cannot be read is
quoted; no other value is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from Modules.api_check import guessing as guess
from Modules.api_check.findings import Columns, Que, found, kind_of, quoted, remedy
from Modules.portal.asking import read_campania
from Modules.portal.coercion import MISSING
from Modules.portal.contract import CONTRACT, SIEMBRA
from Modules.portal.paging import next_of_link_header
from Modules.portal.profile import Profile
from Modules.words.domain import BoundingBox, Recurso
from Modules.words.finding import Finding


def compare_rows(recurso: Recurso, profile: Profile, rows: Sequence[Any]) -> list[Finding]:
    """Findings for the members of the rows of one list, in the contract's order."""
    good = [row for row in rows if isinstance(row, dict)]
    if not good:
        detail = "la lista llegó vacía; no hay filas que mirar"
        return [found(recurso, Que.ESTA, "", detail, grave=False)]
    resource, shape = profile.resources[recurso], CONTRACT[recurso]
    extra, names = [], {member.name.partition(".")[0] for member in shape.members}
    mapped = any("." in rule.path for rule in resource.fields.values())
    if not resource.root and not mapped and (root := guess.root_of(good, names)):
        detail = f"los campos de cada fila están adentro de {root!r}"
        line = remedy(f"[resources.{recurso}]", f"root = {quoted(root)}")
        extra = [found(recurso, Que.FALTA, "root", detail, line)]
        profile = profile.with_resource(recurso, root=root)
        resource = profile.resources[recurso]
    members = [member for member in shape.members if member.name != "siembras"]
    columns = Columns(recurso, good, profile.time.zone)
    columns.uses(*(rule.path for rule in resource.fields.values()))
    columns.uses(f"{resource.root}.deleted_at".removeprefix("."))  # read of any list
    section = f"[resources.{recurso}.fields]"
    every = columns.compare(members, resource.fields, resource.root, section)
    if shape.geometry != "none":
        every.append(_geometry(profile, columns, required=shape.geometry == "required"))
    if recurso == Recurso.LOTES:
        every += _siembras(profile, columns)
    return [*extra, *_season(profile, columns, every), *columns.unexpected()]


def _geometry(profile: Profile, columns: Columns, *, required: bool) -> Finding:
    recurso = columns.recurso
    rule, section = profile.resources[recurso].geometry, f"[resources.{recurso}.geometry]"

    def say(que: Que, detail: str, *lines: str, grave: bool = True) -> Finding:
        return found(recurso, que, "geometry", detail, remedy(section, *lines), grave=grave)

    if rule.kind == "lat_lon":
        columns.uses(rule.lat, rule.lon)
        if columns.there(rule.lat):
            return say(Que.ESTA, "lat_lon", grave=False)
    if rule.kind == "lat_lon" or not any(v is not MISSING for v in columns.values(rule.path)):
        detail, lines = _elsewhere(columns, required=required)
        return say(Que.FALTA, detail, *lines, grave=required)
    columns.uses(rule.path)
    present = columns.present(rule.path)
    if not present:
        return say(Que.OTRO_TIPO if required else Que.ESTA, "nulo", grave=required)
    kinds = {guess.geometry_kind(value) for value in present}
    if kinds != {rule.kind}:
        seen = next((kind for kind in kinds if kind not in (None, rule.kind)), None)
        detail = f"el perfil dice {rule.kind} y llegó {seen or kind_of(present)}"
        return say(Que.OTRO_TIPO, detail, *([f'kind = "{seen}"'] if seen else ()))
    pair = guess.first_pair(present[0])
    lines = guess.geometry_lines(pair, rule, BoundingBox()) if pair else ()
    if lines:
        detail = "las coordenadas caen fuera de la región; parecen de otro sistema u otro orden"
        return say(Que.OTRO_TIPO, detail, *lines)
    return say(Que.ESTA, rule.kind, grave=False)


def _elsewhere(columns: Columns, *, required: bool) -> tuple[str, Sequence[str]]:
    """Where a geometry that is not in its place seems to be, and the lines that say so."""
    for path in columns.paths:
        kinds = {guess.geometry_kind(value) for value in columns.present(path)}
        if len(kinds) == 1 and (kind := kinds.pop()) is not None:
            columns.uses(path)
            detail = f"no está donde dice el perfil; parece ser {path!r} ({kind})"
            return detail, (f"path = {quoted(path)}", f'kind = "{kind}"')
    pair = guess.lat_lon_columns(columns.paths)
    if pair is not None:
        columns.uses(*pair)
        comma = any("," in str(value) for value in columns.values(pair[0]))
        where = ('kind = "lat_lon"', f"lat = {quoted(pair[0])}", f"lon = {quoted(pair[1])}")
        return "parece venir en dos columnas", (*where, "decimal_comma = true") if comma else where
    needs = "el contrato la exige" if required else "es optativa"
    return f"ninguna columna parece serlo; {needs}", ()


def _siembras(profile: Profile, columns: Columns) -> list[Finding]:
    resource, section = profile.resources[Recurso.LOTES], "[resources.lotes.siembras]"
    rule, inner = resource.siembras, f"{section[:-1]}.fields]"

    def say(que: Que, detail: str, todo: str = "") -> Finding:
        grave = que is not Que.ESTA
        return found(Recurso.LOTES, que, "siembras", detail, todo, grave=grave)

    if rule.flat:
        mapped = [member for member in SIEMBRA if member.name in rule.fields]
        return columns.compare(mapped, rule.fields, "", inner, "siembras.")
    path = f"{resource.root}.siembras" if rule.path == "siembras" and resource.root else rule.path
    values = [value for value in columns.values(path) if value is not MISSING]
    if not values:
        detail = f"no hay nada en {path!r}; el contrato la exige"
        return [say(Que.FALTA, detail, remedy(section, *_other_siembras(columns)))]
    columns.uses(path)
    if not all(isinstance(value, list) for value in values):
        return [say(Que.OTRO_TIPO, f"se esperaba una lista y llegó {kind_of(values)}")]
    items = [item for value in values for item in value if isinstance(item, dict)]
    if not items:
        return [say(Que.ESTA, "ningún lote de la página tiene siembras")]
    nested = Columns(Recurso.LOTES, items, columns.zone)
    every = nested.compare(SIEMBRA, rule.fields, "", inner, "siembras.")
    return [say(Que.ESTA, "lista"), *every]


def _other_siembras(columns: Columns) -> Sequence[str]:
    """Lines for siembras that are a list elsewhere, or a crop in the row of the lote."""
    for whole in (True, False):
        for path in columns.free():
            lists = any(isinstance(value, list) for value in columns.values(path))
            if lists and guess.same_name("siembras", path, whole=whole):
                columns.uses(path)
                return (f"path = {quoted(path)}",)
    for path in columns.free():
        if guess.same_name("cultivo.nombre", path, whole=True):
            columns.uses(path)
            return "flat = true", f'fields = {{ "cultivo.nombre" = {quoted(path)} }}'
    return ()


def _season(profile: Profile, columns: Columns, every: Sequence[Finding]) -> list[Finding]:
    """Replace the finding of the campaña where its text is elsewhere or cannot be read."""
    recurso = columns.recurso
    name = "codigo" if recurso == Recurso.CAMPANIAS else "campania"
    asked = recurso == Recurso.CAMPANIAS or profile.resources[recurso].season
    old = next((finding for finding in every if finding.item == name), None)
    if old is None or not asked or (name == "campania" and profile.season.send == "id"):
        return list(every)
    resource = profile.resources[recurso]
    rule = resource.fields.get(name)
    path = rule.path if rule is not None else f"{resource.root}.{name}".removeprefix(".")
    extra: list[Finding] = []
    if old.what == Que.FALTA:
        path = _season_path(columns, old)
        line = remedy(f"[resources.{recurso}.fields]", f"{name} = {quoted(path)}")
        todo = line if path else old.todo
        values = columns.values(path) if path else ()
        extra = [found(recurso, Que.FALTA, name, old.notes[0], todo, grave=True, values=values)]
    texts = [str(v) for v in columns.values(path) if isinstance(v, str | int)] if path else []
    unread = [text for text in texts if read_campania(profile.season.codigo, text) is None]
    if unread:
        template = guess.season_template(texts)
        todo = remedy("[season]", f'codigo = "{template}"') if template else ""
        detail = f"el perfil espera {profile.season.codigo!r} y llegó {unread[0][:20]!r}"
        extra.append(found(recurso, Que.OTRO_TIPO, name, detail, todo, grave=True))
    return [finding for finding in every if finding is not old] + (extra or [old])


def _season_path(columns: Columns, old: Finding) -> str:
    """Where the campaña seems to be: as found by name, else a column full of campañas; or ""."""
    if old.todo and "…" not in old.todo:
        return str(re.findall(r'= "([^"]*)"', old.todo)[0])
    for path in columns.free():
        template = guess.season_template(
            [one for one in columns.values(path) if isinstance(one, str)]
        )
        if template is not None and "}" in template[:-1]:
            columns.uses(path)
            return path
    return ""


def propose_envelope(recurso: Recurso, document: Any, headers: Mapping[str, str]) -> str:
    """An [envelope] for a document whose rows were not found; "" if it has no list.

    Of several lists the one whose items have most names of the contract, then the longest.
    """
    known = {guess.plain(member.name) for member in CONTRACT[recurso].members} | {"properties"}

    def rank(pair: tuple[str, list[Any]]) -> tuple[int, int, str]:
        shared = {guess.plain(name) for one in pair[1][:1] for name in one} & known
        return -len(shared), -len(pair[1]), pair[0]

    lists = sorted(guess.lists_in(document), key=rank)
    if not lists:
        return ""
    rows_at, rows = lists[0]
    lines = {"rows": quoted(rows_at)}
    for path, value in guess.leaves(document):
        for key, names in _AROUND.items():
            fitting = value is None or _is_link(value) if key == "next" else type(value) is int
            if _name_of(path) in names and fitting:
                lines.setdefault(key, quoted(path))
    if "x-total-count" in headers and "total" not in lines:
        lines["total_header"] = '"X-Total-Count"'
    counts = [
        (path, n) for path, n in guess.leaves(document) if type(n) is int and n >= len(rows) > 0
    ]
    for path, _ in counts if lines.keys() & {"total", "total_header"} == set() else ():
        if guess.last_name(path).endswith(("count", "total")):  # some own name of a total
            lines.setdefault("total", quoted(path))
    order = ("rows", *_AROUND, "total_header")
    return remedy("[envelope]", *(f"{key} = {lines[key]}" for key in order if key in lines))


def _is_link(value: Any) -> bool:
    return isinstance(value, str) and re.match(r"https?:|[/?]", value) is not None


_AROUND: Mapping[str, tuple[str, ...]] = {
    "total": (
        *("totalitems", "total", "totalcount", "count", "totalelements", "totalrecords"),
        "numbermatched",
    ),
    "pages": ("totalpages", "pages", "pagecount", "lastpage"),
    "page": ("page", "currentpage", "pagenumber"),
    "next": ("next", "nextpage", "nexturl", "nextlink"),
}


def _name_of(path: str) -> str:
    """The plain name of a member; of a link as an object, that of the link."""
    name, _, last = path.rpartition(".")
    return guess.last_name(name if last == "href" else path)


def propose_paging(document: Any, headers: Mapping[str, str], *, now: bool = False) -> str:
    """A [paging] that the answer hints at; "" where it hints at nothing.

    With ``now`` only one that says that another page follows this one.
    """
    if link := next_of_link_header(headers.get("link", "")):
        return remedy("[paging]", 'kind = "next_link"', 'source = "header"', _size_param(link))
    if (by_relation := _next_by_relation(document)) and (by_relation[1] or not now):
        path, link = by_relation
        size = _size_param(link)
        if document.get("type") == "FeatureCollection":
            size = 'size_param = "limit"'  # of OGC API Features and STAC
        return remedy("[paging]", 'kind = "next_link"', f"next = {quoted(path)}", size)
    for path, value in guess.leaves(document):
        name = _name_of(path)
        if name in _AROUND["next"] and _is_link(value):
            line = f"next = {quoted(path)}"
            return remedy("[paging]", 'kind = "next_link"', line, _size_param(value))
        if name in ("nextpagetoken", "nexttoken", "nextcursor", "cursor", "continuation"):
            return remedy("[paging]", 'kind = "token"', f"token = {quoted(path)}")
        if name in ("offset", "skip") and isinstance(value, int):
            param = path.rpartition(".")[2]
            return remedy("[paging]", 'kind = "offset"', f'param = "{param}"')
    return ""


def _next_by_relation(document: Any) -> tuple[str, str] | None:
    """The path of ``next`` in a list of links with ``rel``, and the link ("" on a last page)."""
    for path, links in guess.lists_in(document) if isinstance(document, dict) else ():
        rels = {str(link["rel"]): link for link in links if "rel" in link}
        rel = next((rel for rel in rels if guess.plain(rel) in ("next", "nextpage")), "")
        if rels and (rel or document.get("type") == "FeatureCollection"):
            one = rels.get(rel) or next(iter(rels.values()))
            key = next((key for key in ("href", "uri", "url") if isinstance(one.get(key), str)), "")
            if key:
                return f"{path}[rel={rel or 'next'}].{key}", one[key] if rel else ""
    return None


_SIZES = ("limit", "size", "pagesize", "perpage", "itemlimit", "count")


def _size_param(link: str) -> str:
    """The line that names the parameter of the size in a link to the next page."""
    try:
        asked = parse_qsl(urlsplit(link).query)
    except ValueError:  # no address at all, which is told elsewhere
        asked = []
    names = [name for name, _ in asked if guess.plain(name) in _SIZES]
    return f"size_param = {quoted(names[0] if names else '')}"
