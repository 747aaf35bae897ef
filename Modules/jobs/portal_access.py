"""The portal as a job is given it: the configured one, or in a trial without one the demo."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from Modules.demo.child import demo_process
from Modules.portal.client import Limits, PortalConfig
from Modules.portal.profile import DEFAULT_PROFILE, Profile, parse_profile
from Modules.settings import Settings, check_portal
from Modules.words.domain import Modo, Portal
from Modules.words.errors import SettingsError
from Modules.words.secret import Secret


@dataclass(frozen=True, slots=True)
class Access:
    """A portal that is ready to answer, and how snapshots name it."""

    config: PortalConfig
    portal: Portal


@contextmanager
def open_portal(settings: Settings, modo: Modo) -> Iterator[Access]:
    """The configured portal, or in a trial without one the demo portal in a child process.

    Raises:
        SettingsError: the profile is wrong, or a production run without a portal.
    """
    profile = read_profile(settings)
    url, client_id = settings.databaler_base_url, settings.databaler_client_id
    if url is not None:
        config = _config(settings, profile, url, client_id, settings.databaler_client_secret)
        yield Access(config, Portal(config.origin, profile.identity))
        return
    check_portal(settings, modo)
    with demo_process(size=settings.lindero_demo_size, day=settings.lindero_demo_day) as demo:
        secret = Secret(demo.client_secret)
        config = _config(settings, DEFAULT_PROFILE, demo.base_url, demo.client_id, secret)
        origin = f"demo:{settings.lindero_demo_size}"
        yield Access(config, Portal(origin, DEFAULT_PROFILE.identity))


def read_profile(settings: Settings) -> Profile:
    """The profile of the settings, or the contract as assumed.

    Raises:
        SettingsError: the file cannot be read, or a line of it is wrong.
    """
    path = settings.databaler_profile
    if path is None:
        return DEFAULT_PROFILE
    try:
        return parse_profile(path.read_text(encoding="utf-8"), path.name)
    except (OSError, UnicodeDecodeError) as err:
        raise SettingsError(
            f"DATABALER_PROFILE: no se puede leer {path.name}: {type(err).__name__}"
        ) from err


def _config(
    settings: Settings, profile: Profile, url: str, client_id: str | None, secret: Secret | None
) -> PortalConfig:
    limits = Limits(
        concurrency=settings.lindero_portal_concurrency,
        requests_per_second=settings.lindero_portal_requests_per_second,
    )
    second = settings.databaler_second_secret
    return PortalConfig(url, profile, client_id, secret, limits, second)
