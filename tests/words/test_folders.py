"""The list of product folders is that of what is made."""

from __future__ import annotations

from Modules.jobs.backup import FOLDER
from Modules.jobs.products import MAPAS, PRODUCTOS, hexagonos
from Modules.words.folders import product_folders
from Modules.words.names import check_names


def test_it_names_exactly_what_the_products_and_the_backup_fill() -> None:
    products = (*PRODUCTOS, *MAPAS, *hexagonos(lambda cover, chunks: map(cover, chunks)))
    made = [FOLDER, *(carpeta for producto in products for carpeta in producto.carpetas)]
    assert sorted(product_folders()) == sorted(made)


def test_every_name_can_be_a_folder_in_onedrive() -> None:
    check_names(product_folders())
