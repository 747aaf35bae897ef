"""What an answer means, what is sent again, and what never is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from Modules.integrations.calls import TRIES, NotAllowed, NotDone, error_of, persist
from Modules.portal.answers import NoConnection, NotThere, TryAgain
from Modules.words.errors import ApiAuth, ApiRejected, ApiUnavailable, OutcomeUnknown, PipelineError

LOGIN = "LINDERO_JIRA_TOKEN"


def failing(*errors: Exception | None) -> tuple[Callable[[], str], list[int]]:
    """A call that fails so, one error a time, and how often it was made."""
    made: list[int] = []

    def once() -> str:
        made.append(1)
        error = errors[min(len(made), len(errors)) - 1]
        if error is not None:
            raise error
        return "done"

    return once, made


@pytest.mark.parametrize(
    ("status", "headers", "kind"),
    [
        (429, {}, NotDone),
        (429, {"retry-after": "7"}, NotDone),
        (503, {"retry-after": "7"}, NotDone),
        (503, {}, TryAgain),
        (500, {}, TryAgain),
        (502, {"retry-after": "7"}, TryAgain),
        (408, {}, TryAgain),
        (401, {}, ApiAuth),
        (403, {}, NotAllowed),
        (404, {}, NotThere),
        (410, {}, NotThere),
        (400, {}, ApiRejected),
        (302, {}, ApiRejected),
    ],
)
def test_a_status_is_one_error(
    status: int, headers: dict[str, str], kind: type[PipelineError]
) -> None:
    error = error_of("Jira: crear", status, headers, "no\n\x00 puede", login=LOGIN)
    assert type(error) is kind
    assert str(error).startswith(f"Jira: crear: HTTP {status}, no puede")
    assert (LOGIN in str(error)) == (status in (401, 403))


@pytest.mark.parametrize("writes", [False, True])
@pytest.mark.parametrize("error", [NotDone("429", 7.0), NoConnection("refused")])
def test_what_was_surely_not_done_is_sent_again(error: TryAgain, writes: bool) -> None:
    once, made = failing(error, error, None)
    slept: list[float] = []
    assert persist(once, writes=writes, sleep=slept.append) == "done"
    assert len(made) == 3
    if error.wait_s is not None:
        assert slept == [7.0, 7.0]


def test_a_read_is_sent_again_with_jitter_and_ends_some_day(
    caplog: pytest.LogCaptureFixture,
) -> None:
    once, made = failing(TryAgain("reset"))
    slept: list[float] = []
    with pytest.raises(ApiUnavailable, match=rf"reset; sin éxito después de {TRIES} intentos"):
        persist(once, writes=False, sleep=slept.append)
    assert len(made) == TRIES
    assert len(set(slept)) == TRIES - 1
    assert all(0 < one <= 20 for one in slept)
    assert "reset; se pide otra vez en " in caplog.messages[0]  # on a terminal, in Spanish
    assert caplog.messages[-1].endswith(f"s (intento {TRIES})")


def test_a_write_that_may_have_been_done_is_never_sent_again() -> None:
    once, made = failing(TryAgain("502"), None)
    with pytest.raises(OutcomeUnknown, match="502; no se sabe si quedó hecho"):
        persist(once, writes=True, sleep=lambda _: None)
    assert len(made) == 1


def test_a_wait_that_is_too_long_is_for_another_time() -> None:
    once, made = failing(NotDone("429", 3600.0))
    slept: list[float] = []
    with pytest.raises(ApiUnavailable, match=r"pide esperar 3\.600 s") as caught:
        persist(once, writes=True, sleep=slept.append)
    assert not isinstance(caught.value, OutcomeUnknown)
    assert (len(made), slept) == (1, [])


@pytest.mark.parametrize("error", [ApiAuth("401"), ApiRejected("400")])
def test_a_refusal_is_not_asked_again(error: PipelineError) -> None:
    once, made = failing(error)
    with pytest.raises(type(error)):
        persist(once, writes=False, sleep=lambda _: None)
    assert len(made) == 1
