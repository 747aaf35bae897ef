"""A page of ``mapa/`` read back, without the code that wrote it."""

from __future__ import annotations

import base64
import itertools
import json
import re
import struct
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pyarrow as pa


class Page(HTMLParser):
    """The texts of a page's scripts and styles, its title, its policy, and every tag."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": [], "title": [], "h1": []}
        self.policy = self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.inside = tag
        if tag in self.texts:
            self.texts[tag].append("")
        said = dict(attrs)
        if said.get("http-equiv") == "Content-Security-Policy":
            self.policy = said["content"] or ""

    def handle_endtag(self, tag: str) -> None:
        self.inside = ""

    def handle_data(self, data: str) -> None:
        if self.inside in self.texts:
            self.texts[self.inside][-1] += data


def packed(text: str) -> str:
    found = re.search(r'id="data">([^<]*)<', text)
    assert found is not None
    return found[1]


def night(data: str) -> tuple[dict[str, Any], list[np.ndarray]]:
    """The document and its sections of whole numbers."""
    raw = base64.b64decode(data)
    whole, texts = struct.unpack("<II", raw[:8])
    plain = pa.decompress(raw[8:], decompressed_size=whole, codec="lz4_raw", asbytes=True)
    document = json.loads(plain[:texts])
    planes = np.frombuffer(plain[texts:], np.uint8).reshape(4, -1).astype(np.uint32)
    coded = sum(planes[i] << np.uint32(8 * i) for i in range(4))
    steps = ((coded >> np.uint32(1)) ^ (-(coded & np.uint32(1)).astype(np.int64))).astype(np.uint32)
    ends = np.cumsum([0, *document["enteros"]])
    sections = [
        np.cumsum(steps[a:b], dtype=np.uint32).astype(np.int32) for a, b in itertools.pairwise(ends)
    ]
    return document, sections


def column(spec: dict[str, Any], sections: list[np.ndarray]) -> list[str | None]:
    return [None if code < 0 else spec["t"][code] for code in sections[spec["c"]]]


def rings(spec: dict[str, int], sections: list[np.ndarray]) -> list[list[np.ndarray]]:
    """For each geometry its rings: arrays of lon, lat in degrees."""
    every = np.column_stack([sections[spec["lon"]], sections[spec["lat"]]]) / 1e7
    parts = np.split(every, np.cumsum(sections[spec["vertices"]])[:-1])
    ends = np.cumsum([0, *sections[spec["anillos"]]])
    return [parts[a:b] for a, b in itertools.pairwise(ends)]
