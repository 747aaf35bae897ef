"""What is asked: addresses, frozen parameters, the campaña as the portal writes it.

A walk fixes its parameters once (``Frozen``); pages add only where they are. A ``next`` link is
followed only within the origin of the base URL and only while it does not contradict what was
frozen. Values keep their types: a JSON body has numbers and booleans, an address their texts. No
address ever holds a credential.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Container
from dataclasses import dataclass, field
from urllib.parse import SplitResult, parse_qsl, quote, urlencode, urljoin, urlsplit, urlunsplit

from Modules.portal.profile import Profile
from Modules.portal.sections import NoPaging, Scalar
from Modules.words.domain import Campania, Recurso
from Modules.words.errors import ApiIncomplete, ApiRejected, SettingsError

Params = tuple[tuple[str, Scalar], ...]
_PORTS = {"https": 443, "http": 80}


class WalkBroken(ApiIncomplete):
    """This walk does not hold together; another one from the first page may."""


class LeftOrigin(WalkBroken):
    """A ``next`` link leads to another origin; twice in a row it is the portal's way."""

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what}: el enlace next sale del origen del portal; no se sigue. Si un proxy "
            'reescribe las direcciones, escribir keep = "origin" en [paging]'
        )


@dataclass(frozen=True, slots=True)
class Ask:
    """One request, without credentials."""

    what: str  # "lotes page 3": how errors and logs call it
    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = field(default=None, repr=False)
    content_type: str | None = None

    @property
    def path(self) -> str:
        """Path and query, without the host."""
        parts = urlsplit(self.url)
        return f"{parts.path}?{parts.query}" if parts.query else parts.path


@dataclass(frozen=True, slots=True)
class Step:
    """Where a page is: parameters beside the frozen ones, or a link that says it all."""

    params: Params = ()
    headers: tuple[tuple[str, str], ...] = ()
    link: str | None = None


@dataclass(frozen=True, slots=True)
class Frozen:
    """What stays the same from the first page of a walk to its last."""

    label: str  # "lotes", or "lotes of campos 114"
    method: str
    url: str
    params: Params
    headers: tuple[tuple[str, str], ...]
    keep: str = "none"  # of a next link: see ``sections.Sized``

    def ask(self, number: int, step: Step, previous_url: str | None = None) -> Ask:
        """The request of page ``number`` (from 1).

        Raises:
            WalkBroken: the step's link changes what was asked; LeftOrigin: it leads elsewhere.
        """
        what = f"{self.label} página {number}"
        headers = self.headers + step.headers
        url, params = self.url, self.params + step.params
        if step.link is not None:
            url, params = self.follow(what, previous_url or self.url, step.link), ()
        if self.method == "POST":
            body = json.dumps(dict(params), ensure_ascii=False).encode()
            return Ask(what, "POST", url, headers, body, "application/json")
        query = urlencode([(name, written(value)) for name, value in params])
        return Ask(what, "GET", f"{url}?{query}" if query else url, headers)

    def follow(self, what: str, from_url: str, link: str) -> str:
        """The address that ``link`` on the page at ``from_url`` leads to."""
        parts = link_target(what, from_url, link, self.url, self.keep)
        asked = dict(parse_qsl(parts.query, keep_blank_values=True))
        for name, value in self.params:
            if asked.get(name, written(value)) != written(value):
                raise WalkBroken(f"{what}: el enlace next cambia {name!r}, que no puede cambiar")
        return urlunsplit(parts._replace(fragment=""))


def link_target(what: str, from_url: str, link: str, own_url: str, keep: str) -> SplitResult:
    """Where a ``next`` link on the page at ``from_url`` leads; ``keep`` is of ``own_url``.

    Raises:
        WalkBroken: it is malformed; LeftOrigin: it leads to another origin.
    """
    try:
        parts, own = urlsplit(urljoin(from_url, link)), urlsplit(own_url)
        if keep != "none" and parts.scheme in _PORTS:
            path = own.path if keep == "address" else parts.path
            return parts._replace(scheme=own.scheme, netloc=own.netloc, path=path)
        foreign = origin_of(parts) != origin_of(own) or "@" in parts.netloc
    except ValueError as err:
        raise WalkBroken(f"{what}: su enlace next está mal formado") from err
    if foreign:
        raise LeftOrigin(what)
    return parts


def file_target(
    what: str, from_url: str, link: str, own_url: str, hosts: Container[str]
) -> tuple[str, bool]:
    """Where a file lies to which ``from_url`` links, and whether that is the portal's origin.

    Raises:
        ApiRejected: neither there nor at one of ``hosts``; never quotes more than its host.
    """
    try:
        url = urljoin(from_url, link.strip())
        parts, own = urlsplit(url), urlsplit(own_url)
        origin = origin_of(parts)
    except ValueError as err:
        raise ApiRejected(f"{what}: su dirección está mal formada") from err
    scheme, host, _ = origin
    if scheme not in _PORTS or not host or "@" in parts.netloc or "\\" in url:
        raise ApiRejected(f"{what}: su dirección no es http(s), o lleva usuario")
    if origin != origin_of(own) and (
        host not in hosts or (scheme != "https" and not is_loopback(host))
    ):
        said = re.sub(r"[^\w.-]", "?", host)[:60]
        raise ApiRejected(
            f"{what}: está en {said}, que no es el portal ni está en LINDERO_FOTOS_HOSTS con https"
        )
    return url, origin == origin_of(own)


def written(value: Scalar) -> str:
    """A value as an address or a form has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def freeze(
    profile: Profile, base_url: str, recurso: Recurso, campania: str, parent: str | None = None
) -> Frozen:
    """The frozen part of a walk; ``campania`` as the portal wants to be asked, ``parent`` an id."""
    resource, season = profile.resources[recurso], profile.season
    path = resource.path.replace("{campania}", quote(campania, safe=""))
    path = path.replace("{parent}", quote(parent or "", safe=""))
    params: Params = tuple(resource.params.items())
    headers = tuple((profile.headers | resource.headers).items())
    if resource.season and season.place in ("query", "body"):
        params = ((season.name, campania), *params)
    if resource.season and season.place == "header":
        headers = (*headers, (season.name, campania))
    label = recurso.value if parent is None else f"{recurso.value} de {resource.parent} {parent}"
    paging = profile.paging_of(recurso)
    keep = "none" if isinstance(paging, NoPaging) else paging.keep
    return Frozen(label, resource.method, join(base_url, path), params, headers, keep)


def join(base_url: str, path: str) -> str:
    return f"{base_url.rstrip('/')}/{path.lstrip('/')}"


def origin_of(parts: SplitResult) -> tuple[str, str, int | None]:
    """Scheme, host and port (RFC 6454 §4)."""
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(scheme)


_EXAMPLE = "https://databaler.example/base-portal/api/v1"


def check_url(url: str, name: str, example: str = _EXAMPLE) -> str:
    """The address, if a secret may be sent there.

    Raises:
        SettingsError: no http(s) address, plain http beyond loopback, or with user, query or
            fragment; never quotes it, for it may hold a password.
    """
    try:
        parts = urlsplit(url.strip())
        scheme, host, _ = origin_of(parts)
    except ValueError as err:
        raise SettingsError(f"{name} no es una dirección; se escribe como {example}") from err
    wrong = ""
    if scheme not in _PORTS or not host or re.search(r"[\s\\]", url.strip()):
        wrong = "no es una dirección; se escribe"
    elif "@" in parts.netloc or parts.query or parts.fragment:
        wrong = "lleva usuario, consulta o fragmento; se escribe sola,"
    elif scheme != "https" and not is_loopback(host):
        wrong = "tiene que ser https, porque por ahí van secretos;"
    if wrong:
        raise SettingsError(f"{name} {wrong} como {example}")
    return url.strip().rstrip("/")


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def write_campania(template: str, campania: Campania) -> str:
    """The campaña as the template writes it: {aa} {aaaa} first year, {bb} {bbbb} second."""
    desde, hasta = campania.desde, campania.hasta
    return template.format(
        aa=f"{desde:02d}", aaaa=f"{2000 + desde}", bb=f"{hasta:02d}", bbbb=f"{2000 + hasta}"
    )


def read_campania(template: str, text: str) -> Campania | None:
    """The campaña that ``text`` is under the template, or None."""
    match = re.fullmatch(r"\D*?(\d{2,4})(?:\D+(\d{2,4}))?\D*", text.strip())
    if match is None:
        return None
    year = int(match[1]) % 100
    for first in (year, (year - 1) % 100):
        found = Campania(first, (first + 1) % 100)
        if write_campania(template, found) == text.strip():
            return found
    return None
