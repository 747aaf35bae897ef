"""Photos as they come, and what of them is published: never where or with what they were taken."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image, IptcImagePlugin

from Modules.demo.fotos import foto
from Modules.formats.fotos import GRANDE, MINI, publicable
from Modules.words.errors import DataError

GPS, ORIENTATION, MAKER_NOTE, SERIAL, EXIF_IFD = 0x8825, 0x0112, 0x927C, 0xA431, 0x8769
SECRET = b"secreto-de-la-camara"


def picture(
    kind: str = "JPEG", mode: str = "RGB", size: tuple[int, int] = (40, 30), **how: Any
) -> bytes:
    """Left half red, right half blue where there are colours."""
    image = Image.new(mode, size)
    if mode in ("RGB", "RGBA"):
        image.paste((255, 0, 0), (0, 0, size[0] // 2, size[1]))
        image.paste((0, 0, 255), (size[0] // 2, 0, *size))
    out = io.BytesIO()
    image.save(out, kind, **how)
    return out.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def bomb() -> bytes:
    """A PNG of a few bytes that says it has 900 million pixels."""
    head = struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(9_000))) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


def tagged(orientation: int = 6) -> bytes:
    """A photo with all that a camera tells of itself and of where it was."""
    exif = Image.Exif()
    exif[ORIENTATION], exif[0x010F] = orientation, SECRET.decode()
    exif.get_ifd(EXIF_IFD).update({MAKER_NOTE: SECRET, SERIAL: SECRET.decode()})
    exif.get_ifd(GPS).update({1: "S", 2: (34.0, 1.0, 2.0), 3: "W", 4: (61.0, 1.0, 2.0)})
    iptc = b"Photoshop 3.0\x008BIM\x04\x04\x00\x00" + struct.pack(">I", 5 + len(SECRET))
    iptc += b"\x1c\x02\x78" + struct.pack(">H", len(SECRET)) + SECRET
    plain = picture(
        size=(400, 300), exif=exif, xmp=b"<x>" + SECRET + b"</x>", comment=SECRET,
        icc_profile=SECRET * 9,
    )  # fmt: skip
    return plain[:2] + b"\xff\xed" + struct.pack(">H", len(iptc) + 2) + iptc + plain[2:]


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "0 bytes"),
        (b"\r\n<!doctype html><p>Ingresar", "HTML"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(60), "HEIC"),
        (b"%PDF-1.7 " + bytes(60), "no es una foto JPEG"),
        (picture(size=(400, 300))[:900], "rota o cortada"),
        (b"GIF89a", "no es una foto|rota"),
        (bomb(), "demasiados píxeles"),
    ],
)  # fmt: skip
def test_what_is_no_photo_is_named_in_spanish(data: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said):
        publicable(data, MINI)


def test_nothing_that_a_camera_writes_beside_the_picture_is_published() -> None:
    came = tagged()
    assert came.count(SECRET) >= 6
    assert IptcImagePlugin.getiptcinfo(opened(came))
    for lado in (GRANDE, MINI):
        left = publicable(came, lado)
        assert SECRET not in left
        assert not opened(left).getexif()
        assert b"Exif" not in left
        assert b"ICC_PROFILE" not in left


def test_it_is_turned_the_right_way_up_before_its_orientation_goes() -> None:
    turned = opened(publicable(tagged(), GRANDE))
    assert turned.size == (300, 400)
    top, bottom = turned.getpixel((150, 20)), turned.getpixel((150, 380))
    assert isinstance(top, tuple)
    assert isinstance(bottom, tuple)
    assert top[0] > 200 > 60 > top[2]  # its left half is above now
    assert bottom[2] > 200 > 60 > bottom[0]


def test_a_setting_keeps_the_place_but_not_a_turn_that_was_made() -> None:
    exif = opened(publicable(tagged(), GRANDE, metadatos=True)).getexif()
    assert exif.get_ifd(GPS)[2] == (34.0, 1.0, 2.0)
    assert exif.get(ORIENTATION) in (None, 1)


@pytest.mark.parametrize(
    "data",
    [
        picture("PNG"), picture("PNG", "RGBA"), picture("PNG", "P"), picture("PNG", "LA"),
        picture("PNG", "I;16"), picture("JPEG", "CMYK"), picture("JPEG", "L"), picture("WEBP"),
        picture("GIF"), picture("AVIF"),
        picture("GIF", save_all=True, append_images=[Image.new("RGB", (40, 30), "white")] * 3),
        picture("WEBP", save_all=True, append_images=[Image.new("RGB", (40, 30), "white")] * 3),
    ],
    ids=range(12),
)  # fmt: skip
def test_every_kind_of_picture_becomes_a_jpeg(data: bytes) -> None:
    left = opened(publicable(data, MINI))
    assert (left.format, left.mode, left.size) == ("JPEG", "RGB", (40, 30))


def test_it_is_no_larger_than_asked_and_the_same_each_time() -> None:
    for number in (1, 3):
        small = publicable(foto(number), MINI)
        assert max(opened(small).size) == MINI
        assert len(small) < 20_000
        assert small == publicable(foto(number), MINI)
    assert opened(foto(3)).size == (1_200, 900)
    assert opened(publicable(foto(3), GRANDE)).size == (900, 1_200)  # it was taken upright


def test_the_transparent_is_white() -> None:
    left = opened(publicable(picture("PNG", "LA"), MINI))
    assert left.getpixel((5, 5)) == (255, 255, 255)
