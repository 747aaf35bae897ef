"""Other ways to ask for a list that did not come, for ``lindero api check``: what does answer?

Each way is tried once, and only where the first request was refused for its shape or came empty:
the path (404) by the collections of OGC API Features; the parameters (400, 422, or no rows, for
some portals filter by what they do not know) by leaving out the campaña or what asks for a page.
What answers is a proposal in lines of the profile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from Modules.api_check.comparison import propose_paging
from Modules.api_check.findings import Que, found, quoted, remedy
from Modules.api_check.guessing import lists_in, plain
from Modules.portal.answers import NotThere
from Modules.portal.contract import CONTRACT
from Modules.portal.profile import Profile
from Modules.portal.sections import NextLinkPaging
from Modules.portal.walk import Look
from Modules.words.domain import Recurso
from Modules.words.errors import PipelineError
from Modules.words.finding import Finding

Ask = Callable[[Profile], Look]  # asks for the list, the way of a profile
_BARE = NextLinkPaging(kind="next_link", size_param="")


class Prober:
    """Looks for another way; the collections of a portal are asked for once."""

    def __init__(self) -> None:
        self._paths: dict[str, str] | None = None

    def another_way(
        self, recurso: Recurso, profile: Profile, err: PipelineError | None, ask: Ask
    ) -> tuple[Look, list[Finding]] | None:
        """The answer to another way of asking, and what it takes; None where none is found.

        Without ``err`` the list came empty, and another way is one that has rows.
        """
        found_here: list[Finding] = []
        if isinstance(err, NotThere):
            path = self._path_of(recurso, profile, ask)
            if path is None:
                return None
            detail = f"no está en {profile.resources[recurso].path!r}, y sí en otra ruta"
            line = remedy(f"[resources.{recurso}]", f"path = {quoted(path)}")
            found_here = [found(recurso, Que.ERROR, "path", detail, line)]
            profile = profile.with_resource(recurso, path=path)
            if look := _answer(ask, profile):
                return look, found_here
        elif err and not any(f"HTTP {status}" in str(err) for status in (400, 422)):
            return None
        for other, *less in _ways(recurso, profile):
            if (look := _answer(ask, other)) and (err or not is_empty(look)):
                return look, [*found_here, *_less(recurso, look, *less)]
        return None

    def _path_of(self, recurso: Recurso, profile: Profile, ask: Ask) -> str | None:
        """The path of a list's items among the collections (OGC API Features, 7.13)."""
        if self._paths is None:
            listing = profile.with_resource(
                recurso, path="/collections", season=False, paging=_BARE, params={}
            )
            look = _answer(ask, listing)
            lists = dict(lists_in(look.document)) if look else {}
            self._paths = {
                plain(str(item.get(key))): f"/collections/{item['id']}/items"
                for key in ("title", "id")
                for item in lists.get("collections", ())
                if "id" in item
            }
        return self._paths.get(plain(recurso))


def _ways(recurso: Recurso, profile: Profile) -> Iterator[tuple[Profile, bool, bool]]:
    """Profiles that ask for less: without pages, without the campaña, without both."""
    resource = profile.resources[recurso]
    bare = profile.with_resource(recurso, paging=_BARE)
    yield bare, True, False
    # a list whose rows have a campaña is asked for by it: then the way it is written is wrong
    of_a_season = any(member.name == "campania" for member in CONTRACT[recurso].members)
    if resource.season and profile.season.place == "query" and not of_a_season:
        yield profile.with_resource(recurso, season=False), False, True
        yield bare.with_resource(recurso, season=False), True, True


def _less(recurso: Recurso, look: Look, bare: bool, no_season: bool) -> Iterator[Finding]:
    if no_season:
        todo = remedy(f"[resources.{recurso}]", "season = false")
        yield found(recurso, Que.ERROR, "season", "contesta si no se le manda la campaña", todo)
    if bare:
        todo = propose_paging(look.document, look.headers)
        todo = todo or remedy("[paging]", 'kind = "next_link"', 'size_param = ""')
        yield found(recurso, Que.ERROR, "paging", "contesta si no se le piden páginas así", todo)


def is_empty(look: Look) -> bool:
    """Whether no list of the answer holds anything but links."""
    return not any("rel" not in one for _, items in lists_in(look.document) for one in items)


def _answer(ask: Ask, profile: Profile) -> Look | None:
    try:
        return ask(profile)
    except PipelineError:
        return None
