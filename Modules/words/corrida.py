"""The run's own log: what Prefect's page of a run shows, and standard error of ``lindero run``.

Its lines tell people the night, in Spanish. What is for developers goes to the loggers of the
modules, which no page of a run shows.
"""

from __future__ import annotations

import logging
from typing import Final

corrida: Final = logging.getLogger("Modules.corrida")
