"""The sections of a profile as frozen models: what each key may be, with the contract's defaults.

Every key is described for users in ``docs/perfil_databaler.md``; a test holds the two together.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

Scalar = str | int | float | bool
FieldType = Literal[
    "id", "text", "number", "decimal_comma", "integer", "boolean", "date", "datetime", "raw"
]
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE = re.compile(r"[\x20-\x7e]*")
_CREDENTIAL_HEADERS = frozenset({"authorization", "proxy-authorization", "cookie"})
_DIRECTIVE = re.compile(r"%.", re.DOTALL)
_LITERAL_ZONE = re.compile(r"\bUTC|GMT|ART|Z(?![a-z])|[+-]\d\d:?\d\d$")
_SEASON_TEXT = re.compile(r"([^{}]|\{(aa|aaaa|bb|bbbb)\})*")


class Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


def _header_name(name: str) -> str:
    if name and not _HEADER_NAME.fullmatch(name):
        raise ValueError("no es un nombre de encabezado")
    return name


def _plain_headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        _header_name(name)
        if name.lower() in _CREDENTIAL_HEADERS:
            raise ValueError("las credenciales vienen del entorno, no del perfil")
        if not _HEADER_VALUE.fullmatch(value):
            raise ValueError("un encabezado sólo lleva ASCII imprimible")
    return headers


def refuse_unknown(fields: Mapping[str, object], known: set[str], where: str) -> None:
    """Raise ValueError for a field that the contract does not have."""
    for name in sorted(set(fields) - known):
        raise ValueError(
            f"{where}{name}: el contrato no tiene el campo {name!r}; tiene {sorted(known)}"
        )


HeaderName = Annotated[str, AfterValidator(_header_name)]  # "" where none is meant
SomeHeaderName = Annotated[str, Field(min_length=1), AfterValidator(_header_name)]
Headers = Annotated[dict[str, str], AfterValidator(_plain_headers)]


class AnyAuth(Section):
    """What every kind has: a header for ``DATABALER_SECOND_SECRET``, such as a subscription key."""

    second_header: HeaderName = ""


class TokenAuth(AnyAuth):
    """A login with id and secret that gives a token."""

    path: str = "/auth/token"  # below the base URL, or a whole https address
    body: Literal["form", "json"] = "form"
    client_auth: Literal["body", "basic"] = "body"
    id_field: str = "client_id"
    secret_field: str = "client_secret"  # noqa: S105 - the name of the form field
    second_field: str = ""  # of the second secret; "" sends it in no field
    fields: dict[str, Scalar] = Field(default_factory=dict)
    token: str = "access_token"  # noqa: S105 - the path in the answer
    expires_in: str = "expires_in"
    lifetime_s: float | None = Field(default=None, gt=0)
    header: SomeHeaderName = "Authorization"
    prefix: str = "Bearer"


class ClientCredentials(TokenAuth):
    """OAuth 2 client credentials (RFC 6749 §4.4), a form by default."""

    kind: Literal["client_credentials"] = "client_credentials"
    fields: dict[str, Scalar] = {"grant_type": "client_credentials"}


class JsonLogin(TokenAuth):
    """User and password in a JSON body, a token in the answer."""

    kind: Literal["json_login"]
    path: str = "/auth/login"
    body: Literal["form", "json"] = "json"
    id_field: str = "username"
    secret_field: str = "password"  # noqa: S105 - the name of the member
    token: str = "token"  # noqa: S105 - the path in the answer


class ApiKey(AnyAuth):
    """One or two fixed headers: the secret, and where asked for the client id."""

    kind: Literal["api_key"]
    header: SomeHeaderName = "X-Api-Key"
    id_header: HeaderName = ""
    prefix: str = ""


class StaticBearer(AnyAuth):
    """A token that does not expire, given as the client secret."""

    kind: Literal["bearer"]
    header: SomeHeaderName = "Authorization"
    prefix: str = "Bearer"


class Basic(AnyAuth):
    """HTTP Basic (RFC 7617) with id and secret."""

    kind: Literal["basic"]


class NoAuth(AnyAuth):
    """An open portal: a trial server on this machine."""

    kind: Literal["none"]


Auth = Annotated[
    ClientCredentials | JsonLogin | ApiKey | StaticBearer | Basic | NoAuth,
    Field(discriminator="kind"),
]


class Season(Section):
    """How the campaña is asked for and written.

    Texts take {aa} and {aaaa} for the first year, {bb} and {bbbb} for the second; ``send = "id"``
    asks with the id that the campanias list gives it.
    """

    place: Literal["query", "path", "header", "body"] = "query"
    name: str = "campania"
    send: str = "{aa}/{bb}"
    codigo: str = "{aa}/{bb}"

    @field_validator("send", "codigo")
    @classmethod
    def _known_places(cls, text: str) -> str:
        if not _SEASON_TEXT.fullmatch(text) or not text:
            raise ValueError("entre llaves sólo van {aa}, {aaaa}, {bb} y {bbbb}")
        return text


class Sized(Section):
    """Pages of at most ``size`` rows, or of as many as the portal says it gives (``served``).

    ``keep``: of a ``next`` link that a proxy spoils, what is ours instead: scheme, host and port
    ("origin"), or the path too ("address").
    """

    size_param: str = "size"  # "" sends none
    size: int = Field(default=1000, ge=1, le=100_000)
    served: str = "size"  # path in the body; where there is nothing, nothing is said
    keep: Literal["none", "origin", "address"] = "none"


class PagePaging(Sized):
    """Numbered pages, from ``first``."""

    kind: Literal["page"] = "page"
    first: Literal[0, 1] = 1
    param: str = "page"
    stop: Literal["empty", "short"] = "empty"


class OffsetPaging(Sized):
    """Rows to skip."""

    kind: Literal["offset"]
    param: str = "offset"
    size_param: str = "limit"
    stop: Literal["empty", "short"] = "empty"


class CursorPaging(Sized):
    """Rows after the last id seen; ``plus`` is added to it where the portal counts from it."""

    kind: Literal["id_cursor"]
    param: str = "from_id"
    id: str = "id"
    plus: int = 0
    size_param: str = "limit"
    stop: Literal["empty", "short"] = "empty"


class TokenPaging(Sized):
    """An opaque token of the last page, in its body (``token``) or a header (``token_header``)."""

    kind: Literal["token"]
    token: str = ""
    token_header: HeaderName = ""
    place: Literal["query", "header"] = "query"
    param: str = "page_token"

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if bool(self.token) == bool(self.token_header):
            raise ValueError("dar token (una ruta en el cuerpo) o token_header, uno de los dos")
        return self


class NextLinkPaging(Sized):
    """A link to the next page, in the body (``next``) or in the ``Link`` header (RFC 8288)."""

    kind: Literal["next_link"]
    source: Literal["body", "header"] = "body"
    next: str = "next"


class NoPaging(Section):
    """Everything in one answer."""

    kind: Literal["none"]


Paging = Annotated[
    PagePaging | OffsetPaging | CursorPaging | TokenPaging | NextLinkPaging | NoPaging,
    Field(discriminator="kind"),
]


class Envelope(Section):
    """Dotted paths to what surrounds the rows; "" means there is none (rows: the root)."""

    rows: str = ""
    total: str = ""
    total_header: HeaderName = ""
    pages: str = ""
    page: str = ""
    next: str = ""
    snapshot_at: str = "snapshot_at"  # of when the data are; looked for, never insisted on


class BodyRule(Section):
    """A member of the body and the values that count; no values: anything but null, "", false."""

    path: Annotated[str, Field(min_length=1)]
    values: tuple[Scalar, ...] = ()


class Answers(Section):
    """Which answers are pages, which are empty, and what is an error under a 200."""

    ok_statuses: tuple[int, ...] = (200,)
    empty_statuses: tuple[int, ...] = ()
    success: BodyRule | None = None
    error: BodyRule | None = None
    empty: BodyRule | None = None
    expired: BodyRule | None = None
    message: tuple[str, ...] = (
        *("detail", "title", "message", "error.message", "error_description"),
        *("description", "error", "mensaje"),
    )
    request_id_header: HeaderName = "X-Request-Id"
    charset: str = "utf-8"  # of a body that is not UTF-8

    @field_validator("charset")
    @classmethod
    def _a_charset(cls, charset: str) -> str:
        try:
            b" ".decode(charset)
        except (LookupError, UnicodeError) as err:
            raise ValueError(
                "no es un juego de caracteres conocido; por ejemplo windows-1252"
            ) from err
        return codecs.lookup(charset).name

    @field_validator("ok_statuses", "empty_statuses")
    @classmethod
    def _statuses(cls, statuses: tuple[int, ...]) -> tuple[int, ...]:
        if any(not (200 <= status < 300 or status in (304, 404)) for status in statuses):
            raise ValueError("sólo 2xx, 304 y 404 pueden ser respuestas buenas")
        return statuses


class Time(Section):
    """Zone of times written without an offset."""

    zone: str = "America/Argentina/Buenos_Aires"

    @field_validator("zone")
    @classmethod
    def _known(cls, zone: str) -> str:
        try:
            ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as err:
            raise ValueError("no es una zona horaria de la lista de IANA") from err
        return zone


class FieldRule(Section):
    """Where a member of the contract comes from, and how its value is read."""

    path: str = ""
    source: Literal["row", "season", "parent"] = "row"
    type: FieldType | None = None
    format: str = ""  # of a date or datetime: strptime's, or "epoch_s", "epoch_ms"
    pad: int = Field(default=0, ge=0, le=40)  # of an id in digits: zeros in front, to so many
    values: dict[str, Scalar] = Field(default_factory=dict)
    default: Scalar | None = None

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if self.source == "row" and not self.path and self.default is None:
            raise ValueError("dar path, default o source")
        if self.source != "row" and self.path:
            raise ValueError("un campo con source no lleva path")
        return self

    @field_validator("format")
    @classmethod
    def _zone_is_read(cls, layout: str) -> str:
        literal = _DIRECTIVE.sub("\0", layout)
        if "%Z" in layout.replace("%%", "") or _LITERAL_ZONE.search(literal):
            raise ValueError(
                "una zona escrita con letras no se lee; escribir %z para Z, UTC o -03:00"
            )
        return layout


class _WithFields(Section):
    fields: dict[str, FieldRule] = Field(default_factory=dict)

    @field_validator("fields", mode="before")
    @classmethod
    def _paths_alone(cls, value: object) -> object:
        if isinstance(value, dict):
            return {
                n: {"path": rule} if isinstance(rule, str) else rule for n, rule in value.items()
            }
        return value


class Siembras(_WithFields):
    """Sowings of a lote: a list in the row (``path``), or one crop in the row itself (``flat``)."""

    path: str = "siembras"
    flat: bool = False


class Geometry(Section):
    """Where the geometry is and how it is written; lat and lon only for ``lat_lon``."""

    path: str = "geometry"
    kind: Literal["geojson", "geojson_text", "wkt", "wkb_hex", "latlon_rings", "lat_lon"] = (
        "geojson"
    )
    crs: str = "EPSG:4326"
    axis_order: Literal["lon_lat", "lat_lon"] = "lon_lat"
    lat: str = "lat"
    lon: str = "lon"
    decimal_comma: bool = False

    @field_validator("crs")
    @classmethod
    def _an_authority_code(cls, crs: str) -> str:
        if not re.fullmatch(r"[A-Za-z]{2,12}:[0-9A-Za-z]{1,12}", crs):
            raise ValueError("escribir un código como EPSG:4326 o EPSG:22185")
        return crs


class Resource(_WithFields):
    enabled: bool = True
    method: Literal["GET", "POST"] = "GET"
    path: str
    params: dict[str, Scalar] = Field(default_factory=dict)
    headers: Headers = Field(default_factory=dict)
    season: bool = False
    parent: Literal["zonas", "campos", "lotes"] | None = None
    root: str = ""
    siembras: Siembras = Siembras()
    geometry: Geometry = Geometry()
    paging: Paging | None = None
    envelope: Envelope | None = None

    @model_validator(mode="after")
    def _parent_in_path(self) -> Self:
        if (self.parent is not None) != ("{parent}" in self.path):
            raise ValueError("parent y {parent} en path van juntos")
        return self
