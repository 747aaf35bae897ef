"""What is known of the nights at one moment, as values; the rules are in ``rules`` and ``runs``.

Times are timezone-aware. The names are those of ``lindero status --json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, time
from shlex import quote
from typing import Final
from zoneinfo import ZoneInfo

from Modules.health.platform import Platform
from Modules.orchestration.dead_runs import ALIVE
from Modules.orchestration.deployments import Deployment
from Modules.orchestration.empresas import Hecha
from Modules.words.domain import Modo

BAD: Final = {"FAILED": "falló", "CRASHED": "se cortó", "CANCELLED": "fue cancelada"}
ESTADOS: Final = BAD | {
    "COMPLETED": "terminó bien",
    "RUNNING": "en curso",
    "PENDING": "por empezar",
    "CANCELLING": "se está cancelando",
    "PAUSED": "en pausa",
}
LEVANTAR: Final = (
    "lindero stack up, o docker compose restart y el nombre del servicio (docker compose ps dice "
    "cuál); lo publicado y los backups están enteros"
)


@dataclass(frozen=True, slots=True)
class Publicacion:
    """The newest night that lies published."""

    snapshot: str
    campania: str
    cuando: datetime  # of the data: when the night was kept
    carpeta: str
    intacta: bool = True  # every file is as it was left
    aceptada_a_mano: datetime | None = None
    terminada: Mapping[str, str] | None = None  # "que", "hacer": its campaña ended, another is on


@dataclass(frozen=True, slots=True)
class Rechazo:
    """A night in quarantine that is newer than the last accepted one of its campaña."""

    snapshot: str
    campania: str
    cuando: datetime


@dataclass(frozen=True, slots=True)
class Run:
    """One run that the server knows; ``estado`` is Prefect's type of state."""

    flujo: str
    nombre: str
    estado: str
    esperada: datetime
    inicio: datetime | None = None
    fin: datetime | None = None  # of the state, where it is final
    mensaje: str = field(default="", repr=False)
    prueba: bool = False
    despliegue: str | None = None  # id; None: started by hand, holds no place of a deployment
    id: str = ""
    otra_vez: bool = False  # made for one that died
    del_horario: bool = False  # the schedule made it
    parametros: Mapping[str, object] = field(default_factory=dict)
    vive: bool | None = None  # its process, as the kernel knows by its lock; None: not known

    @property
    def cuando(self) -> datetime:
        """When it came to its state, as near as is known."""
        return self.fin or self.inicio or self.esperada

    @property
    def dicho(self) -> str:
        """Its state as people say it; the kernel's word goes over Prefect's."""
        if self.vive is True and self.estado in BAD:
            return ESTADOS["RUNNING"]
        if self.vive is False and self.estado in ALIVE:
            return "murió"
        return ESTADOS.get(self.estado, self.estado.lower())


@dataclass(frozen=True, slots=True)
class Programa:
    """A deployment that has a schedule in the registry, and what the server makes of it."""

    deployment: str  # flow/deployment
    cuando: str  # as the registry says it, in Spanish
    desplegado: bool
    en_pausa: bool = False
    desde: datetime | None = None  # when it was first deployed
    proxima: datetime | None = None
    atrasadas: tuple[datetime, ...] = ()  # due, and nobody has begun them
    otra_vez: bool = False  # one that is done again waits to be begun
    cola_en_pausa: str = ""  # of a late run, with its pool, where somebody paused it


@dataclass(frozen=True, slots=True)
class Servidor:
    """What the Prefect server says; with ``error`` it said nothing else."""

    url: str
    error: str | None = None  # Spanish
    corridas: tuple[Run, ...] = ()  # of both modes: a trial may hold a place
    programas: tuple[Programa, ...] = ()


@dataclass(frozen=True, slots=True)
class Facts:
    ahora: datetime
    zone: ZoneInfo
    modo: Modo = Modo.PROD
    publicada: Publicacion | None = None
    destino_error: str | None = None
    rechazos: tuple[Rechazo, ...] = ()
    cortadas: tuple[str, ...] = ()  # folders whose publication was cut short
    servidor: Servidor | None = None  # None: none is configured
    plataforma: Platform | None = None
    turno: str | None = None  # who holds the lock of this mode now
    libres: Mapping[str, int] = field(default_factory=dict)  # bytes, by what they are for
    noche_para: time | None = None  # local: LINDERO_NIGHT_BY
    empresa: str = ""  # one of many, whose nights are made by a run of all of them
    ultima: Hecha | None = None  # of such a one
    mapas: Hecha | None = None  # of such a one: its KMZ and hexagons

    @property
    def corridas(self) -> tuple[Run, ...]:
        """The runs of this mode that the server told of."""
        known = () if self.servidor is None else self.servidor.corridas
        return tuple(run for run in known if run.prueba is (self.modo is Modo.TEST))

    def programa(self, what: Deployment) -> Programa | None:
        """A deployment on the server; None where that is not known."""
        known = () if self.servidor is None else self.servidor.programas
        return next((one for one in known if one.deployment == what.full_name), None)


def again(facts: Facts) -> str:
    return f"lindero run backup{flag(facts)}"


def flag(facts: Facts) -> str:
    """What a command needs to be of this mode and company."""
    return facts.modo.flag + (f" --empresa {quote(facts.empresa)}" if facts.empresa else "")


def restart(name: str) -> str:
    return f"lindero stack restart {name}, o docker compose restart prefect-{name}"
