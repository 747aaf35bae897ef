"""Real servers of PyPI, which nobody here wrote, read whole by a profile that `api check` wrote.

``make test-peers`` installs them beside the project (group ``peers`` of ``pyproject.toml``) and
runs this file; where they are not installed it is skipped. The demo world's small company is
what they serve: pygeoapi as GeoJSON features of OGC API, datasette as tables of SQLite.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import subprocess
import time
import tomllib
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from Modules.api_check.check import ApiReport, check_api, proposed_profile
from Modules.demo.contract import World
from Modules.demo.plan import Size
from Modules.demo.world import world_of
from Modules.portal.client import PortalClient
from Modules.words.domain import Fetched, Recurso
from tests.portal.dialect_server import SEASON, config_of
from tests.processes import ended, patience

HERE = Path(__file__).resolve().parents[2]
PEERS = Path(os.environ.get("LINDERO_TEST_PEERS", HERE / ".venv-peers"))
PAGE = 10  # rows, far fewer than there are
pytestmark = [pytest.mark.integration, pytest.mark.timeout(180)]


def _program(name: str) -> str:
    path = PEERS / "bin" / name
    if not path.is_file():
        pytest.skip(f"{name} is not installed: make test-peers installs it and runs this")
    return str(path)


@pytest.fixture(scope="module")
def world() -> World:
    size = Size(campos=3, lotes=24, ambientes=30, marcadores=40)
    return world_of("peers", size, seed=3, day=0, campania="25/26")


@contextmanager
def _serving(
    command: list[str], port: int, folder: Path, path: str, **environment: str
) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, cwd=folder, env={**os.environ, **environment}
        )
    try:
        until = time.monotonic() + patience(120)
        while True:
            try:
                urllib.request.urlopen(url + path, timeout=5).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > until:
                    pytest.fail((folder / "log").read_text(errors="replace")[-2000:])
                time.sleep(0.1)
        yield url
    finally:
        ended(process)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.fixture(scope="module")
def pygeoapi(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program, folder, port = _program("pygeoapi"), tmp_path_factory.mktemp("pygeoapi"), _free_port()
    config, api = folder / "config.yml", folder / "openapi.yml"
    config.write_text(json.dumps(_pygeoapi_config(world, folder, port)))
    places = {"PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(api)}
    generate = [program, "openapi", "generate", str(config), "--output-file", str(api)]
    subprocess.run(generate, check=True, capture_output=True, env={**os.environ, **places})
    with _serving([program, "serve"], port, folder, "/collections?f=json", **places) as url:
        yield url


def _pygeoapi_config(world: World, folder: Path, port: int) -> dict[str, Any]:
    resources = {}
    for recurso in Recurso:
        features = [
            {
                "type": "Feature",
                "id": item["id"],
                "properties": {name: v for name, v in item.items() if name != "geometry"},
                "geometry": item.get("geometry"),
            }
            for item in world.items(recurso)
        ]
        data = folder / f"{recurso}.geojson"
        data.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
        provider = {"type": "feature", "name": "GeoJSON", "data": str(data), "id_field": "id"}
        crs = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
        resources[recurso.value] = {
            **{"type": "collection", "title": recurso.value, "description": recurso.value},
            **{"keywords": ["campo"], "links": [], "providers": [provider]},
            "extents": {"spatial": {"bbox": [-76, -56, -34, 6], "crs": crs}},
        }
    site = {"name": "demo", "url": "http://demo.example"}
    return {
        "server": {
            "bind": {"host": "127.0.0.1", "port": port},
            "url": f"http://127.0.0.1:{port}",
            **{"mimetype": "application/json; charset=UTF-8", "encoding": "utf-8"},
            "language": "en-US",
            "limits": {"default_items": PAGE, "max_items": PAGE, "on_exceed": "throttle"},
            "map": {"url": "http://tiles.example/{z}/{x}/{y}.png", "attribution": "none"},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {
                **{"title": "demo", "description": "demo", "keywords": ["campo"]},
                **{"keywords_type": "theme", "terms_of_service": "none", "url": site["url"]},
            },
            **{"license": site, "provider": site, "contact": site},
        },
        "resources": resources,
    }


@pytest.fixture(scope="module")
def datasette(world: World, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    program, folder, port = (
        _program("datasette"),
        tmp_path_factory.mktemp("datasette"),
        _free_port(),
    )
    with closing(sqlite3.connect(folder / "campo.db")) as db, db:
        for recurso in Recurso:
            rows = [_flat(item) for item in world.items(recurso)]
            names = list(dict.fromkeys(name for row in rows for name in row))
            columns = ", ".join(f"{n} text primary key" if n == "id" else n for n in names)
            db.execute(f"create table {recurso} ({columns})")
            marks = ", ".join("?" * len(names))
            values = [[row.get(name) for name in names] for row in rows]
            db.executemany(f"insert into {recurso} values ({marks})", values)
    settings = ["--setting", "default_page_size", str(PAGE)]
    command = [program, "serve", str(folder / "campo.db"), "-p", str(port), *settings]
    with _serving(command, port, folder, "/campo/lotes.json?_size=1") as url:
        yield url


def _flat(item: Mapping[str, Any]) -> dict[str, Any]:
    """An item as a row of a table: objects as columns, one sowing, geometry as text."""
    row: dict[str, Any] = {}
    for name, value in item.items():
        if name == "geometry":
            row[name] = json.dumps(value) if value else None
        elif name == "siembras":
            row["cultivo_nombre"] = value[0]["cultivo"]["nombre"] if value else None
        elif isinstance(value, dict):
            row |= {f"{name}_{k}": v for k, v in value.items() if not isinstance(v, list)}
        elif not isinstance(value, list):
            row[name] = value
    return row


def _from_check_alone(url: str, start: str = "") -> tuple[str, list[ApiReport]]:
    """The profile that pasting makes, round by round, until nothing is left to paste."""
    profile, reports = start, [check_api(config_of(url, start), SEASON)]
    while (lines := proposed_profile(reports[-1])) and len(reports) < 4:
        assert "…" not in lines  # nothing that a person would have to know
        profile = _pasted(profile, lines)
        reports.append(check_api(config_of(url, profile), SEASON))
    return profile, reports


def _pasted(profile: str, lines: str) -> str:
    """Section below section: a new one is added, one of a list takes the lines that it lacks."""
    merged = _laid_over(tomllib.loads(profile), tomllib.loads(lines), depth=3)
    return "\n".join(f"{name} = {_toml(value)}" for name, value in merged.items())


def _laid_over(below: dict[str, Any], above: dict[str, Any], depth: int) -> dict[str, Any]:
    laid = {
        name: _laid_over(below[name], value, depth - 1)
        if depth and isinstance(value, dict) and isinstance(below.get(name), dict)
        else value
        for name, value in above.items()
    }
    return below | laid


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        inside = ", ".join(f"{json.dumps(k)} = {_toml(v)}" for k, v in value.items())
        return f"{{ {inside} }}"
    return json.dumps(value, ensure_ascii=False)


def _fetch_all(url: str, profile: str) -> dict[Recurso, Fetched]:
    with PortalClient(config_of(url, profile)) as client:
        return client.fetch_all(SEASON)


def test_pygeoapi_is_read_whole_from_an_empty_profile(pygeoapi: str, world: World) -> None:
    profile, reports = _from_check_alone(pygeoapi)
    assert [report.exit_code for report in reports] == [1, 0]
    assert tomllib.loads(profile)["paging"]["next"] == "links[rel=next].href"
    fetched = _fetch_all(pygeoapi, profile)
    for recurso in Recurso:
        items, found = world.items(recurso), fetched[recurso]
        assert [record.values["id"] for record in found.records] == [item["id"] for item in items]
        assert found.declared_total == len(items)
        assert len(found.pages) - -(-len(items) // PAGE) in (0, 1)  # its last may be empty
        assert found.walks == 1
    for item, record in zip(
        world.items(Recurso.LOTES), fetched[Recurso.LOTES].records, strict=True
    ):
        for name in ("campo_id", "nombre", "campania", "geometry", "updated_at"):
            assert record.values[name] == item[name]
        for name in ("id", "orden", "cultivo", "fecha_siembra", "estado"):
            sown = [siembra[name] for siembra in record.values["siembras"]]
            assert sown == [siembra[name] for siembra in item["siembras"]]
        assert record.values["superficie_ha"] == float(item["superficie_ha"])
    for item, record in zip(
        world.items(Recurso.CAMPOS), fetched[Recurso.CAMPOS].records, strict=True
    ):
        assert record.values["nombre"] == item["nombre"]
        assert record.values["empresa"] == item["empresa"]


def test_datasette_is_read_whole_once_its_addresses_are_known(datasette: str, world: World) -> None:
    start = '[auth]\nkind = "none"\n'
    for recurso in Recurso:
        start += f'[resources.{recurso}]\npath = "/campo/{recurso}.json"\n'
        start += 'params = { _shape = "objects" }\n'
    profile, reports = _from_check_alone(datasette, start)
    assert reports[0].exit_code == 1
    assert reports[-1].exit_code == 0
    fetched = _fetch_all(datasette, profile)
    for recurso in Recurso:
        items, found = world.items(recurso), fetched[recurso]
        by_id = {item["id"]: item for item in items}
        assert {record.values["id"] for record in found.records} == by_id.keys()
        assert len(found.records) == found.declared_total == len(items)
        for record in found.records if recurso in (Recurso.LOTES, Recurso.AMBIENTES) else ():
            item = by_id[record.values["id"]]
            assert json.loads(record.values["geometry"]) == item["geometry"]
            assert record.values["nombre"] == item["nombre"]
            assert record.values["campania"] == "25/26"
    assert len(fetched[Recurso.LOTES].pages) == 3
    crops = {item["id"]: item["siembras"] for item in world.items(Recurso.LOTES)}
    for record in fetched[Recurso.LOTES].records:
        wanted = [one["cultivo"]["nombre"] for one in crops[record.values["id"]][:1]]
        assert [one["cultivo"]["nombre"] for one in record.values["siembras"]] == wanted
