"""The folders below the outputs that no product of the registry fills.

Standard library only: it is asked for by a Python without packages.
"""

from __future__ import annotations

from typing import Final

BACKUP: Final = "Backup_Databaler"  # copies of the backups
PLAN_MUESTREO: Final = "plan_muestreo"  # maps of the months that sheets plan
INFORME_CAMPANIA: Final = "informe_campania"  # the report of each season
