"""The demo portal: serves the contract with made-up (or given) fields.

```text
server, running, __main__   HTTP over loopback; child is all that a run imports
external                    fields out of a file
contract, words, shapes, plan, days, items, world    pure, seeded
```

It is the built-in portal of a clone without credentials, the server of the tests, and the
example of the docs; for the tests it fails on request behind the proxy of ``tests/faults``.
Nothing here is real: names, CUIT, RENSPA and fields are invented. Modules import each other by
full name; this file imports nothing, so the pure part stays pure.
"""
