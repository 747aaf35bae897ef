"""Rows of the portal to records under the contract's names, as the profile says.

A record holds the contract's members only; what else a row carries stays in the raw pages. A
member that the row does not have is left out. Geometry is passed on as sent, except for two
columns, which become ``{"lat": …, "lon": …}``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from Modules.portal import coercion
from Modules.portal.asking import read_campania
from Modules.portal.coercion import DATE, MISSING, RFC3339, coerce, dig, natural_type, split_path
from Modules.portal.contract import CONTRACT, SIEMBRA, Member, readable
from Modules.portal.profile import Profile
from Modules.portal.sections import FieldRule, FieldType, Geometry, Resource, Siembras
from Modules.words.domain import Campania, Record, Recurso
from Modules.words.errors import ApiContractChanged

_PLAIN: Mapping[FieldType, type] = {"id": str, "number": float}
_PLAIN_TIMES = {"date": DATE.fullmatch, "datetime": RFC3339.fullmatch}


@dataclass(frozen=True, slots=True)
class _Getter:
    target: tuple[str, ...]
    path: tuple[str, ...]
    rule: FieldRule | None
    kind: FieldType
    zone: str
    plain: type  # of a value that is left as it is, where there is no rule

    def value(self, row: Any, parent: str | None, campania: str) -> Any:
        if self.rule is None:
            found = dig(row, self.path)
            return found if type(found) is self.plain else coerce(found, self.kind, None, self.zone)
        if self.rule.source != "row":
            return campania if self.rule.source == "season" else parent
        if not self.path:
            return self.rule.default
        found = coerce(dig(row, self.path), self.kind, self.rule, self.zone)
        missing = found is MISSING or found is None
        return self.rule.default if missing and self.rule.default is not None else found


def _getters(
    members: Sequence[Member], rules: Mapping[str, FieldRule], root: str, zone: str
) -> tuple[_Getter, ...]:
    made = []
    for member in members:
        rule = rules.get(member.name)
        path = split_path(rule.path) if rule else split_path(root) + split_path(member.name)
        kind = (rule.type if rule else None) or natural_type(member.kind)
        made.append(
            _Getter(split_path(member.name), path, rule, kind, zone, _PLAIN.get(kind, object))
        )
    return tuple(made)


class Mapper:
    def __init__(self, profile: Profile, recurso: Recurso, campania: Campania, sent: str) -> None:
        """``sent`` is the campaña as the portal was asked for it."""
        resource, zone = profile.resources[recurso], profile.time.zone
        members = [m for m in readable(CONTRACT[recurso].members) if m.name != "siembras"]
        getters = _getters(members, resource.fields, resource.root, zone)
        shaped = CONTRACT[recurso].geometry != "none"
        self._geometry = _geometry(resource.geometry) if shaped else None
        self._reading = _Reading.of(getters, *_whole(resource, recurso))
        rule, nested = resource.siembras, recurso == Recurso.LOTES
        self._siembras = _siembras(rule, resource.root, zone) if nested else None
        self._asked, self._sent, self._codigo = str(campania), sent, profile.season.codigo

    def records(
        self, rows: Sequence[Any], page: int, what: str, parent: str | None = None
    ) -> list[Record]:
        """One record a row, in order.

        Raises:
            ApiContractChanged: a row is not an object.
        """
        for index, row in enumerate(rows):
            if not isinstance(row, dict):
                raise ApiContractChanged(f"{what}: la fila {index} no es un objeto")
        return [Record(self._values(r, parent), page, index) for index, r in enumerate(rows)]

    def _values(self, row: dict[str, Any], parent: str | None) -> dict[str, Any]:
        values = _gather(self._reading, row, parent, self._asked)
        if "campania" in values:
            values["campania"] = self._canonical(values["campania"])
        if self._geometry is not None:
            geometry = self._geometry(row)
            if geometry is not MISSING:
                values["geometry"] = geometry
        if self._siembras is not None:
            siembras = self._siembras(row, values)
            if siembras is not MISSING:
                values["siembras"] = siembras
        return values

    def _canonical(self, value: Any) -> Any:
        """The campaña of a row as "25/26", where it is written in one of the portal's two ways."""
        if value == self._asked:
            return self._asked
        if isinstance(value, bool) or not isinstance(value, str | int):
            return value
        if str(value) == self._sent:
            return self._asked
        found = read_campania(self._codigo, str(value))
        return value if found is None else str(found)


def _whole(resource: Resource, recurso: Recurso) -> list[str]:
    """The members that a row holds under the contract's name and that are not read member-wise."""
    geometry, siembras, whole = resource.geometry, resource.siembras, []
    shaped = CONTRACT[recurso].geometry != "none" and geometry.kind != "lat_lon"
    if shaped and geometry.path == "geometry":
        whole.append("geometry")
    nested = recurso == Recurso.LOTES and not siembras.flat
    if nested and not resource.root and siembras.path == "siembras":
        whole.append("siembras")
    return whole


# Name, type and look of what needs nothing (any look: None), and the reader of the rest.
_Direct: TypeAlias = tuple[str, type, Callable[[Any], object] | None, _Getter]


@dataclass(frozen=True, slots=True)
class _Reading:
    """How a row is read: most members lie under their own names and need little or nothing."""

    kept: frozenset[str]  # of the row's own members
    inside: tuple[tuple[str, frozenset[str]], ...]  # object, and its members
    direct: tuple[_Direct, ...]
    others: tuple[_Getter, ...]

    @classmethod
    def of(cls, getters: Sequence[_Getter], *whole: str) -> _Reading:
        """``whole``: members that stay as they are though no getter reads them."""
        untouched = [g for g in getters if g.rule is None and g.path == g.target]
        copied = [g for g in untouched if g.kind == "raw" and len(g.path) == 1]
        inside = [g for g in untouched if g.kind == "raw" and len(g.path) == 2]
        direct = [g for g in untouched if g.kind != "raw" and len(g.path) == 1]
        known = {g.target for g in (*copied, *inside, *direct)}
        objects = dict.fromkeys(g.path[0] for g in inside)
        return cls(
            frozenset((*whole, *(g.path[0] for g in (*copied, *inside, *direct)))),
            tuple((o, frozenset(g.path[1] for g in inside if g.path[0] == o)) for o in objects),
            tuple(
                (g.path[0], str if (fits := _PLAIN_TIMES.get(g.kind)) else g.plain, fits, g)
                for g in direct
            ),
            tuple(g for g in getters if g.target not in known),
        )


def _gather(reading: _Reading, row: Any, parent: str | None, campania: str) -> dict[str, Any]:
    if row.keys() <= reading.kept:  # copying all is several times faster than choosing
        values: dict[str, Any] = row.copy()
    else:
        values = {name: value for name, value in row.items() if name in reading.kept}
    for name, members in reading.inside:
        inner = values.pop(name, None)
        if isinstance(inner, dict):
            found = {member: value for member, value in inner.items() if member in members}
            if found:
                values[name] = found
    for name, plain, fits, getter in reading.direct:
        value = values.get(name)
        if value is not None and (type(value) is not plain or (fits and not fits(value))):
            values[name] = coerce(value, getter.kind, None, getter.zone)
    for getter in reading.others:
        value = getter.value(row, parent, campania)
        if value is MISSING:
            continue
        if len(getter.target) == 1:
            values[getter.target[0]] = value
        else:
            values.setdefault(getter.target[0], {})[getter.target[1]] = value
    return values


def _geometry(rule: Geometry) -> Callable[[dict[str, Any]], Any]:
    if rule.kind != "lat_lon":
        path = split_path(rule.path)
        if len(path) == 1:
            return lambda row: row.get(path[0], MISSING)
        return lambda row: dig(row, path)
    lat_path, lon_path = split_path(rule.lat), split_path(rule.lon)
    read = coercion.from_decimal_comma if rule.decimal_comma else coercion.to_number

    def two_columns(row: dict[str, Any]) -> Any:
        lat, lon = dig(row, lat_path), dig(row, lon_path)
        if lat is MISSING and lon is MISSING:
            return MISSING
        if lat in (None, MISSING, "") and lon in (None, MISSING, ""):
            return None
        lat, lon = (None if value is MISSING else read(value) for value in (lat, lon))
        return {"lat": lat, "lon": lon}

    return two_columns


def _siembras(
    rule: Siembras, root: str, zone: str
) -> Callable[[dict[str, Any], dict[str, Any]], Any]:
    getters = _getters(readable(SIEMBRA), rule.fields, root if rule.flat else "", zone)
    # Flat: only what the profile maps, for the row's own id, area and dates are the lote's.
    reading = _Reading.of([g for g in getters if g.rule is not None] if rule.flat else getters)
    own_path = rule.path != "siembras"
    path = split_path(rule.path) if own_path else split_path(root) + split_path(rule.path)

    def nested(row: dict[str, Any], _lote: dict[str, Any]) -> Any:
        items = dig(row, path)
        if not isinstance(items, list):
            return items
        return [
            _gather(reading, item, None, "") if isinstance(item, dict) else item for item in items
        ]

    def flat(row: dict[str, Any], lote: dict[str, Any]) -> Any:
        siembra = _gather(reading, row, None, "")
        cultivo = siembra.get("cultivo", {})
        if all(value in (None, "") for value in cultivo.values()):
            return []
        orden = siembra.setdefault("orden", 1)
        siembra.setdefault("id", f"{lote.get('id')}-{orden}")
        return [siembra]

    return flat if rule.flat else nested
