"""``validar eudr``: a geolocation file, rule by rule and feature by feature.

Takes the bytes of any file, of whatever origin, and never raises on what they hold: what is broken
is a finding under the name of its rule (``rules.REGLAS``). A rule that could not be looked at,
because an earlier one is broken, is "sin evaluar", never "cumple".
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from Modules.products.eudr.declare import MAX_FILE_BYTES, MAX_POINT_HA, PROPERTIES
from Modules.products.eudr.document import (
    KINDS,
    Numero,
    Refused,
    WrittenGeometry,
    as_float,
    quoted,
    read_geometry,
    read_json,
)
from Modules.products.eudr.rules import (
    AREA_TOLERANCE,
    AREA_TOLERANCE_HA,
    ISO2,
    REGLA,
    REGLAS,
    Requisito,
)
from Modules.products.eudr.shapes import GEOMETRY_RULES, Faults, check_shape, check_together
from Modules.words.errors import SettingsError
from Modules.words.finding import Finding, Severity
from Modules.words.spanish import brief, number, why

CUMPLE: Final = "cumple"
NO_CUMPLE: Final = "no cumple"
SIN_EVALUAR: Final = "sin evaluar"
MAX_READ_BYTES: Final = 2 * MAX_FILE_BYTES  # beyond it only the size is judged
MAX_NAMED: Final = 20  # features under a rule, on a terminal
MAX_FEATURES: Final = 200_000  # in 25 MB there is no room for more
_WGS84: Final = ("crs84", "epsg::4326", "epsg:4326")
_FILE_RULES: Final = tuple(r for r in REGLAS if r.alcance == "archivo")
_FEATURE_RULES: Final = tuple(r for r in REGLAS if r.alcance == "elemento")
_TEXTS: Final = PROPERTIES[:3]
_FOLDED: Final = {name.lower(): name for name in PROPERTIES}
_NOT_A_FEATURE: Final = frozenset(r.codigo for r in _FEATURE_RULES) - {"elemento"}


@dataclass(frozen=True, slots=True)
class EudrReport:
    """What ``check_eudr`` found: first of the file, then of each feature in order.

    Findings are made when they are asked for, since a file of nonsense has millions. ``what`` of
    one is ``CUMPLE``, ``NO_CUMPLE`` or ``SIN_EVALUAR``, ``code`` the rule, ``item`` the number of
    the feature from 1 ("" is the file as a whole), and the note says in detail what is broken.
    ``lugares`` is the ProductionPlace of each feature, quoted; "" where there is none.
    """

    archivo: str
    lugares: tuple[str, ...] = field(repr=False)
    vistos: tuple[Faults, ...] = field(repr=False)

    @property
    def passed(self) -> bool:
        """No rule of level error is broken, or could not be looked at."""
        return not any(found.is_error for found in self.findings())

    def broken(self) -> list[Finding]:
        """The findings "no cumple"."""
        return [found for found in self.findings() if found.what == NO_CUMPLE]

    def findings(self) -> Iterator[Finding]:
        """Every rule that is not kept or could not be looked at."""
        for elemento, seen in enumerate(self.vistos):
            if seen.broken or seen.skipped:
                yield from (row for row in _rows(elemento, seen) if not row.fine)

    def rows(self) -> Iterator[Finding]:
        """Every rule of the file, then every rule of every feature, kept ones too."""
        for elemento, seen in enumerate(self.vistos):
            yield from _rows(elemento, seen)

    def to_list(self) -> list[dict[str, Any]]:
        """``rows`` as plain JSON."""
        return [
            {
                "elemento": int(row.item or 0),
                "regla": REGLA[row.code].to_dict(),
                "resultado": row.what,
                "detalle": "".join(row.notes),
            }
            for row in self.rows()
        ]


def _rows(elemento: int, seen: Faults) -> Iterator[Finding]:
    item = str(elemento or "")
    for regla in _FEATURE_RULES if elemento else _FILE_RULES:
        code = regla.codigo
        if code in seen.broken:
            notes = (seen.broken[code],)
            yield Finding(NO_CUMPLE, regla.gravedad, item=item, code=code, notes=notes)
        elif code in seen.skipped:
            yield Finding(SIN_EVALUAR, regla.gravedad, item=item, code=code)
        else:
            yield Finding(CUMPLE, Severity.FINE, item=item, code=code)


def check_eudr_file(path: Path) -> EudrReport:
    """Check a GeoJSON file for a due-diligence statement, rule by rule and feature by feature.

    What is wrong inside the file is in the report; a file beyond ``MAX_READ_BYTES`` is judged by
    its size alone.

    Raises:
        SettingsError: there is no such file, or it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_READ_BYTES + 1)
        size = path.stat().st_size
    except (OSError, ValueError) as err:
        cause = why(err) if isinstance(err, OSError) else "ningún archivo se llama así"
        raise SettingsError(f"{str(path)!r} no se puede leer: {cause}") from err
    if len(data) > MAX_READ_BYTES:
        return check_eudr(b"", path.name, size=max(size, len(data)))
    return check_eudr(data, path.name)


def check_eudr(
    data: bytes, archivo: str, *, size: int | None = None, with_features: bool = True
) -> EudrReport:
    """Check a file against every rule, or without features against those of the file as a whole.

    ``size`` is its bytes where ``data`` does not have them all: it is beyond ``MAX_READ_BYTES``.
    """
    faults, document = _check_file(data, len(data) if size is None else size)
    features = document if document is not None and with_features else []
    places = tuple(_place(feature) for feature in features)
    looked = [_check_geometry(feature) for feature in features]
    everyone = [found for _, found in looked]
    check_together(everyone)
    for feature, (geometry, found) in zip(features, looked, strict=True):
        if "elemento" not in found.broken:
            _check_properties(feature["properties"] or {}, geometry, found)
    return EudrReport(archivo, places, (faults, *everyone))


def _check_file(data: bytes, size: int) -> tuple[Faults, list[Any] | None]:
    """The file's own rules, and its features if it has any."""
    faults = Faults()
    if size > MAX_FILE_BYTES:
        faults.broken["tamano"] = f"pesa {number(size / 1e6, 1)} MB; hay que partirlo"
    if size > MAX_READ_BYTES:
        faults.skipped |= {"json", "coleccion", "crs", "sin_crs", "sin_bom", "con_elementos"}
        return faults, None
    if data.startswith(b"\xef\xbb\xbf"):
        faults.broken["sin_bom"] = "tiene una marca de orden de bytes (BOM)"
    try:
        document = read_json(data)
    except Refused as err:
        faults.broken["json"] = str(err)
        faults.skipped |= {"coleccion", "crs", "sin_crs", "con_elementos"}
        return faults, None
    return faults, _check_collection(document, faults)


def _check_collection(document: object, faults: Faults) -> list[Any] | None:
    if not isinstance(document, dict):
        faults.broken["coleccion"] = f"es {quoted(document)}, no un objeto"
        faults.skipped |= {"crs", "sin_crs", "con_elementos"}
        return None
    if "crs" in document:
        faults.broken["sin_crs"] = "tiene un miembro crs; conviene quitarlo"
        if not _is_wgs84(document["crs"]):
            faults.broken["crs"] = "el crs declarado no es WGS 84; hay que reproyectar"
    features = document.get("features")
    if document.get("type") != "FeatureCollection" or not isinstance(features, list):
        kind = quoted(document.get("type", "sin type"))
        faults.broken["coleccion"] = f"su tipo es {kind}, o features no es una lista"
        faults.skipped |= {"con_elementos"}
        return None
    if (many := len(features)) > MAX_FEATURES:
        faults.broken["coleccion"] = f"{many} elementos: más de {MAX_FEATURES}, no se miran"
        return None
    if not features:
        faults.broken["con_elementos"] = "la lista de elementos está vacía"
    return features


def _is_wgs84(crs: object) -> bool:
    """Whether a GeoJSON 2008 ``crs`` member names WGS 84 (null says nothing, and is let pass)."""
    if crs is None:
        return True
    properties = crs.get("properties") if isinstance(crs, dict) else None
    name = properties.get("name") if isinstance(properties, dict) else None
    return isinstance(name, str) and name.strip().lower().endswith(_WGS84)


def _place(feature: object) -> str:
    properties = feature.get("properties") if isinstance(feature, dict) else None
    place = properties.get("ProductionPlace") if isinstance(properties, dict) else None
    return quoted(place) if isinstance(place, str) and place.strip() else ""


def _check_geometry(feature: Any) -> tuple[WrittenGeometry | None, Faults]:
    faults = Faults()
    if problem := _not_a_feature(feature):
        faults.broken["elemento"] = problem
        faults.skipped = _NOT_A_FEATURE
        return None, faults
    kind = feature["geometry"].get("type")
    if kind not in KINDS:
        faults.broken["tipo_geometria"] = f"es {quoted(kind if kind is not None else 'sin type')}"
        faults.skipped |= GEOMETRY_RULES - {"tipo_geometria"}
        return None, faults
    try:
        geometry = read_geometry(feature["geometry"])
    except Refused as err:
        faults.broken["coordenadas"] = str(err)
        faults.skipped |= GEOMETRY_RULES - {"tipo_geometria", "coordenadas"}
        return None, faults
    check_shape(geometry, (feature["properties"] or {}).get("ProducerCountry"), faults)
    return geometry, faults


def _not_a_feature(feature: object) -> str:
    """Why it is no Feature; "" if it is one."""
    if not isinstance(feature, dict):
        return f"es {quoted(feature)}, no un objeto"
    if feature.get("type") != "Feature":
        return f"su tipo es {quoted(feature.get('type', 'sin type'))}, no Feature"
    if not isinstance(feature.get("properties", 0), dict | None):
        return "properties falta, o no es un objeto"
    if not isinstance(feature.get("geometry"), dict):
        return "no tiene geometría"
    return ""


def _check_properties(
    properties: Mapping[str, Any], geometry: WrittenGeometry | None, faults: Faults
) -> None:
    _check_names(properties, faults)
    _check_texts(properties, faults)
    area_ha = _check_area(properties, faults)
    if geometry is None:
        faults.skipped |= {"punto_hasta_4_ha", "area_coherente"}
    elif area_ha is None:
        return
    elif geometry.points is not None:
        if area_ha > MAX_POINT_HA * len(geometry.points.xy):
            needed = f"declara {brief(area_ha)} ha: hace falta el polígono"
            faults.broken["punto_hasta_4_ha"] = needed
    elif (computed := faults.area_ha) is None:
        faults.skipped |= {"area_coherente"}
    elif abs(area_ha - computed) > max(AREA_TOLERANCE * computed, AREA_TOLERANCE_HA):
        differing = f"declara {brief(area_ha)} ha; la geometría tiene {number(computed, 4)} ha"
        faults.broken["area_coherente"] = differing


def _check_names(properties: Mapping[str, Any], faults: Faults) -> None:
    others = [name for name in properties if name not in PROPERTIES]
    meant = {name: _FOLDED.get(re.sub(r"[^a-z]", "", name.lower())) for name in others}
    if wrong := [f"{quoted(name)} por {right}" for name, right in meant.items() if right]:
        faults.broken["nombres_exactos"] = "dice " + ", ".join(wrong[:4])
    if extra := [quoted(name) for name, right in meant.items() if not right]:
        more = "" if len(extra) <= 4 else f" y {len(extra) - 4} más"
        faults.broken["propiedades_de_mas"] = "también tiene " + ", ".join(extra[:4]) + more
    if missing := [name for name in PROPERTIES if name not in properties]:
        faults.broken["propiedades_completas"] = "falta " + ", ".join(missing)


def _check_texts(properties: Mapping[str, Any], faults: Faults) -> None:
    given = {name: properties[name] for name in _TEXTS if name in properties}
    if wrong := [name for name, value in given.items() if type(value) is not str]:
        faults.broken["textos"] = f"no es texto: {', '.join(wrong)}"
    if empty := [name for name, value in given.items() if type(value) is str and not value.strip()]:
        faults.broken["textos_no_vacios"] = f"vacío: {', '.join(empty)}"
    country = given.get("ProducerCountry", "AR")
    if country not in ISO2 if isinstance(country, str) else True:
        faults.broken["pais_iso2"] = f"{quoted(country)} no es un código de país"


def _check_area(properties: Mapping[str, Any], faults: Faults) -> float | None:
    """The declared area in hectares; None if there is none that can be used."""
    if "Area" not in properties:
        return None
    value = properties["Area"]
    area_ha = as_float(value) if type(value) is Numero else math.nan
    if math.isfinite(area_ha) and area_ha > 0:
        return area_ha
    faults.broken["area_numerica"] = f"{quoted(value)} no es un número mayor que cero"
    faults.skipped |= {"area_coherente", "punto_hasta_4_ha"}
    return None


def report_text(report: EudrReport) -> str:
    """The report for a terminal, in Spanish: each rule with its count, then who breaks it.

    At most ``MAX_NAMED`` features are named under a rule; the rest are counted.
    """
    lines = [f"{quoted(report.archivo)[1:-1]}: {_count(len(report.lugares), 'elemento')}", ""]
    by_rule: dict[str, list[Finding]] = {regla.codigo: [] for regla in REGLAS}
    for found in report.findings():
        by_rule[found.code].append(found)
    for regla in REGLAS:
        lines.extend(_rule_lines(report, regla, by_rule[regla.codigo]))
    severities = [one.severity for one in report.broken()]
    errors = _count(severities.count(Severity.ERROR), "error", "errores")
    notices = _count(severities.count(Severity.WARNING), "aviso")
    lines += ["", f"{'CUMPLE' if report.passed else 'NO CUMPLE'}: {errors}, {notices}"]
    return "\n".join(lines)


def _rule_lines(report: EudrReport, regla: Requisito, found: Sequence[Finding]) -> Iterator[str]:
    broken = [one for one in found if one.what == NO_CUMPLE]
    skipped = len(found) - len(broken)
    total = 1 if regla.alcance == "archivo" else len(report.lugares)
    if broken:
        mark = "✘" if regla.gravedad is Severity.ERROR else "!"
    else:
        mark = "?" if skipped or not total else "✔"
    counts = f"{total - len(found)} de {total}"
    unseen = f"; {skipped} sin evaluar" if skipped else "" if total else "; nada que evaluar"
    yield f"{mark} {regla.codigo} ({regla.nivel}): {regla.texto} [{counts}{unseen}]"
    for one in broken[:MAX_NAMED]:
        place = report.lugares[int(one.item) - 1] if one.item else ""
        who = f"elemento {one.item}{' ' if place else ''}{place}: " if one.item else ""
        yield f"    {who}{one.notes[0]}"
    if len(broken) > MAX_NAMED:
        yield f"    … y {_count(len(broken) - MAX_NAMED, 'elemento')} más"


def _count(number: int, singular: str, plural: str | None = None) -> str:
    return f"{number} {singular if number == 1 else plural or singular + 's'}"
