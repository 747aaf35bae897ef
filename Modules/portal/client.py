"""The portal client: every list of one campaña, whole and in order, as the profile describes it.

``PortalClient.fetch_all`` is the door. What it returns is complete or an error says why not:
each list was walked with frozen parameters, no page twice, no gap, and as many distinct ids as
the portal declares. Requests run ``concurrency`` at a time and ``requests_per_second`` at most;
the order of results does not depend on it. Times are seconds, sizes bytes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field
from functools import partial
from typing import Self, TypeVar

from pydantic import SecretStr

from Modules.portal.asking import Ask, check_url, file_target, freeze, read_campania, write_campania
from Modules.portal.attempts import Attempts
from Modules.portal.auth import Authenticator
from Modules.portal.collector import without_collector
from Modules.portal.mapping import Mapper
from Modules.portal.pace import Pace, Stopped
from Modules.portal.profile import DEFAULT_PROFILE, Profile
from Modules.portal.transport import Limits, Transport
from Modules.portal.walk import Look, Walk, Walked, Walker
from Modules.words.domain import (
    MOMENTS,
    Campania,
    Fetched,
    Portal,
    RawPage,
    Record,
    Records,
    Recurso,
    normal_origin,
)
from Modules.words.errors import ApiContractChanged, ApiRejected, CampaniaUnknown, SettingsError
from Modules.words.secret import Secret
from Modules.words.text import deleted

__all__ = ["Limits", "OnPage", "PortalClient", "PortalConfig"]

T = TypeVar("T")
R = TypeVar("R")
_ANY = (("Accept", "*/*"),)
_OK = 200
_REDIRECTS = 3  # of a file
_WALKS_AT_ONCE = 8  # more than requests at a time: a walk that waits holds no other up
OnPage = Callable[[Recurso, int, int | None], None]  # list, pages done, pages in all if known


@dataclass(frozen=True, slots=True)
class PortalConfig:
    base_url: str
    profile: Profile = DEFAULT_PROFILE
    client_id: str | None = None
    client_secret: SecretStr | Secret | None = None
    limits: Limits = field(default_factory=Limits)
    second_secret: SecretStr | Secret | None = None

    @property
    def origin(self) -> str:
        """Scheme, host and port of the portal; never a path or a credential.

        Raises:
            SettingsError: the base URL is not https (loopback apart) or not bare.
        """
        return normal_origin(check_url(self.base_url, "DATABALER_BASE_URL"))


class PortalClient:
    """Fetches lists of the portal. A context manager; one fetch at a time."""

    def __init__(self, config: PortalConfig) -> None:
        """Checks the settings; sends nothing.

        Raises:
            SettingsError: the base URL is not https (loopback apart), or a credential is missing
                or cannot be sent.
        """
        self._config = config
        self._base_url = check_url(config.base_url, "DATABALER_BASE_URL")
        self.profile, self._limits = config.profile, config.limits
        for name in ("concurrency", "requests_per_second", "request_timeout_s", "tries"):
            if getattr(config.limits, name) <= 0:
                raise SettingsError(f"el límite {name} tiene que ser más que 0")
        secret, second = (
            one.get_secret_value() if one else ""
            for one in (config.client_secret, config.second_secret)
        )
        self._auth = Authenticator(
            config.profile.auth, self._base_url, config.client_id or "", secret, second
        )
        self._pace = Pace(config.limits.requests_per_second, config.limits.fetch_timeout_s)
        self._transport = Transport(config.limits, self._pace)
        self._attempts = Attempts(
            config.limits, self._transport, self._auth, self._pace, config.profile.answers
        )

    @property
    def portal(self) -> Portal:
        return Portal(self._config.origin, self.profile.identity)

    @property
    def let_in(self) -> bool:
        """Whether there is a token; true from the start where none is asked for."""
        return self._auth.let_in

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._transport.close()

    def fetch_all(
        self, campania: Campania, on_page: OnPage | None = None
    ) -> dict[Recurso, Fetched]:
        """Every list of the campaña, in the order of ``Recurso``.

        A list that the profile turns off is there, empty. ``on_page`` is called after each page,
        by one thread at a time.

        Raises:
            CampaniaUnknown: the portal's list of campañas does not have it.
            ApiAuth, ApiUnavailable, ApiRejected, ApiContractChanged, ApiIncomplete: by what the
                caller does next; nothing of the fetch is kept.
        """
        with self._fetching(campania, on_page) as fetch:
            done = {Recurso.CAMPANIAS: fetch.whole(Recurso.CAMPANIAS)}
            if self.profile.resources[Recurso.CAMPANIAS].enabled:
                fetch.find_campania(done[Recurso.CAMPANIAS])
            return fetch.others(done)

    def fetch(
        self, recurso: Recurso, campania: Campania, parents: Sequence[Record] = ()
    ) -> Fetched:
        """One list. ``parents``: the records it is asked for by, where the profile says so."""
        with self._fetching(campania) as fetch:
            if recurso != Recurso.CAMPANIAS and self.profile.season.send == "id":
                fetch.find_campania(fetch.whole(Recurso.CAMPANIAS))
            return fetch.whole(recurso, parents)

    def look(
        self,
        recurso: Recurso,
        campania: Campania,
        campania_id: str | None = None,
        parent: str | None = None,
        profile: Profile | None = None,
    ) -> Look:
        """The first answer of one list, unread: for ``api check``.

        ``profile`` asks another way than the client's own; where it asks by the portal's id of the
        campaña, or by each parent, these ids are ``campania_id`` and ``parent``.
        """
        with self._fetching(campania) as fetch:
            fetch.campania_id = campania_id
            fetch.profile = profile or self.profile
            return fetch.walker.look(fetch.what(recurso, parent))

    def file(self, what: str, address: str, hosts: Container[str] = ()) -> bytes:
        """What lies at an address that the portal gave; ``what`` is how errors call it.

        It may lie at the portal or at one of ``hosts`` ("fotos.example"), which see no credential;
        so may wherever it redirects to. Addresses may hold secrets: none is ever quoted.

        Raises:
            ApiRejected: it lies elsewhere, or is not there.
            ApiUnavailable, ApiContractChanged, ApiAuth: as ``Attempts.file``.
        """
        url, link = f"{self._base_url}/", address
        for _ in range(_REDIRECTS + 1):
            url, ours = file_target(what, url, link, self._base_url, hosts)
            answer = self._attempts.file(Ask(what, "GET", url, _ANY), ours=ours)
            if answer.status == _OK:
                return answer.body
            if "location" not in answer.headers or answer.status not in range(300, 400):
                raise ApiRejected(f"{what}: HTTP {answer.status}")
            link = answer.headers["location"]
        raise ApiRejected(f"{what}: redirige más de {_REDIRECTS} veces")

    @contextmanager
    def _fetching(self, campania: Campania, on_page: OnPage | None = None) -> Iterator[_Fetch]:
        self._pace.restart()
        pool = ThreadPoolExecutor(self._limits.concurrency, "portal-page")
        walker = Walker(self._attempts, pool)
        halt = self._transport.abort
        try:
            with without_collector():
                yield _Fetch(self.profile, self._base_url, campania, walker, on_page, halt)
        except BaseException:
            halt()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def campania_id(campania: Campania, records: Sequence[Record], codigo: str) -> str | None:
    """The id of the campaña in the portal's list; ``codigo`` is how that writes one.

    Raises:
        CampaniaUnknown: it is not there; names those that are.
    """
    known = []
    for values in (one.values for one in records if not deleted(one.values.get("deleted_at"))):
        if not isinstance(text := values.get("codigo"), str | int):
            continue
        found = read_campania(codigo, str(text))
        if found == campania:
            return values["id"] if isinstance(values.get("id"), str) else None
        known.append(str(found or text)[:20])
    listed = ", ".join(sorted(known)[:20]) or "ninguna"
    raise CampaniaUnknown(f"el portal no conoce la campaña {campania}; tiene {listed}")


@dataclass(slots=True)
class _Fetch:
    """One fetch of one campaña: its walker, who is told, and how to stop it."""

    profile: Profile
    base_url: str
    campania: Campania
    walker: Walker
    on_page: OnPage | None
    halt: Callable[[], None]
    campania_id: str | None = None  # the portal's; needed where the profile asks by it
    lock: threading.RLock = field(default_factory=threading.RLock)

    def find_campania(self, campanias: Fetched) -> None:
        """Take the portal's id of the campaña from its list; CampaniaUnknown if it has none."""
        codigo = self.profile.season.codigo
        self.campania_id = campania_id(self.campania, campanias.records, codigo)

    def whole(self, recurso: Recurso, parents: Sequence[Record] = ()) -> Fetched:
        """One list, whole; empty where the profile turns it off."""
        if not self.profile.resources[recurso].enabled:
            return Fetched(recurso, (), (), None)
        if self.profile.resources[recurso].parent is None:
            told = partial(self._tell, recurso)
            return _fetched(recurso, [self.walker.walk(self.what(recurso), told)])
        ids = sorted({_parent_id(recurso, record) for record in parents})
        done = dict.fromkeys(ids, 0)  # pages of each parent

        def one(parent: str) -> Walked:
            def tell(pages: int, _: int | None) -> None:
                with self.lock:
                    done[parent] = pages
                    self._tell(recurso, sum(done.values()), None)

            return self.walker.walk(self.what(recurso, parent), tell)

        return _fetched(recurso, self._run(one, ids, _WALKS_AT_ONCE))

    def others(self, done: Mapping[Recurso, Fetched]) -> dict[Recurso, Fetched]:
        """All lists that are not ``done``, side by side; a list waits for its parents only."""
        fetched = dict(done)

        def one(recurso: Recurso) -> Fetched:
            parent = self._parent_of(recurso)
            return self.whole(recurso, fetched[parent].records if parent is not None else ())

        while waiting := [recurso for recurso in Recurso if recurso not in fetched]:
            ready = [recurso for recurso in waiting if self._parent_of(recurso) in (None, *fetched)]
            fetched |= zip(ready, self._run(one, ready, len(ready)), strict=True)
        return {recurso: fetched[recurso] for recurso in Recurso}

    def _parent_of(self, recurso: Recurso) -> Recurso | None:
        parent = self.profile.resources[recurso].parent
        return Recurso(parent) if parent else None

    def _run(self, one: Callable[[T], R], items: Sequence[T], threads: int) -> list[R]:
        """Results in the order of items; at the first failure the rest is stopped.

        Of several failures the first in the order of items is raised; one that only tells of
        the stop never hides the one that caused it.
        """

        def guarded(item: T) -> R:
            try:
                return one(item)
            except BaseException:
                self.halt()
                raise

        with ThreadPoolExecutor(threads, "portal-walk") as pool:
            futures = [pool.submit(copy_context().run, guarded, item) for item in items]
            try:
                failures = [err for future in futures if (err := future.exception()) is not None]
            except BaseException:
                self.halt()
                raise
        if failures:
            raise next((err for err in failures if not isinstance(err, Stopped)), failures[0])
        return [future.result() for future in futures]

    def what(self, recurso: Recurso, parent: str | None = None) -> Walk:
        profile = self.profile
        sent = write_campania(profile.season.send, self.campania)
        if profile.season.send == "id":
            sent = self.campania_id or ""
            if profile.resources[recurso].season and not sent:
                raise SettingsError('season.send = "id" necesita la lista campanias y sus ids')
        return Walk(
            freeze(profile, self.base_url, recurso, sent, parent),
            profile.paging_of(recurso),
            profile.envelope_of(recurso),
            Mapper(profile, recurso, self.campania, sent),
            parent,
            profile.answers.request_id_header,
        )

    def _tell(self, recurso: Recurso, done: int, pages: int | None) -> None:
        if self.on_page is not None:
            with self.lock:
                self.on_page(recurso, done, pages)


def _parent_id(recurso: Recurso, record: Record) -> str:
    found = record.values.get("id")
    if not isinstance(found, str) or not found:
        raise ApiContractChanged(
            f"{recurso}: la fila {record.index} de la página {record.page} de los padres no tiene "
            "id con que pedir"
        )
    return found


def _fetched(recurso: Recurso, walks: Sequence[Walked]) -> Fetched:
    """The walks of one list behind one another; pages are numbered through, from 1."""
    came = [page for walked in walks for page in walked.pages]
    pages = tuple(
        RawPage(recurso, number, page.body, page.request_id, page.ask.path)
        for number, page in enumerate(came, 1)
    )
    totals = [walked.declared_total for walked in walks]
    declared = sum(total for total in totals if total is not None)
    said = [page.view.moments for page in came]
    moments = {name: [one[name] for one in said if name in one] for name in MOMENTS}
    return Fetched(
        recurso,
        pages,
        Records(*(page.records for page in came)),
        None if None in totals else declared,
        max((walked.walks for walked in walks), default=1),
        {name: MOMENTS[name](found) for name, found in moments.items() if found},
    )
