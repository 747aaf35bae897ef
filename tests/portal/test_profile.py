"""A profile is read whole or refused with its line and key; no value is ever quoted."""

from __future__ import annotations

import pytest

from Modules.portal import DEFAULT_IDENTITY
from Modules.portal.profile import DEFAULT_PROFILE, parse_profile
from Modules.words.domain import GeometryEncoding, Recurso
from Modules.words.errors import SettingsError


def test_an_empty_text_is_the_contract_under_another_name() -> None:
    profile = parse_profile("", "p.toml")
    assert profile.model_dump(exclude={"name"}) == DEFAULT_PROFILE.model_dump(exclude={"name"})
    assert DEFAULT_PROFILE.identity.startswith("contract@")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", r"p\.toml: no es TOML"),
        ('a = 1\nname = "x"', r"p\.toml, renglón 1: a: no hay una clave así$"),
        ('name = "x"\n[paging]\nkind = "offset"\nlimit = 3\n', r"renglón 4: paging\.limit: "),
        ('[auth]\nkind = "magic"', r"renglón 1: auth: .*'client_credentials'"),
        ('[auth]\nkind = "basic"\nprefix = "x"', r"renglón 3: auth\.prefix: "),
        (
            '[resources.lotes]\nmethod = "PUT"',
            r"renglón 2: resources\.lotes\.method: tiene que ser .*' o '",
        ),
        ('[resources.lotez]\npath = "/x"', r"renglón 1: resources\.lotez: "),
        ('[resources.lotes.fields]\nfoo = "x"', r"renglón 2: resources\.lotes\.fields\.foo: "),
        ("[resources.lotes.fields]\nnombre = {}", r"renglón 2: resources\.lotes\.fields\.nombre: "),
        (
            '[resources.lotes.siembras.fields]\n"cultivo.x" = "x"',
            r"renglón 2: .*siembras\.fields\.cultivo\.x",
        ),
        ('[resources.lotes]\nparent = "campos"', r"parent y \{parent\}"),
        (
            '[resources.campos]\nparent = "lotes"\npath="/l/{parent}"',
            r"campos\.parent: no se puede",
        ),
        ('[season]\nsend = "{year}"', r"renglón 2: season\.send: "),
        ('[season]\nplace = "path"', r"resources\.campos\.path: falta \{campania\}"),
        ('[season]\nplace = "body"', r'resources\.campos\.method: .*"POST"'),
        ('[resources.lotes]\npath = "/c/{campania}"', r"renglón 2: resources\.lotes\.path: "),
        ('[time]\nzone = "Mars/Olympus"', r"renglón 2: time\.zone: "),
        (
            '[headers]\nAuthorization = "Bearer 123"',
            "las credenciales vienen del entorno, no del perfil",
        ),
        ('[headers]\nX-A = "ñ"', "un encabezado sólo lleva ASCII imprimible"),
        ("[answers]\nok_statuses = [500]", r"renglón 2: answers\.ok_statuses"),
        ('[paging]\nkind = "token"', r"token \(una ruta en el cuerpo\) o token_header"),
        ('[resources.lotes.geometry]\ncrs = "POSGAR"', r"renglón 2: .*geometry\.crs: .*EPSG:22185"),
        ('[paging]\nkind = "page"\nsize = 0', r"renglón 3: paging\.size: tiene que ser "),
    ],
)
def test_a_wrong_profile_names_line_and_key(text: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message) as caught:
        parse_profile(text, "p.toml")
    assert "\n" not in str(caught.value)
    assert "Bearer 123" not in str(caught.value)


def test_sections_replace_whole_and_resources_key_by_key() -> None:
    profile = parse_profile(
        '[envelope]\nrows = "data"\n[resources.lotes]\npath = "/fields"\n'
        '[resources.lotes.fields]\nnombre = "name"\n'
        '[resources.lotes.paging]\nkind = "none"\n',
        "p.toml",
    )
    assert profile.envelope.rows == "data"
    assert profile.envelope.total == ""
    assert profile.resources[Recurso.LOTES].path == "/fields"
    assert profile.resources[Recurso.LOTES].season
    assert profile.paging_of(Recurso.LOTES).kind == "none"
    assert profile.paging_of(Recurso.CAMPOS).kind == "page"


def test_geometry_encodings_are_those_of_each_list() -> None:
    profile = parse_profile(
        '[resources.lotes.geometry]\nkind = "wkt"\ncrs = "EPSG:22185"\naxis_order = "lat_lon"\n',
        "p",
    )
    encodings = profile.encodings()
    assert encodings[Recurso.LOTES] == GeometryEncoding("wkt", "EPSG:22185", "lat_lon")
    assert encodings[Recurso.MARCADORES] == GeometryEncoding()
    assert Recurso.CULTIVOS not in encodings


def test_identity_follows_the_meaning_not_the_pace() -> None:
    def identity(text: str) -> str:
        return parse_profile(text, "p").identity

    plain = identity("")
    assert identity('[paging]\nkind = "page"\nsize = 50\n# a remark') == plain
    assert identity('[auth]\nkind = "basic"') == plain
    assert identity('[resources.lotes.fields]\nnombre = "name"') != plain
    assert identity('[resources.lotes.geometry]\naxis_order = "lat_lon"') != plain
    assert identity('name = "otro"').startswith("otro@")


def test_the_identity_of_the_contract_is_known_without_loading_it() -> None:
    assert DEFAULT_PROFILE.identity == DEFAULT_IDENTITY
