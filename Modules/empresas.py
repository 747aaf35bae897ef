"""``empresas.toml``: the companies that one installation serves beside its own, one entry each.

An entry is read for itself: what is wrong in one, even that it is no TOML, costs that one alone and
is named with its line. Two that would share a place are both refused, for nobody can tell whose
the files there are. No secret stands in the file: an entry names the variable that holds it, or a
block of Prefect. Pure: how a value is read is passed in. No error quotes a value but a name.
"""

from __future__ import annotations

import difflib
import os
import re
import tomllib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from Modules.words.errors import SettingsError
from Modules.words.folders import PLAN_MUESTREO, QUE_ABRIR
from Modules.words.names import folded, look, slug

SETTINGS: Final = {  # what an entry may say, and the setting that says it of the one company
    "portal": "databaler_base_url",
    "usuario": "databaler_client_id",
    "perfil": "databaler_profile",
    "bloque": "databaler_credentials_block",
    "campanias": "lindero_campania",
    "informe": "lindero_informe_a",
}
SECRETS: Final = {  # these name a variable
    "secreto": "databaler_client_secret",
    "segundo_secreto": "databaler_second_secret",
}
KEYS: Final = ("nombre", *SETTINGS, *SECRETS, "carpeta")
FOLDER: Final = "empresas"  # below the state
MAX_NAME: Final = 80  # characters
_HEADER: Final = re.compile(r"\s*\[\[\s*empresas\s*\]\]")
_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOMBRE: Final = re.compile(  # of no TOML too
    r"""\s*nombre\s*=\s*(?:"([^"]+)|'([^']+)|([^"'#]+))"""
)
_AT: Final = re.compile(r"at line (\d+)")

Readers = Mapping[str, Callable[[str], object]]  # of the texts of settings; ValueError says why not


@dataclass(frozen=True, slots=True)
class Empresa:
    nombre: str
    donde: str  # file, line and name, for errors
    slug: str  # of the folder of its state
    carpeta: Path  # where its products go
    ajustes: Mapping[str, str]  # texts, by setting
    secretos: Mapping[str, str]  # names of variables, by key

    def wrong(self, why: str) -> SettingsError:
        return SettingsError(f"{self.donde}: {why}")


Lista = Mapping[str, Empresa | SettingsError]  # by name: an entry, or what is wrong with it


def read_lista(text: str, source: str, outputs: Path, readers: Readers) -> Lista:
    """Every entry, in the file's order; ``outputs``: where the products of the one company go."""
    lines = text.split("\n")
    starts = [0, *(at for at, line in enumerate(lines) if _HEADER.match(line))]
    found: dict[str, Empresa | SettingsError] = {}
    for first, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        nombre, part = f"renglón {first + 1}", lines[first:end]
        try:
            for table in _tables(part):
                nombre = str(table.get("nombre") or nombre)[:MAX_NAME]
                nombre += f" (renglón {first + 1})" if nombre in found else ""
                donde = f"{source}, renglón {first + 1} ({table.get('nombre')})"
                found[nombre] = _empresa(table, part, donde, outputs, readers)
        except _Wrong as err:
            where = f"{source}, renglón {first + 1 + err.line}"
            told = next(filter(None, map(_NOMBRE.match, part)), None)
            written = "" if told is None else told[told.lastindex or 0].strip()[:MAX_NAME]
            if written:
                where += f" ({written})"
                nombre = f"{written} (renglón {first + 1})" if written in found else written
            found[nombre] = SettingsError(f"{where}: {err}")
    return found | _shared({n: it for n, it in found.items() if isinstance(it, Empresa)}, outputs)


def named(found: Lista, name: str) -> Empresa:
    """The company of that name, as a person types it.

    Raises:
        SettingsError: there is none, or its entry is wrong.
    """
    nombre = next((one for one in found if look(one) == look(name)), "")
    if not nombre:
        near = difflib.get_close_matches(name, found, n=1)
        hint = f"¿quiso decir {near[0]!r}?" if near else "lindero status --todas las nombra"
        raise SettingsError(f"no hay una empresa {name!r}; {hint}")
    one = found[nombre]
    if isinstance(one, SettingsError):
        raise one
    return one


class _Wrong(Exception):
    """What is wrong, and in which line of an entry, from 0."""

    def __init__(self, said: str, line: int) -> None:
        super().__init__(said)
        self.line = line


def _tables(part: Sequence[str]) -> Sequence[Mapping[str, Any]]:
    """The entry in its lines; none in those before the first."""
    try:
        data = tomllib.loads("\n".join(part))
    except tomllib.TOMLDecodeError as err:
        at = _AT.search(str(err))  # else a quote that nothing closes: in the last line with any
        written = [number for number, line in enumerate(part, 1) if "=" in line]
        said = "no es TOML; ¿falta una comilla, o está dos veces la misma clave?"
        raise _Wrong(said, (int(at[1]) if at else max(written, default=1)) - 1) from None
    for key in data:
        if key != "empresas" or not _HEADER.match(part[0]):
            raise _Wrong(f"{key}: sobra; cada empresa empieza con [[empresas]]", _line(part, key))
    entries: Sequence[Mapping[str, Any]] = data.get("empresas", ())
    return entries


def _line(part: Sequence[str], key: str) -> int:
    written = re.compile(rf"\s*[\[\"']*{re.escape(key)}\b")
    return next((at for at, line in enumerate(part) if written.match(line)), 0)


def _empresa(
    table: Mapping[str, Any], part: Sequence[str], donde: str, outputs: Path, readers: Readers
) -> Empresa:
    texts: dict[str, str] = {}
    for key, value in {"nombre": "", "portal": "", **table}.items():
        try:
            texts[key] = _text(key, value, readers)
        except (ValueError, SettingsError) as err:
            raise _Wrong(f"{key}: {err}", _line(part, key)) from None
    own = slug(texts["nombre"])
    return Empresa(
        texts["nombre"],
        donde,
        own,
        Path(os.path.normpath(outputs / (texts.get("carpeta") or own))),
        {SETTINGS[key]: text for key, text in texts.items() if key in SETTINGS},
        {key: text for key, text in texts.items() if key in SECRETS},
    )


def _text(key: str, value: object, readers: Readers) -> str:
    """The text of a key; ValueError or SettingsError says what is wrong with it."""
    if key not in KEYS:
        near = difflib.get_close_matches(key, KEYS, n=1)
        raise ValueError(f"no hay una clave así; {f'¿{near[0]}?' if near else ', '.join(KEYS)}")
    text = ",".join(map(str, value)) if isinstance(value, list) else value
    if not isinstance(text, str):
        raise ValueError("tiene que ser un texto, entre comillas")  # noqa: TRY004 - said to people
    if key in ("nombre", "portal") and not text:
        raise ValueError("falta")
    if key == "nombre" and not (slug(text) and len(text) <= MAX_NAME):
        raise ValueError(f"va con letras o números, y hasta {MAX_NAME} caracteres")
    if key == "carpeta" and Path(text).name != text and not Path(text).is_absolute():
        raise ValueError("va una sola carpeta, o una ruta completa")
    if key in SECRETS and not _VARIABLE.fullmatch(text):
        raise ValueError("va el nombre de una variable, como SUR_SECRETO; nunca el secreto")
    if key in SETTINGS:
        readers[SETTINGS[key]](text)
    return text


def _shared(found: Mapping[str, Empresa], outputs: Path) -> dict[str, SettingsError]:
    """What is wrong with those that would write where others do."""
    taken = {folded(str(outputs / name)) for name in (*QUE_ABRIR, PLAN_MUESTREO)}
    taken |= {folded(str(path)) for path in (outputs, *outputs.parents)}
    said = {
        name: one.wrong("carpeta: es de la empresa de siempre; poner otra")
        for name, one in found.items()
        if taken & {folded(str(path)) for path in (one.carpeta, outputs / one.slug)}
    }
    places = defaultdict[str, list[str]](list)
    rest = {name: one for name, one in found.items() if name not in said}
    for name, one in rest.items():
        for place in {one.slug, folded(str(one.carpeta))}:
            places[place].append(name)
    for name, one in rest.items():
        above = (folded(str(path)) for path in (one.carpeta, *one.carpeta.parents))
        for other in (held for path in (one.slug, *above) for held in places.get(path, ())):
            if other != name:
                why = "nombre o carpeta: no se distingue de {}; ninguna de las dos corre así"
                said.setdefault(name, one.wrong(why.format(found[other].donde)))
                said.setdefault(other, found[other].wrong(why.format(one.donde)))
    return said
