"""Photos as they are published: JPEG, the right way up, no larger than asked, without metadata.

What a camera writes beside the picture (EXIF with its place and serial number, XMP, IPTC, colour
profiles, notes of the maker) is not copied. Of an animation the first picture is kept; what is
transparent becomes white.
"""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING, Final

from Modules.words.errors import DataError

if TYPE_CHECKING:
    from PIL import Image

GRANDE: Final = 1_600  # pixels of the longer side
MINI: Final = 320
_FORMATS: Final = ("JPEG", "PNG", "WEBP", "GIF", "AVIF")
_HEIC: Final = re.compile(rb"....ftyp(heic|heix|hevc|heim|heis|mif1|msf1)", re.DOTALL)


def publicable(data: bytes, lado: int, *, metadatos: bool = False) -> bytes:
    """A photo as it came → a JPEG whose longer side has ``lado`` pixels at most.

    ``metadatos``: with its EXIF, but for the orientation, which is applied.

    Raises:
        DataError: it is no photo that can be read; says what it is.
    """
    if not data:
        raise DataError("está vacía: 0 bytes")
    if data[:512].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<":
        raise DataError("es una página HTML o XML, no una foto")
    if _HEIC.match(data):
        raise DataError("es HEIC, que acá no se lee: que el teléfono la guarde como JPEG")
    from PIL import Image, UnidentifiedImageError  # late: most commands see no photo

    Image.init()  # else it knows some formats only after it met others
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
            with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
                return _jpeg(image, lado, metadatos)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as err:
        raise DataError("tiene demasiados píxeles para abrirla") from err
    except UnidentifiedImageError as err:
        raise DataError("no es una foto JPEG, PNG, WebP, GIF ni AVIF") from err
    except Exception as err:  # a decoder may raise anything
        raise DataError(f"está rota o cortada ({type(err).__name__})") from err


def _jpeg(image: Image.Image, lado: int, metadatos: bool) -> bytes:
    from PIL import ImageOps

    image.draft("RGB", (lado, lado))  # a JPEG is decoded no larger than needed
    image.load()
    image = ImageOps.exif_transpose(image)
    exif = image.getexif().tobytes() if metadatos else b""
    if image.has_transparency_data:
        behind = image.convert("RGBA")
        image = behind.copy()
        image.paste("white", (0, 0, *image.size))
        image.alpha_composite(behind)
    image = image.convert("RGB")
    image.thumbnail((lado, lado))
    image.info.clear()  # comments, profiles, XMP: the encoder would write them again
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80 if lado > MINI else 70, optimize=True, exif=exif)
    return out.getvalue()
