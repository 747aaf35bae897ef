"""The folder below the outputs that backups are copied to; those of products are in the registry.

Standard library only: it is asked for by a Python without packages.
"""

from __future__ import annotations

from typing import Final

BACKUP: Final = "Backup_Databaler"
