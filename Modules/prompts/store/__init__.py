"""What is kept of prompts: versions and who moved them, executions, costs, clients."""

from __future__ import annotations

from sqlalchemy.engine import URL

from Modules.prompts.store.clients import Clients
from Modules.prompts.store.costs import Prices
from Modules.prompts.store.executions import Execution, ExecutionFinished, Executions, KeyConflict
from Modules.settings import Settings

__all__ = ["Execution", "ExecutionFinished", "KeyConflict", "PromptStore", "open_store"]


class PromptStore(Executions, Prices):
    """The store at an address; may be used by many threads, and by as many processes."""

    def __init__(self, url: str | URL) -> None:
        super().__init__(url)
        self.clients = Clients(self)
        self.by_token = self.clients.by_token


def open_store(settings: Settings) -> PromptStore:
    """The store of these settings.

    Raises:
        StoreUnavailable, SettingsError, DataError, PublishError: as ``Database``.
    """
    if (address := settings.lindero_prompts_database_url) is not None:
        return PromptStore(address.get_secret_value())
    return PromptStore(URL.create("sqlite", database=str(settings.prompts_database)))
