"""``integrations.toml``: what of ours is called what in Jira, and where the sheets are.

Keys are Spanish, as a person writes them; ``integrations.example.toml`` explains each one. Names of
fields, crews and kinds of work are found whatever their case and accents (``found``).
"""

from __future__ import annotations

from collections.abc import Mapping
from random import SystemRandom
from typing import Annotated, Final, Literal
from urllib.parse import quote

from pydantic import AfterValidator, Field

from Modules.integrations.jira import MOST_AT_ONCE
from Modules.portal.profile import read_section
from Modules.portal.sections import Section
from Modules.settings import Settings
from Modules.words.errors import SettingsError
from Modules.words.names import look

EXAMPLE: Final = "integrations.example.toml"
Dato = Literal[
    "inicio", "fecha", "campo", "lote", "lote_id", "cultivo", "superficie_ha", "profundidad",
    "responsable", "observacion", "campania",
]  # fmt: skip
KINDS: Final = {"inicio": "date", "fecha": "date", "superficie_ha": "number"}  # else "string"


def _one_spelling(table: dict[str, str]) -> dict[str, str]:
    if len({look(name) for name in table}) < len(table):
        raise ValueError("tiene dos veces el mismo nombre, con otras mayúsculas o acentos")
    return table


Text = Annotated[str, Field(min_length=1)]
Names = Annotated[dict[Text, Text], AfterValidator(_one_spelling)]
CustomField = Annotated[str, Field(pattern=r"^customfield_[0-9]{1,10}$")]
Days = Annotated[int, Field(ge=0, le=365)]


class JiraNames(Section):
    proyecto: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]{1,20}$")]
    tipo: Text  # of Jira, for what ``tipos`` does not name
    tipos: Names = Field(default_factory=dict)
    componentes: Names = Field(default_factory=dict)  # by campo
    responsables: Names = Field(default_factory=dict)  # accountIds, by the name in the sheet
    campos: dict[Dato, CustomField] = Field(default_factory=dict)
    opciones: dict[Dato, CustomField] = Field(default_factory=dict)  # of one choice of a list
    mapas: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""  # the outputs folder in the web
    dias_inicio: Days = 7  # before the date of the sheet
    dias_vencimiento: Days = 0
    por_pedido: Annotated[int, Field(ge=1, le=MOST_AT_ONCE)] = MOST_AT_ONCE
    pausa_s: Annotated[float, Field(ge=0, le=600)] = 2.0  # between two requests that create
    asienta_s: Annotated[float, Field(ge=0, le=3600)] = 60.0  # until a search sees what was written

    def pausa(self) -> float:
        """Seconds: ``pausa_s`` more or less a half, so that two who write do not keep in step."""
        return SystemRandom().uniform(0.5, 1.5) * self.pausa_s

    def enlace(self, path: str) -> str:
        """Where a file below the outputs is in the web; its path where nobody said it."""
        return f"{self.mapas.rstrip('/')}/{quote(path)}" if self.mapas else path


class Sheets(Section):
    carpeta: str = ""  # id of the folder in Drive; "" looks in all
    dia_primero: bool = True  # 05/11 is the 5th of November


class Marks(Section):
    """Which marks become issues; the portal has no severity, so people write it in a text."""

    tipos: tuple[Text, ...] = ("maleza", "plaga", "enfermedad")
    severidades: tuple[Text, ...] = ("alta",)  # words, one of which is there; (): all of the tipos
    leida: Literal["si falta", "primero", "nunca"] = "si falta"  # in its words: a model's reading


class Integrations(Section):
    jira: JiraNames
    planillas: Sheets = Sheets()
    marcadores: Marks = Marks()


def found(table: Mapping[str, str], name: str) -> str | None:
    """What a name of a sheet is called in Jira, or None."""
    return next((value for key, value in table.items() if look(key) == look(name)), None)


def read_integrations(settings: Settings) -> tuple[Integrations, str]:
    """The configuration, and its text.

    Raises:
        SettingsError: the file is not there or cannot be read, or a line of it is wrong, by number.
    """
    path = settings.lindero_integrations
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as err:
        todo = f"; si no está, copiar {EXAMPLE} y completarlo"
        name = f"{path} ({type(err).__name__}), de LINDERO_INTEGRATIONS"
        raise SettingsError(f"no se puede leer {name}{todo}") from err
    return read_section(Integrations, text, path.name), text
