from __future__ import annotations

import io
import re

import matplotlib.image
import numpy as np
import pytest

from Modules.formats import kml_styles as styles


def test_colours_are_turned_round() -> None:
    assert styles.kml_color("#2E7D32", 0x80) == "80327d2e"


@pytest.mark.parametrize("style", [
    styles.cultivo_style("SOJ1", "#2E7D32"), styles.punto_style("tipo-otro", "#795548"),
    styles.CONTORNO,
], ids=lambda style: style.id)  # fmt: skip
def test_a_style_has_two_faces_the_highlighted_one_thicker(style: styles.Estilo) -> None:
    text = styles.style_text(style)
    widths = [float(width) for width in re.findall("<width>(.*?)</width>", text)]
    assert widths[1] > widths[0]
    fills = re.findall("<PolyStyle><color>(..)(......)", text)
    assert [int(alpha, 16) / 255 for alpha, _ in fills] == pytest.approx([0.5, 0.7], abs=0.01)
    assert set(re.findall("<LineStyle><color>(..)", text)) == {"ff"}
    assert f'<StyleMap id="{style.id}">' in text
    assert "http" not in text


@pytest.mark.parametrize("shape", ["punto", "cuadro"])
def test_an_icon_is_a_picture_in_its_colour(shape: str) -> None:
    image = matplotlib.image.imread(io.BytesIO(styles.icon_png(f"files/{shape}-1b9e77.png")))
    assert image.shape == (32, 32, 4)
    assert np.allclose(image[16, 16] * 255, [0x1B, 0x9E, 0x77, 255])
    assert image[0, 0, 3] == 0


def test_a_legend_entry_shows_its_icon_in_the_list_and_nothing_on_the_map() -> None:
    entry = styles.leyenda_style(styles.cultivo_style("TRI", "#A1661A"))
    assert entry.icon_name == "files/cuadro-a1661a.png"
    assert "<scale>0</scale>" in styles.style_text(entry)
    assert "StyleMap" not in styles.style_text(entry)
