"""One page of a list against the contract and the profile, whole: members, geometry, siembras.

Pure; plain members are compared in ``findings``. Here is what is not plain: the geometry, the
sowings of a lote, the campaña, and the envelope round the rows. A campaña that cannot be read is
quoted; no other value is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from Modules.api_check.findings import Columns, Finding, Que, Remedy, kind_of, quoted
from Modules.api_check.guessing import (
    LOOKS_ALIKE,
    first_pair,
    geometry_kind,
    geometry_lines,
    lat_lon_columns,
    leaves,
    likeness,
    lists_in,
    plain,
    season_template,
)
from Modules.portal.asking import read_campania
from Modules.portal.coercion import MISSING
from Modules.portal.contract import CONTRACT, SIEMBRA
from Modules.portal.profile import Profile
from Modules.words.domain import BoundingBox, Recurso


def compare_rows(recurso: Recurso, profile: Profile, rows: Sequence[Any]) -> list[Finding]:
    """Findings for the members of the rows of one list, in the contract's order."""
    good = [row for row in rows if isinstance(row, dict)]
    if not good:
        return [Finding(recurso, Que.ESTA, "", "la lista llegó vacía; no hay filas que mirar")]
    resource, shape = profile.resource(recurso), CONTRACT[recurso]
    members = [member for member in shape.members if member.name != "siembras"]
    section = f"[resources.{recurso}.fields]"
    columns = Columns(good, profile.time.zone)
    columns.uses(rule.path for rule in resource.fields.values())
    found = columns.compare(recurso, members, resource.fields, resource.root, section)
    if shape.geometry != "none":
        found.append(_geometry(recurso, profile, columns, required=shape.geometry == "required"))
    if recurso == Recurso.LOTES:
        found += _siembras(profile, columns)
    found = _season(recurso, profile, columns, found)
    return [*found, *columns.unexpected(recurso)]


# --- what is not a plain member -------------------------------------------------------------


def _geometry(recurso: Recurso, profile: Profile, columns: Columns, *, required: bool) -> Finding:
    rule, section = profile.resource(recurso).geometry, f"[resources.{recurso}.geometry]"
    if rule.kind == "lat_lon":
        columns.uses((rule.lat, rule.lon))
        there = any(value is not MISSING for value in columns.values(rule.lat))
        return _geometry_or_search(recurso, columns, section, required, there=there)
    values = [v for v in columns.values(rule.path) if v is not MISSING]
    if not values:
        return _geometry_or_search(recurso, columns, section, required, there=False)
    columns.uses((rule.path,))
    present = [value for value in values if value is not None]
    if not present:
        que = Que.OTRO_TIPO if required else Que.ESTA
        return Finding(recurso, que, "geometry", "nulo", grave=required)
    kinds = {geometry_kind(value) for value in present}
    if kinds != {rule.kind}:
        seen = next((kind for kind in kinds if kind not in (None, rule.kind)), None)
        remedy = Remedy(section, (f'kind = "{seen}"',)) if seen else None
        detail = f"el perfil dice {rule.kind} y llegó {seen or kind_of(present)}"
        return Finding(recurso, Que.OTRO_TIPO, "geometry", detail, grave=True, remedio=remedy)
    pair = first_pair(present[0])
    lines = geometry_lines(pair, rule, BoundingBox()) if pair else ()
    if lines:
        remedy = Remedy(section, lines)
        detail = "las coordenadas caen fuera de la región; parecen de otro sistema u otro orden"
        return Finding(recurso, Que.OTRO_TIPO, "geometry", detail, grave=True, remedio=remedy)
    return Finding(recurso, Que.ESTA, "geometry", rule.kind)


def _geometry_or_search(
    recurso: Recurso, columns: Columns, section: str, required: bool, *, there: bool
) -> Finding:
    if there:
        return Finding(recurso, Que.ESTA, "geometry", "lat_lon")
    for path in columns.paths:
        kinds = {geometry_kind(v) for v in columns.values(path) if v not in (None, MISSING)}
        if len(kinds) == 1 and (kind := kinds.pop()) is not None:
            columns.uses((path,))
            remedy = Remedy(section, (f"path = {quoted(path)}", f'kind = "{kind}"'))
            detail = f"no está donde dice el perfil; parece ser {path!r} ({kind})"
            return Finding(recurso, Que.FALTA, "geometry", detail, grave=required, remedio=remedy)
    pair = lat_lon_columns(columns.paths)
    if pair is not None:
        columns.uses(pair)
        comma = any("," in str(value) for value in columns.values(pair[0]))
        where = ('kind = "lat_lon"', f"lat = {quoted(pair[0])}", f"lon = {quoted(pair[1])}")
        remedy = Remedy(section, (*where, "decimal_comma = true") if comma else where)
        detail = "parece venir en dos columnas"
        return Finding(recurso, Que.FALTA, "geometry", detail, grave=required, remedio=remedy)
    needs = "el contrato la exige" if required else "es optativa"
    return Finding(
        recurso, Que.FALTA, "geometry", f"ninguna columna parece serlo; {needs}", grave=required
    )


def _siembras(profile: Profile, columns: Columns) -> list[Finding]:
    recurso = Recurso.LOTES
    resource, section = profile.resource(recurso), "[resources.lotes.siembras]"
    rule = resource.siembras
    if rule.flat:
        mapped = [member for member in SIEMBRA if member.name in rule.fields]
        inner = f"{section[:-1]}.fields]"
        return columns.compare(recurso, mapped, rule.fields, "", inner, "siembras.")
    path = f"{resource.root}.siembras" if rule.path == "siembras" and resource.root else rule.path
    values = [value for value in columns.values(path) if value is not MISSING]
    if not values:
        return [_no_siembras(columns, section, path)]
    columns.uses((path,))
    if not all(isinstance(value, list) for value in values):
        detail = f"se esperaba una lista y llegó {kind_of(values)}"
        return [Finding(recurso, Que.OTRO_TIPO, "siembras", detail, grave=True)]
    items = [item for value in values for item in value if isinstance(item, dict)]
    if not items:
        return [Finding(recurso, Que.ESTA, "siembras", "ningún lote de la página tiene siembras")]
    nested = Columns(items, columns.zone)
    nested.uses(r.path for r in rule.fields.values())
    fields = f"{section[:-1]}.fields]"
    found = nested.compare(recurso, SIEMBRA, rule.fields, "", fields, "siembras.")
    return [Finding(recurso, Que.ESTA, "siembras", "lista"), *found]


def _no_siembras(columns: Columns, section: str, path: str) -> Finding:
    recurso, detail = Recurso.LOTES, f"no hay nada en {path!r}; el contrato la exige"
    for other in columns.paths:
        if columns.is_used(other):
            continue
        lists = [value for value in columns.values(other) if isinstance(value, list)]
        if lists and likeness("siembras", other) >= LOOKS_ALIKE:
            columns.uses((other,))
            remedy = Remedy(section, (f"path = {quoted(other)}",))
            return Finding(recurso, Que.FALTA, "siembras", detail, grave=True, remedio=remedy)
    for other in columns.paths:
        named = likeness("cultivo.nombre", other) >= LOOKS_ALIKE
        if named and not columns.is_used(other):
            columns.uses((other,))
            fields = f'fields = {{ "cultivo.nombre" = {quoted(other)} }}'
            remedy = Remedy(section, ("flat = true", fields))
            return Finding(recurso, Que.FALTA, "siembras", detail, grave=True, remedio=remedy)
    return Finding(recurso, Que.FALTA, "siembras", detail, grave=True)


def _season(
    recurso: Recurso, profile: Profile, columns: Columns, found: Sequence[Finding]
) -> list[Finding]:
    """Replace the finding of the campaña where its text is elsewhere or cannot be read."""
    name = "codigo" if recurso == Recurso.CAMPANIAS else "campania"
    asked = recurso == Recurso.CAMPANIAS or profile.resource(recurso).season
    old = next((finding for finding in found if finding.campo == name), None)
    if old is None or not asked or (name == "campania" and profile.season.send == "id"):
        return list(found)
    rule = profile.resource(recurso).fields.get(name)
    path = rule.path if rule is not None else name
    extra: list[Finding] = []
    if old.que == Que.FALTA:
        path = _season_path(columns, old) or ""
        line = f"{name} = {quoted(path)}"
        remedy = Remedy(f"[resources.{recurso}.fields]", (line,)) if path else old.remedio
        extra = [Finding(recurso, Que.FALTA, name, old.detalle, grave=True, remedio=remedy)]
    texts = [str(v) for v in columns.values(path) if isinstance(v, str | int)] if path else []
    unread = [text for text in texts if read_campania(profile.season.codigo, text) is None]
    if unread:
        template = season_template(texts)
        remedy = Remedy("[season]", (f'codigo = "{template}"',)) if template else None
        detail = f"el perfil espera {profile.season.codigo!r} y llegó {unread[0][:20]!r}"
        extra.append(Finding(recurso, Que.OTRO_TIPO, name, detail, grave=True, remedio=remedy))
    return [finding for finding in found if finding is not old] + (extra or [old])


def _season_path(columns: Columns, old: Finding) -> str | None:
    """Where the campaña seems to be: as guessed by name, else a column full of campañas."""
    if old.remedio is not None and "…" not in old.remedio.lines[0]:
        return str(re.findall(r'= "([^"]*)"', old.remedio.lines[0])[0])
    for path in columns.paths:
        texts = [value for value in columns.values(path) if isinstance(value, str)]
        template = season_template(texts)
        if template is not None and "}" in template[:-1] and not columns.is_used(path):
            columns.uses((path,))
            return path
    return None


# --- the envelope ---------------------------------------------------------------------------


def propose_envelope(document: Any, headers: Mapping[str, str]) -> Remedy | None:
    """An [envelope] for a document whose rows were not found; None if it has no list."""
    lists = sorted(lists_in(document), key=lambda pair: (-len(pair[1]), pair[0]))
    if not lists:
        return None
    lines = [f"rows = {quoted(lists[0][0])}"]
    paths = list(leaves(document)) if isinstance(document, dict) else []
    for key, names in _AROUND.items():
        for path, value in paths:
            if plain(path.rsplit(".", 1)[-1]) in names and _may_be(key, value):
                lines.append(f"{key} = {quoted(path)}")
                break
    if "x-total-count" in headers and not any(line.startswith("total ") for line in lines):
        lines.append('total_header = "X-Total-Count"')
    return Remedy("[envelope]", tuple(lines))


_AROUND: Mapping[str, tuple[str, ...]] = {
    "total": ("totalitems", "total", "totalcount", "count", "totalelements", "totalrecords"),
    "pages": ("totalpages", "pages", "pagecount", "lastpage"),
    "page": ("page", "currentpage", "pagenumber"),
    "next": ("next", "nextpage", "nexturl", "nextlink"),
}


def _may_be(key: str, value: Any) -> bool:
    if key == "next":
        return value is None or isinstance(value, str)
    return isinstance(value, int) and not isinstance(value, bool)


def propose_paging(document: Any, headers: Mapping[str, str]) -> Remedy | None:
    """A [paging] that the answer hints at; None where it hints at nothing."""
    if 'rel="next"' in headers.get("link", ""):
        return Remedy("[paging]", ('kind = "next_link"', 'source = "header"'))
    paths = list(leaves(document)) if isinstance(document, dict) else []
    for path, value in paths:
        name = plain(path.rsplit(".", 1)[-1])
        if name in ("nextpagetoken", "nexttoken", "nextcursor", "cursor", "continuation"):
            return Remedy("[paging]", ('kind = "token"', f"token = {quoted(path)}"))
        if name in ("offset", "skip") and isinstance(value, int):
            return Remedy("[paging]", ('kind = "offset"', f'param = "{path.rsplit(".", 1)[-1]}"'))
    return None
