"""Lindero's code, by floors: imports only go down.

```text
5  lindero_cli                                   the command line, in front of everything
4  scripts/*.py                                  flows: order, retries, schedule
3  backup, api_check, flow_cli, demo_api.server  one job each, plain functions
2  settings, portal client, table files, snapshots, publish, run lock    one outside thing each
1  geometry, tables, checks, changes, reporte, demo_api.world …          pure
0  errors, domain, columns                       words; standard library only
```

Floor 1 takes values and returns values: no disk, network, clock, environment or randomness.
Prefect is imported in ``scripts/``, ``Modules/flow_cli.py`` and ``Modules/prefect_*.py`` only.
``tests/test_floors.py`` walks the imports and names one that goes up.
"""
