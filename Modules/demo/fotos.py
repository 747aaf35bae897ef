"""Photos as a scout takes them: rows of a crop up to the horizon, drawn here. Pure, JPEG.

They carry what those of phones do: where they were taken, with what, and which way up.
"""

from __future__ import annotations

import io
from functools import cache
from typing import Final

import numpy as np

AMOUNT: Final = 6
_ORIENTATION, _MAKE, _GPS = 0x0112, 0x010F, 0x8825
_GREENS: Final = ((66, 120, 48), (120, 132, 52), (168, 146, 70))


@cache
def foto(number: int) -> bytes:
    """One of ``AMOUNT``, from 1; 1,200 by 900 pixels, every third one taken upright."""
    from PIL import Image

    wide, high = (900, 1_200) if number % 3 == 0 else (1_200, 900)
    rng, horizon = np.random.default_rng(number), high // 3
    y, x = np.mgrid[0:high, 0:wide]
    sky = np.stack([140 + y * 90 // horizon, 180 + y * 50 // horizon, 225 + y * 20 // horizon], -1)
    depth = np.maximum(y - horizon, 1)
    rows = np.cos((x - wide * rng.uniform(0.3, 0.7)) / depth * rng.uniform(14, 22)) > -0.3
    weeds = np.hypot((x - wide * 0.62) / 2, y - high * 0.78) < high * 0.05 * (number % 4)
    crop = np.where(weeds[..., None], (36, 82, 30), _GREENS[number % 3])
    near = (0.7 + 0.3 * depth / high)[..., None]
    ground = np.where((rows | weeds)[..., None], crop, (126, 98, 70)) * near
    noise = rng.normal(0, 9, (high, wide, 1))
    pixels = np.where((y < horizon)[..., None], sky, ground + noise).clip(0, 255).astype(np.uint8)
    image, exif = Image.fromarray(pixels), Image.Exif()
    if high > wide:
        image = image.transpose(Image.Transpose.ROTATE_90)
        exif[_ORIENTATION] = 6
    exif[_MAKE] = "Cámara de demostración"
    exif.get_ifd(_GPS).update({1: "S", 2: (34.0, 30.0, 0.0), 3: "W", 4: (61.0, 15.0, 0.0)})
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80, exif=exif)
    return out.getvalue()
