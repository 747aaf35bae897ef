"""What is done about one link of a product folder into OneDrive: states, options, rules. Pure.

A link is made outside OneDrive and leads into it. Three things are looked at, each in exactly one
state: the place where the link goes, its target, and what lies under the link's name. For each
state a rule says what is done, and which option has to be given for it. The rules are data:
``create_symlinks.ps1`` carries this very table (``Modules.onedrive.script``), so there is no second
copy to keep in step. Texts are Spanish: the person at the Windows machine reads them.

Nothing here deletes a folder with content: a link is removed as a link, a folder only if it is
empty, and data in the way are moved aside, only if asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class Lugar(StrEnum):
    """Where a link is to be made."""

    BIEN = "bien"
    SINCRONIZADO = "dentro de OneDrive"
    BAJO_ENLACE = "dentro de otro enlace"


class Destino(StrEnum):
    """What a link is to lead to."""

    EXISTE = "existe"
    FALTA = "falta"
    ENLACE = "es un enlace"
    ARCHIVO = "no es una carpeta"
    FUERA = "fuera de OneDrive"
    SIN_ONEDRIVE = "OneDrive no está"
    RED = "unidad de red"
    AJENO = "de otra carpeta"


class Estado(StrEnum):
    """What lies under a link's name."""

    FALTA = "falta"
    CORRECTO = "enlace correcto"
    OTRO_DESTINO = "enlace a otro destino"
    VACIA = "carpeta vacía"
    CON_DATOS = "carpeta con datos"
    ARCHIVO = "archivo en el lugar"


class Opcion(StrEnum):
    """The switch of the script that a rule needs."""

    NINGUNA = ""
    RELINK = "Relink"
    MIGRATE = "Migrate"
    CREATE_TARGET = "CreateTarget"
    NUNCA = "nunca"  # no switch does: a person has to


class Accion(StrEnum):
    """One step; the script knows how to do each, and how to take it back."""

    CREAR_DESTINO = "crear-destino"
    PROBAR_DESTINO = "probar-destino"
    QUITAR_ENLACE = "quitar-enlace"
    QUITAR_VACIA = "quitar-vacia"
    APARTAR = "apartar"
    CREAR_ENLACE = "crear-enlace"
    COMPROBAR = "comprobar"
    MARCAR = "marcar"


DICHO: Final[Mapping[Accion, str]] = MappingProxyType(
    {
        Accion.CREAR_DESTINO: "crear la carpeta de destino",
        Accion.PROBAR_DESTINO: "probar que el destino se puede escribir",
        Accion.QUITAR_ENLACE: "quitar el enlace anterior (no toca su contenido)",
        Accion.QUITAR_VACIA: "quitar la carpeta vacía",
        Accion.APARTAR: "apartar los datos con el nombre .bak-<hora>",
        Accion.CREAR_ENLACE: "crear el enlace",
        Accion.COMPROBAR: "comprobar escribiendo por el enlace",
        Accion.MARCAR: "dejar el centinela en el destino",
    }
)


@dataclass(frozen=True, slots=True)
class Regla:
    """What is done in a state; ``aviso`` says what to do where ``necesita`` was not given."""

    acciones: tuple[Accion, ...] = ()
    necesita: Opcion = Opcion.NINGUNA
    aviso: str = ""


def _nunca(aviso: str) -> Regla:
    return Regla(necesita=Opcion.NUNCA, aviso=aviso)


REGLAS_LUGAR: Final[Mapping[Lugar, Regla]] = MappingProxyType(
    {
        Lugar.BIEN: Regla(),
        Lugar.SINCRONIZADO: _nunca(
            "el proyecto está dentro de OneDrive, y un enlace ahí detiene la sincronización: "
            "mueva el proyecto a otra carpeta, por ejemplo C:\\Lindero"
        ),
        Lugar.BAJO_ENLACE: _nunca(
            "una carpeta de más arriba es un enlace o un archivo: quítelo, y deje una carpeta común"
        ),
    }
)
REGLAS_DESTINO: Final[Mapping[Destino, Regla]] = MappingProxyType(
    {
        Destino.EXISTE: Regla((Accion.PROBAR_DESTINO,)),
        Destino.FALTA: Regla(
            (Accion.CREAR_DESTINO, Accion.PROBAR_DESTINO),
            Opcion.CREATE_TARGET,
            "el destino no existe: revise la ruta, o agregue -CreateTarget para crearlo",
        ),
        Destino.ENLACE: _nunca(
            "el destino, o una carpeta de más arriba, es un enlace: elija una carpeta común"
        ),
        Destino.ARCHIVO: _nunca(
            "el destino, o una parte de su ruta, es un archivo: elija una carpeta"
        ),
        Destino.FUERA: _nunca(
            "el destino no está dentro de OneDrive: elija otro, o diga dónde está OneDrive con "
            "setup_symlinks.py --onedrive"
        ),
        Destino.SIN_ONEDRIVE: _nunca(
            "la carpeta de OneDrive no está en esta computadora: inicie sesión en OneDrive y "
            "espere a que aparezca"
        ),
        Destino.RED: _nunca("el destino está en una unidad de red: OneDrive es una carpeta local"),
        Destino.AJENO: _nunca(
            "el destino ya es el de otra carpeta (lo dice su .lindero-destino.json): elija otro"
        ),
    }
)
REGLAS_ENLACE: Final[Mapping[Estado, Regla]] = MappingProxyType(
    {
        Estado.FALTA: Regla((Accion.CREAR_ENLACE,)),
        Estado.CORRECTO: Regla(),
        Estado.OTRO_DESTINO: Regla(
            (Accion.QUITAR_ENLACE, Accion.CREAR_ENLACE),
            Opcion.RELINK,
            "el enlace lleva a otra carpeta: agregue -Relink para cambiarlo",
        ),
        Estado.VACIA: Regla((Accion.QUITAR_VACIA, Accion.CREAR_ENLACE)),
        Estado.CON_DATOS: Regla(
            (Accion.APARTAR, Accion.CREAR_ENLACE),
            Opcion.MIGRATE,
            "hay una carpeta con datos: agregue -Migrate para apartarla con el nombre .bak-<hora> "
            "(no se copia a OneDrive)",
        ),
        Estado.ARCHIVO: _nunca("hay un archivo con ese nombre: muévalo a otro lado"),
    }
)
FINALES: Final = (Accion.COMPROBAR, Accion.MARCAR)


@dataclass(frozen=True, slots=True)
class Opciones:
    """The switches that were given. ``symbolic`` changes the kind of link, never what is done."""

    relink: bool = False
    migrate: bool = False
    create_target: bool = False
    symbolic: bool = False

    def allows(self, opcion: Opcion) -> bool:
        """Whether what needs this option may be done."""
        return {
            Opcion.NINGUNA: True,
            Opcion.RELINK: self.relink,
            Opcion.MIGRATE: self.migrate,
            Opcion.CREATE_TARGET: self.create_target,
            Opcion.NUNCA: False,
        }[opcion]


@dataclass(frozen=True, slots=True)
class Situacion:
    """What was found about one link."""

    enlace: Estado
    destino: Destino = Destino.EXISTE
    lugar: Lugar = Lugar.BIEN


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps in their order; or none, and what to do first (Spanish)."""

    acciones: tuple[Accion, ...] = ()
    detenido: str | None = None


def plan(situacion: Situacion, opciones: Opciones) -> Plan:
    """What is done about one link: all of it, or nothing.

    The target is made and tried before anything at the link is touched, and in the end the link
    is proved by writing through it.
    """
    rules = tuple(_rules(situacion))
    for rule in rules:
        if not opciones.allows(rule.necesita):
            return Plan(detenido=rule.aviso)
    return Plan((*(step for rule in rules for step in rule.acciones), *FINALES))


def _rules(situacion: Situacion) -> Iterator[Regla]:
    yield REGLAS_LUGAR[situacion.lugar]
    yield REGLAS_DESTINO[situacion.destino]
    yield REGLAS_ENLACE[situacion.enlace]
