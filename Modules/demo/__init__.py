"""The demo portal: serves the contract with made-up (or given) fields, and fails on request.

```text
server, wire, running, __main__   HTTP over loopback            (floor 3)
external                          fields out of a file          (floor 2)
contract, words, shapes, plan, days, items, world, faults       (floor 1: pure, seeded)
```

It is the built-in portal of a clone without credentials, the server of the tests, and the
example of the docs. Nothing here is real: names, CUIT, RENSPA and fields are invented.
Modules import each other by full name; this file imports nothing, so the pure part stays pure.
"""
