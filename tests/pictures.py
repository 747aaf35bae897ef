"""``make pictures``: the pictures of docs/img, out of a real Prefect page and the page of the map.

``lindero stack up --single`` on a free port, three trial nights on the demo portal (the third one
lacks half of its lotes and is refused), and Chromium in front of it. The map, the morning's report,
the atlas, the project in QGIS and what machines are given are of the fourth night of the made-up
company. Few colours; only dates, ids and Prefect's made-up names differ from one time to the next.
Where there is no QGIS its picture stays as it was.

``python -m tests.pictures products``: only those of the night's products.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image
from pypdfium2 import PdfDocument

from Modules.demo.world import build_world
from Modules.diff.changes import diff_tables
from Modules.night.tables import Tables
from Modules.orchestration.deployments import PLAN
from Modules.products.atlas.product import build_atlas
from Modules.products.cultivos.product import build_cultivos
from Modules.products.informe.product import build_informe
from Modules.products.mapa.product import build_mapa
from Modules.products.maquinas.product import build_maquinas
from Modules.products.muestreos.product import build_muestreos
from Modules.products.proyecto.product import build_proyecto
from Modules.products.source import Fuente
from Modules.products.sustentabilidad.product import build_sustentabilidad
from Modules.settings import PROJECT_ROOT
from Modules.words.domain import Recurso, SnapshotId
from tests.faults.named import parse_fault
from tests.faults.running import faulty_portal
from tests.fuentes import night_of, tables_of
from tests.picture_of_machines import page_of
from tests.stack.browser import Browser, browser
from tests.stack.plataforma import PORTAL_SECRET, SECRETS, Plataforma, new_plataforma

FOLDER = PROJECT_ROOT / "docs" / "img"
BACKUP = "Backup Databaler Lotes/backup-lotes-daily-3am"
TRIAL = "Backup Databaler Lotes/backup-lotes-prueba"
NIGHTS = ((0, ()), (1, ()), (2, ("night_half",)))  # day of the made-up world, what is wrong with it
WIDTH = 1200
COLOURS = 256
MAX_BYTES = 150_000
CAMPO = "Doña Ángela"
QGIS = "qgis_window.py"
QGIS_S = 300
STILL_S = 15
NIGHT_S = 300


@dataclass(frozen=True, slots=True)
class Camera:
    """A page of the Prefect server, and where its pictures go."""

    page: Browser
    origin: str
    folder: Path

    def open(self, path: str, *wanted: str) -> None:
        """Go to a page and wait for its words."""
        self.page.text_of(f"{self.origin}{path}", *wanted)

    def press(self, selector: str, *wanted: str) -> None:
        """Press the first of these and wait for what it shows."""
        self.page.evaluate(f"document.querySelector({json.dumps(selector)}).click()")
        self.page.await_words(*wanted)

    def take(self, name: str, height: int, width: int = WIDTH) -> None:
        """Write what is seen in a window of this size, once it has come to rest."""
        shape = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.page.command("Emulation.setDeviceMetricsOverride", **shape)
        deadline, last = time.monotonic() + STILL_S, b""
        while (seen := self.page.picture()) != last and time.monotonic() < deadline:
            last = seen
            time.sleep(1)  # what moves in a page takes less; bounded by the deadline above
        with Image.open(io.BytesIO(seen)) as image:
            write(self.folder / f"{name}.png", image)


def write(path: Path, image: Image.Image) -> None:
    """Write a picture of few colours, which must be small."""
    few = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    size = path.stat().st_size
    assert size <= MAX_BYTES, f"{path.name}: {size} bytes"
    print(f"{path.name}: {image.width} x {image.height}, {size} bytes", flush=True)


def run_nights(plataforma: Plataforma) -> str:
    """Three trial nights, one after the other; the id of the last one, which is refused."""
    with faulty_portal(build_world(), client_id="campo", client_secret=PORTAL_SECRET) as portal:
        for day, faults in NIGHTS:
            portal.serve(build_world(day=day))
            portal.inject(*map(parse_fault, faults))
            env = {"DATABALER_BASE_URL": portal.base_url}
            run_id = plataforma.start_run(TRIAL, env=env, campania="25/26", test=True)
            state = plataforma.await_state(run_id, patience_s=NIGHT_S)
            assert state["type"] == ("FAILED" if faults else "COMPLETED"), state
    return run_id


def take_all(camera: Camera, plataforma: Plataforma, refused: str) -> None:
    """The pictures in the order of the pages that show them."""
    backup = f"/deployments/deployment/{plataforma.get(f'deployments/name/{BACKUP}')['id']}"
    plan = plataforma.get(f"deployments/name/{PLAN.full_name}")["id"]
    question = {"artifacts": {"flow_run_id": {"any_": [refused]}}}
    artifacts = {one["key"]: one["id"] for one in plataforma.post("artifacts/filter", question)}

    camera.open("/deployments", "generar-h3-daily", "hello-world")
    camera.take("prefect_despliegues", 690)
    camera.open(backup, "horario")
    camera.press(".run-menu__run-button", "Quick run", "Custom run")
    camera.take("prefect_correr", 460)

    camera.open("/runs", "Failed", "Completed")
    camera.take("prefect_corridas", 1060)
    camera.open(f"/runs/flow-run/{refused}", "Failed", "Artifacts")
    camera.press("#artifacts", "resumen-corrida", "calidad-datos")
    camera.take("prefect_noche_rechazada", 900)
    camera.open(f"/artifacts/artifact/{artifacts['resumen-corrida']}", "La corrida falló")
    camera.take("prefect_resumen", 900)
    camera.open(f"/artifacts/artifact/{artifacts['calidad-datos']}", "gravedad")
    camera.take("prefect_calidad", 700)

    camera.open("/blocks/catalog/jira-credentials/create", "Token de API")
    camera.take("prefect_bloque", 560)
    camera.open(f"/deployments/deployment/{plan}/run", "credentials_block_name", "solo_validar")
    camera.take("prefect_plan", 1130)
    camera.open(f"{backup}/edit", "Si es una prueba", "Save")
    camera.page.evaluate(
        "[...document.querySelectorAll('*')].findLast(e => e.innerText === 'Parameters')"
        ".scrollIntoView()"
    )
    camera.take("prefect_campania", 700)
    camera.open(backup, "horario")  # last: from here on nothing would run
    camera.press("[role=switch]")
    camera.take("prefect_pausa", 460)


def take_products(page: Browser) -> None:
    """The map of one campo with a card open, on a laptop and a phone; the report; the atlas."""
    now = world_tables(3)
    third = SnapshotId(3, datetime(2025, 11, 23, 6, 0, 2, tzinfo=UTC))
    changes = diff_tables(world_tables(0), now)
    fuente = replace(night_of(now), snapshot_id=third, changes=changes)
    with tempfile.TemporaryDirectory() as folder:
        build_mapa(fuente, Path(folder))
        built = build_informe(fuente, Path(folder)).carpetas["informe"]
        atlas = build_atlas(fuente, Path(folder)).carpetas["atlas"]
        camera = Camera(page, Path(folder).as_uri(), FOLDER)
        for name, height, width in (("mapa", 760, WIDTH), ("mapa_telefono", 740, 360)):
            page.command("Emulation.setDeviceMetricsOverride", width=width, height=height,
                         deviceScaleFactor=1, mobile=False)  # fmt: skip
            page.command("Page.navigate", url="about:blank")
            camera.open("/mapa_25-26.html#campo=1005&lote=10063", "Enlace a este lote")
            camera.take(name, height, width)
        at_six = int(third.utc.timestamp() * 1000) + 3 * 3_600_000  # of that day
        page.before_each_page(f"Date.now = () => {at_six}")
        camera.open(f"/{built['informe_25-26.html'].name}", "Qué mirar hoy")
        camera.take("informe_telefono", 1200, 360)
        with PdfDocument(atlas[f"atlas_25-26 - {CAMPO}.pdf"]) as pages:
            for name, at in (("atlas_campo", 0), ("atlas_lote", 1)):
                sheet = pages[at].render(scale=WIDTH / pages[at].get_width()).to_pil()
                write(FOLDER / f"{name}.png", sheet)
        take_machines(camera, fuente)
        take_qgis(fuente, Path(folder))


def take_machines(camera: Camera, fuente: Fuente) -> None:
    """The ZIPs of a company, and a lote as another program reads it."""
    with tempfile.TemporaryDirectory() as folder:
        shown = page_of(build_maquinas(fuente, Path(folder)), CAMPO)
        (Path(folder) / "maquinas.html").write_text(shown, encoding="utf-8")
        there = replace(camera, origin=Path(folder).as_uri())
        there.open("/maquinas.html", "TASKDATA.XML")
        there.take("maquinas", 650)


def take_qgis(fuente: Fuente, folder: Path) -> None:
    """The project with the layers of its neighbours, in the window of the QGIS that people use."""
    programs = [shutil.which(name) for name in ("xvfb-run", "qgis")]
    if None in programs:
        print("qgis.png stays as it was: no QGIS here (apt-get install qgis xvfb xauth)")
        return
    beside = {name: folder / name for name in ("cultivos", "muestreos", "sustentabilidad")}
    for place in (*beside.values(), folder / "temp"):
        place.mkdir()
    built = {
        "cultivos": build_cultivos(fuente, beside["cultivos"]),
        "muestreos": build_muestreos(fuente, beside["muestreos"]),
        "sustentabilidad": build_sustentabilidad(fuente, beside["sustentabilidad"])[0],
    }
    names = {name: tuple(files) for name, files in built.items()}
    made = build_proyecto(fuente, folder / "hecho", names).carpetas["proyecto"]
    (folder / "proyecto").mkdir()
    for name, path in made.items():
        shutil.move(path, folder / "proyecto" / name)
    told = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "HOME": str(folder),
        "XDG_RUNTIME_DIR": str(folder),
        "TMPDIR": str(folder / "temp"),  # layers below it would be marked as passing
        "LINDERO_PICTURE": str(folder / "qgis.png"),
        "LINDERO_CAMPO": CAMPO,
        "LINDERO_SIZE": f"{WIDTH}x700",
    }
    screen = ("xvfb-run", "-a", "-s", "-screen 0 1600x1000x24")
    quiet = ("--nologo", "--noversioncheck", "--noplugins", "--lang", "es")
    project, script = folder / "proyecto" / "lindero_25-26.qgz", Path(__file__).parent / QGIS
    done = subprocess.run(
        [*screen, "qgis", *quiet, "--project", str(project), "--code", str(script)],
        capture_output=True, text=True, timeout=QGIS_S, check=False, env=told,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    with Image.open(folder / "qgis.png") as image:
        write(FOLDER / "qgis.png", image)


def world_tables(day: int) -> Tables:
    world = build_world(day=day)
    return tables_of({recurso: world.items(recurso) for recurso in Recurso})


def main() -> int:
    """Write all pictures, or end with the reason why not."""
    login = base64.b64encode(SECRETS["PREFECT_SERVER_API_AUTH_STRING"].encode()).decode()
    FOLDER.mkdir(exist_ok=True)
    with browser() as page:
        take_products(page)
    if sys.argv[1:] == ["products"]:
        return 0
    with browser() as page, new_plataforma() as plataforma:
        started = plataforma.lindero("stack", "up", "--single")
        assert started.returncode == 0, f"{started.stdout}{started.stderr}"
        refused = run_nights(plataforma)
        zone = plataforma.environment["TZ"]
        page.command("Emulation.setTimezoneOverride", timezoneId=zone)
        page.before_each_page(f"localStorage.setItem('prefect-password', {json.dumps(login)})")
        take_all(Camera(page, plataforma.origin, FOLDER), plataforma, refused)
    return 0


if __name__ == "__main__":
    sys.exit(main())
