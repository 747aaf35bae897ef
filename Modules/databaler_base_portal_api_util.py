"""The portal client, under the name that users' own flows import it by.

A thin face: everything here lives in ``Modules.portal``; what is in ``__all__`` stays importable
and goes on meaning the same.

```python
from Modules.databaler_base_portal_api_util import Campania, PortalClient, PortalConfig

with PortalClient(PortalConfig("https://databaler.example/base-portal/api/v1", …)) as client:
    fetched = client.fetch_all(Campania.parse("25/26"))  # every list, whole and in order
```
"""

from Modules.portal.client import OnPage, PortalClient, PortalConfig, campania_id
from Modules.portal.profile import DEFAULT_PROFILE, Profile, parse_profile
from Modules.portal.transport import Limits
from Modules.words.domain import Campania, Fetched, Portal, RawPage, Record, Recurso

__all__ = [
    "DEFAULT_PROFILE",
    "Campania",
    "Fetched",
    "Limits",
    "OnPage",
    "Portal",
    "PortalClient",
    "PortalConfig",
    "Profile",
    "RawPage",
    "Record",
    "Recurso",
    "campania_id",
    "parse_profile",
]
