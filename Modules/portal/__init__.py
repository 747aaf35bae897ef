"""The portal client's parts: the profile and what it changes, page by page.

```text
3  client      every list of one campaña, side by side: the door
2  walk        one resource whole: pages in order, completeness, the one repeated walk
2  attempts    the one retry loop round get + bounded read + decode + parse + page check
2  auth        tokens and keys; renewal; what must be hidden
2  transport   one exchange over the wire, bounded in time and size      (pace)
1  paging      which page comes next, and whether the pages add up
1  mapping     rows of the portal to records under the contract's names  (coercion)
1  asking      addresses and parameters; ``next`` only to the same origin
1  answers     what a status and a body mean: take, wait, try again, refuse
1  profile     the TOML that changes all of this                         (contract, sections)
```
"""

DEFAULT_IDENTITY = "contract@4450de9aa07c"  # of the contract as assumed: a test holds it to that
