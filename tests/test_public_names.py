"""What users' own flows import is there under the names that they know."""

from __future__ import annotations

import doctest
import importlib

import pytest

# as they were before the packages; a name that goes away breaks somebody's flow
PUBLIC = {
    "Modules.h3_functions": (
        "CHUNK_CELLS CHUNK_POLYGONS MAX_CELLS_POLYGON MAX_CELLS_RUN MAX_STRAY THIN_M WHOLE Chunk "
        "Cover check_cells check_polygons chunks cover cover_chunk cover_polygon estimate_cells "
        "merge sum_to_parents whole_cells"
    ),
    "Modules.databaler_base_portal_api_util": "OnPage PortalClient PortalConfig campania_id",
    "Modules.decorators": "carpeta logged_task publicar retry_transient timed ultimas_tablas",
    "Modules.carpetas": "carpeta",
    "Modules.outputs": "carpeta publicar ultimas_tablas",
    "Modules.settings": "PROJECT_ROOT Settings check_portal load_settings",
}


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_can_be_imported(module: str) -> None:
    face = importlib.import_module(module)
    assert {name for name in PUBLIC[module].split() if not hasattr(face, name)} == set()


def test_the_example_of_h3_is_true() -> None:
    face = importlib.import_module("Modules.h3_functions")
    assert doctest.testmod(face).attempted > 0
    assert doctest.testmod(face).failed == 0
