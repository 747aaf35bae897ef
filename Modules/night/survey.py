"""What the answers of a night say and leave out, before rows are made of their records.

A row may say something of ours where the portal says nothing: its id for a name, "otro" for a
tipo. So whoever asks whether a member came has to look here. Members are named as in the contract.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from Modules.portal.coercion import MISSING, dig, split_path
from Modules.portal.contract import CONTRACT, SIEMBRA, Member
from Modules.words import text as clean
from Modules.words.domain import Fetched, Record, Recurso
from Modules.words.spanish import number

MADE_UP: Mapping[str, frozenset[str]] = {  # members that a row says something of ours for
    "campos": frozenset({"nombre"}),
    "lotes": frozenset({"nombre", "siembras"}),
    "siembras": frozenset({"orden", "cultivo.codigo", "cultivo.nombre"}),
    "ambientes": frozenset({"nombre"}),
    "marcadores": frozenset({"nombre", "tipo"}),
    "zonas": frozenset({"nombre", "tipo"}),
    "cultivos": frozenset({"nombre", "especie", "orden", "color"}),
}
_CATALOGUES = (Recurso.CAMPANIAS, Recurso.CULTIVOS)
_WORDS = {str: "texto", int: "número", float: "número", bool: "sí o no", list: "lista"}
_AS_WRITTEN = ("text", "integer", "boolean", "date")  # kinds that reach a record uncoerced


@dataclass(frozen=True, slots=True)
class Survey:
    """What was looked for in the answers of a night.

    ``missing``: by table and member the ids (of siembras ``lote_id/id``) of records without it.
    ``mixed``: by "table.member" how many values are of which type, where they are of several.
    ``catalogues``: the codigo of each id of the lists that are no company's own.
    ``moments``: of when each list is, as ``Fetched`` has it.
    """

    missing: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    mixed: Mapping[str, str] = field(default_factory=dict)
    catalogues: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    moments: Mapping[str, Mapping[str, datetime]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON: what the next night is compared with."""
        moments = {
            name: {kind: one.isoformat() for kind, one in found.items()}
            for name, found in self.moments.items()
        }
        return {"catalogues": self.catalogues, "moments": moments}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any] | None) -> Self:
        """Read back what ``to_dict`` gave; older manifests have nothing."""
        if data is None:
            return cls()
        moments = {
            name: {kind: datetime.fromisoformat(one) for kind, one in found.items()}
            for name, found in data["moments"].items()
        }
        return cls(catalogues=data["catalogues"], moments=moments)


def survey(fetched: Mapping[Recurso, Fetched]) -> Survey:
    missing: dict[tuple[str, str], frozenset[str]] = {}
    mixed: dict[str, str] = {}
    for table, members, items in _tables(fetched):
        for member in members:
            path = split_path(member.name)
            if len(path) == 1:
                values = [of_item.get(path[0]) for _, of_item in items]
            else:
                values = [dig(of_item, path) for _, of_item in items]
            if member.required or member.name in MADE_UP.get(table, ()):
                pairs = zip(items, values, strict=True)
                silent = frozenset(own for (own, _), value in pairs if _says_nothing(value, member))
                missing |= {(table, member.name): silent} if silent else {}
            if member.kind in _AS_WRITTEN and (text := _several(values)):
                mixed[f"{table}.{member.name}"] = text
        del items, values  # before the next list is unpacked
    return Survey(
        missing,
        mixed,
        {one.value: _codes(fetched[one].records) for one in _CATALOGUES if one in fetched},
        {recurso.value: answer.moments for recurso, answer in fetched.items()},
    )


def _says_nothing(value: Any, member: Member) -> bool:
    if type(value) is str and value and value.isprintable() and not value.isspace():
        return False  # nearly all there is
    no_text = member.kind == "text" and clean.text(value) is None
    return no_text or value is MISSING or clean.is_absent(value)


def _tables(
    fetched: Mapping[Recurso, Fetched],
) -> Iterator[tuple[str, Sequence[Member], list[tuple[str, Mapping[str, Any]]]]]:
    """Each list, and the siembras of the lotes: its members, and (id, values) of its items."""
    for recurso, answer in fetched.items():
        key = "codigo" if recurso is Recurso.CULTIVOS else "id"  # that of its table
        items = [
            (clean.identifier(record.values.get(key)) or f"#{at}", record.values)
            for at, record in enumerate(answer.records)
            if isinstance(record.values, Mapping)
        ]
        yield recurso.value, CONTRACT[recurso].members, items
        if recurso is Recurso.LOTES:
            sown = [
                (f"{own_id}/{clean.identifier(siembra.get('id')) or f'#{at}'}", siembra)
                for own_id, values in items
                if isinstance(values.get("siembras"), list | tuple)
                for at, siembra in enumerate(values["siembras"])
                if isinstance(siembra, Mapping)
            ]
            yield "siembras", SIEMBRA, sown
            del sown
        del items


def _several(values: Sequence[Any]) -> str:
    """ "230 texto, 3 número"; nothing where all that say something are of one type."""
    if len(set(map(type, values)) - {type(None), type(MISSING)}) < 2:
        return ""
    words = Counter(
        _WORDS.get(type(value), "objeto")
        for value in values
        if value is not MISSING and not clean.is_absent(value)
    )
    return ", ".join(f"{number(n)} {word}" for word, n in words.most_common() if len(words) > 1)


def _codes(records: Sequence[Record]) -> dict[str, str]:
    found = {clean.identifier(one.values.get("id")): one.values.get("codigo") for one in records}
    return {own_id: clean.text(code) or "" for own_id, code in found.items() if own_id is not None}
