"""Keys of providers: found by name when they are needed, written down nowhere."""

from __future__ import annotations

from Modules.integrations.access import PromptAccess
from Modules.portal.asking import check_url
from Modules.prompts.calls.asking import ModelRef
from Modules.words.errors import SettingsError


def key_of(model: ModelRef, access: PromptAccess | None = None) -> str:
    """The key that the provider of a model takes; empty where it takes none.

    Raises:
        SettingsError: the variable that it is named by is not there, or its file is not read; or
            no key may be sent to that address.
    """
    if model.key_name is None:
        return ""
    found = (access or PromptAccess()).key(model.key_name, model.base_url)
    if found is None or not (text := found.get_secret_value().strip()):
        raise SettingsError(
            f"falta {model.key_name}, la clave de {model.provider}; va en el entorno o en .env, en "
            f"el archivo que nombra {model.key_name}_FILE, o en el bloque prompt-credentials"
        )
    if not text.isascii() or not text.isprintable() or " " in text:
        raise SettingsError(f"{model.key_name} no es una clave: tiene blancos o signos raros")
    check_url(model.base_url, f"base_url de {model.provider}", "https://openrouter.ai/api/v1")
    return text
