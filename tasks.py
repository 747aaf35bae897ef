"""Verbos de quien opera la plataforma: `invoke --list`. Cada uno llama a `make`, `lindero` o `ssh`.

Acá corre en esta carpeta; con `LINDERO_SSH=usuario@maquina:/carpeta`, en la de esa máquina. Las
capas de `deploy/` son las de `make`: `SHARED=1 VAULT=1 invoke prefect.setup`.
"""

from __future__ import annotations

import base64
import binascii
import os
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol
from urllib.parse import parse_qs, urljoin, urlsplit

from invoke import Collection, Context, Exit, task

ROOT: Final = Path(__file__).resolve().parent
LAYERS: Final = ("DEMO", "ENTORNO", "PROMPTS", "SHARED", "SSO", "VAULT", "VOLUMES")
HEALTHY_S: Final = 300.0
KEPT_AT: Final = "data/vault_secret_id"
GROUPS: Final = "admins,agronomia"
FLOWS: Final = {  # of a new Authentik
    "authorization_flow": "default-provider-authorization-implicit-consent",
    "invalidation_flow": "default-provider-invalidation-flow",
}
EMBEDDED: Final = "goauthentik.io/outposts/embedded"
FORGED: Final = {  # what a browser says of itself, with one that no outpost sends
    f"X-authentik-{name}": "falsificado"
    for name in ("username", "groups", "email", "name", "uid", "jwt", "lindero")
}
HOPS: Final = 5


class Runner(Protocol):
    """Where the platform's folder lies, and how a command is run in it."""

    def __call__(self, *argv: str, typed: str | None = None) -> int:
        """The exit code of a command, whose output the operator sees."""


@dataclass(frozen=True, slots=True)
class Local:
    folder: Path

    def __call__(self, *argv: str, typed: str | None = None) -> int:
        return subprocess.run(argv, cwd=self.folder, input=typed, text=True, check=False).returncode


@dataclass(frozen=True, slots=True)
class Ssh:
    host: str
    folder: str

    def __call__(self, *argv: str, typed: str | None = None) -> int:
        there = f"cd {shlex.quote(self.folder)} && {shlex.join(argv)}"
        command = ("ssh", "-o", "BatchMode=yes", "--", self.host, there)
        return subprocess.run(command, input=typed, text=True, check=False).returncode


def runner() -> Runner:
    """The folder of this file, or the one that ``LINDERO_SSH`` names."""
    if not (where := os.environ.get("LINDERO_SSH")):
        return Local(ROOT)
    host, colon, folder = where.partition(":")
    if not (host and colon and folder.startswith("/")) or host.startswith("-"):
        stop("LINDERO_SSH: tiene que ser usuario@maquina:/carpeta", 2)
    return Ssh(host, folder)


def stop(said: str, code: int = 1) -> NoReturn:
    raise Exit(said, code)


def make(target: str, *more: str) -> int:
    layers = (f"{name}={os.environ[name]}" for name in LAYERS if os.environ.get(name))
    return runner()("make", "--silent", target, *layers, *more)


def done(code: int, said: str) -> None:
    if code:
        stop(said, code)


def healthy(*service: str) -> bool:
    return make("health", *(f"S={one}" for one in service)) == 0


@task(name="check-env")
def check_env(_: Context) -> None:
    """Dice todo lo que falta en los ajustes, los secretos, las bases, el puerto y las carpetas."""
    done(runner()("./lindero", "stack", "check"), "falta lo que dicen los renglones de arriba")


@task
def pre_compose(c: Context) -> None:
    """Antes de levantar: los secretos en sus archivos, y que no falte nada; la base, si no está."""
    done(make("init"), "no se pudieron escribir los secretos")
    check_env(c)


@task
def composing(_: Context) -> None:
    """Levanta los contenedores."""
    done(make("up"), "no se levantaron los contenedores: invoke prefect.logs")


@task
def post_compose(_: Context) -> None:
    """Espera a que estén sanos, pone los despliegues y recuerda lo que se levantó."""
    until = time.monotonic() + HEALTHY_S
    while not healthy():
        if time.monotonic() > until:
            stop(f"no están sanos en {HEALTHY_S:.0f} s: invoke prefect.logs")
        time.sleep(5)
    done(make("deploy"), "los contenedores están sanos, y los despliegues no se pusieron")
    done(runner()("./lindero", "stack", "changed", "--keep"), "no se pudo recordar lo levantado")


def raised(c: Context) -> None:
    for step in (pre_compose, composing, post_compose):
        step(c)


@task
def setup(c: Context) -> None:
    """Levanta la plataforma: pre-compose, composing, post-compose; sana, no hace nada."""
    if healthy():
        print("ya está sana; para aplicar cambios: invoke prefect.sync")
        return
    raised(c)


@task
def sync(c: Context) -> None:
    """Aplica lo que cambió (código, archivos, ajustes); si nada cambió, no toca nada."""
    if runner()("./lindero", "stack", "changed") == 0 and healthy():
        print("nada cambió")
        return
    raised(c)


@task
def logs(_: Context) -> None:
    """El final de los registros de todos los contenedores."""
    done(make("logs", "ONCE=1"), "no hay registros")


def status_of(*service: str) -> Callable[[Context], None]:
    def status(_: Context) -> None:
        if not healthy(*service):
            stop(f"{', '.join(service) or 'la plataforma'}: mal")

    status.__doc__ = f"Termina en 0 sólo si está sano: {', '.join(service) or 'todo'}."
    return status


@task(name="status")
def vault_status(_: Context) -> None:
    """Dice si el Vault de LINDERO_VAULT_URL está abierto; termina en 0 sólo si lo está."""
    told = vault(token=False).sys.read_seal_status()
    if not told["initialized"] or told["sealed"]:
        stop("Vault: sin inicializar" if not told["initialized"] else "Vault: sellado")
    print("Vault: abierto")


@task(name="setup-approle")
def setup_approle(_: Context) -> None:
    """Con VAULT_TOKEN, pone política y AppRole de Lindero en Vault, y deja su secret id.

    Hecho dos veces queda igual, con un secret id nuevo. El del archivo no se muestra.
    """
    client, entorno = vault(token=True), os.environ.get("LINDERO_ENTORNO") or "production"
    name = f"{os.environ.get('LINDERO_VAULT_PROJECT') or 'lindero'}-{entorno}"
    text = (ROOT / "deploy" / "vault" / "policy.hcl").read_text(encoding="utf-8")
    place = f"/{name.removesuffix(f'-{entorno}')}/{entorno}/"
    client.sys.create_or_update_policy(name, text.replace("/lindero/production/", place))
    if "approle/" not in client.sys.list_auth_methods()["data"]:
        client.sys.enable_auth_method("approle")
    role = client.auth.approle
    role.create_or_update_approle(name, token_policies=[name], token_ttl="10m")
    secret_id = role.generate_secret_id(name)["data"]["secret_id"]
    keep = f"umask 077 && mkdir -p data && cat > {KEPT_AT}"
    done(runner()("sh", "-c", keep, typed=secret_id), f"no se pudo escribir {KEPT_AT}")
    print(f"LINDERO_VAULT_ROLE_ID={role.read_role_id(name)['data']['role_id']}")
    print(f"LINDERO_VAULT_SECRET_ID_FILE={KEPT_AT}")


def vault(*, token: bool) -> Any:
    """A client of the Vault at LINDERO_VAULT_URL, as who operates it."""
    import hvac
    from requests.exceptions import RequestException

    url, held = os.environ.get("LINDERO_VAULT_URL"), os.environ.get("VAULT_TOKEN")
    if not url:
        stop("falta LINDERO_VAULT_URL", 2)
    if token and not held:
        stop("falta VAULT_TOKEN, de quien administra Vault", 2)
    client = hvac.Client(url=url, token=held if token else None, timeout=10)
    try:
        if token and not client.is_authenticated():
            stop("VAULT_TOKEN: Vault no lo acepta", 2)
        client.sys.read_seal_status()
    except (RequestException, hvac.exceptions.VaultError) as err:
        stop(f"LINDERO_VAULT_URL: no contesta ({type(err).__name__})", 4)
    return client


@task(name="create-proxy-app")
def create_proxy_app(_: Context, groups: str = GROUPS) -> None:
    """Con AUTHENTIK_TOKEN, pone en Authentik la puerta de LINDERO_SSO_HOST, para esos grupos.

    Proveedor, política, aplicación, vínculo y outpost; lo que ya está queda como está. Lo último
    es el outpost: hasta entonces nadie entra, y desde entonces sólo quien es de un grupo.
    """
    entorno = os.environ.get("LINDERO_ENTORNO") or "production"
    host = os.environ.get("LINDERO_SSO_HOST") or stop("falta LINDERO_SSO_HOST", 2)
    if (entorno == "staging") != ("staging" in host):
        stop(f"LINDERO_SSO_HOST: {host} no es un nombre para {entorno}", 2)
    slug = f"lindero-{entorno}"
    names = [one.strip() for one in groups.split(",") if one.strip()]
    if not names:
        stop("--groups: al menos un grupo, o nadie entra", 2)
    at = Authentik.of_environment()
    for name in names:
        if at.found("core/groups/", {"name": name}) is None:
            print(f"grupo {name}: no está en Authentik; cuando esté, sus personas entran")
    flows = {}
    for of, flow in FLOWS.items():
        held = at.found("flows/instances/", {"slug": flow})
        flows[of] = (held or stop(f"en Authentik no está el flujo {flow}"))["pk"]
    wanted = {"name": slug, "mode": "forward_single", "external_host": f"https://{host}"}
    # the word in Authorization is for Prefect and for the API of prompts, never for Authentik
    wanted |= {**flows, "intercept_header_auth": False}
    provider = at.there("proveedor", "providers/proxy/", {"name__iexact": slug}, wanted)
    member = f"return any(ak_is_group_member(request.user, name=one) for one in {names!r})"
    rule = {"name": f"{slug}-grupos", "expression": member}
    policy = at.there("política", "policies/expression/", {"name": rule["name"]}, rule)
    about = {"name": f"Lindero ({entorno})", "slug": slug, "provider": provider["pk"]}
    seen = {"slug": slug, "superuser_full_list": "true"}
    application = at.there("aplicación", "core/applications/", seen, about)
    bound = {"policy": policy["pk"], "target": application["pk"]}
    more = {"order": 0, "enabled": True, "negate": False}
    at.there("vínculo", "policies/bindings/", bound, {**bound, **more})
    outpost = at.found("outposts/instances/", {"managed__iexact": EMBEDDED})
    if outpost is None:
        stop("en Authentik no está su outpost propio (authentik Embedded Outpost)")
    if provider["pk"] in outpost["providers"]:
        print("outpost: ya está")
        return
    with_it = {"providers": [*outpost["providers"], provider["pk"]]}
    at.asked("PATCH", f"outposts/instances/{outpost['pk']}/", "outpost", json=with_it)
    print("outpost: hecho")


@dataclass(frozen=True, slots=True)
class Authentik:
    """The API of an Authentik, as who administers it; nothing that is said shows the token."""

    url: str
    token: str = field(repr=False)

    @classmethod
    def of_environment(cls) -> Authentik:
        url, token = (os.environ.get(f"AUTHENTIK_{name}") for name in ("URL", "TOKEN"))
        if not (url and token):
            stop(f"falta AUTHENTIK_{'TOKEN, de quien administra Authentik' if url else 'URL'}", 2)
        return cls(f"{url.rstrip('/')}/api/v3/", token)

    def found(self, path: str, about: Mapping[str, str]) -> dict[str, Any] | None:
        """The one thing that is so, if it is there; a filter that is not known filters nothing."""
        listed = self.asked("GET", path, path, params={**about, "page_size": "100"})["results"]
        asked = {name.removesuffix("__iexact"): text for name, text in about.items()}
        exact = {name: text for name, text in asked.items() if name in (listed or [{}])[0]}
        return next((one for one in listed if exact.items() <= one.items()), None)

    def there(
        self, what: str, path: str, about: Mapping[str, str], wanted: Mapping[str, Any]
    ) -> dict[str, Any]:
        """A thing as it is wanted, made where it is not; another one of that name is a fault."""
        if (held := self.found(path, about)) is None:
            made = self.asked("POST", path, what, json=dict(wanted))
            print(f"{what}: hecho")
            return made
        if other := [name for name in wanted if held.get(name) != wanted[name]]:
            stop(f"{what}: en Authentik ya hay uno de ese nombre, con otro {', '.join(other)}")
        print(f"{what}: ya está")
        return held

    def asked(self, method: str, path: str, what: str, **more: Any) -> dict[str, Any]:
        import requests

        headers = {"Authorization": f"Bearer {self.token}"}
        more |= {"headers": headers, "allow_redirects": False}
        try:
            answer = requests.request(method, self.url + path, timeout=30, **more)
            said = answer.json() if answer.status_code < 500 and answer.content else None
        except (requests.ConnectionError, requests.Timeout) as err:
            stop(f"AUTHENTIK_URL: no contesta ({type(err).__name__})", 4)
        except (requests.RequestException, ValueError):
            stop("AUTHENTIK_URL: lo que contesta no es la API de un Authentik", 2)
        if answer.status_code in (401, 403):
            stop(f"AUTHENTIK_TOKEN: Authentik no lo acepta para {what}", 2)
        if answer.status_code >= 500:
            stop(f"AUTHENTIK_URL: contesta {answer.status_code} por {what}; probar más tarde", 4)
        wanted = "results" if method == "GET" else "pk"
        if answer.status_code >= 300 or not isinstance(said, dict) or wanted not in said:
            fields = ", ".join(said) if isinstance(said, dict) else "nada"
            stop(f"Authentik no acepta {what} ({answer.status_code}): {fields}")
        return said


@task(name="check-route")
def check_route(_: Context, url: str) -> None:
    """Dice si una página sin sesión manda al ingreso y recuerda qué se pidió, y si se le miente.

    Con LINDERO_SSO_COOKIE=nombre=valor, la de una sesión en el navegador, mira además que no llegue
    adentro lo que el navegador dice de sí.
    """
    import requests

    place, remembered, at = urlsplit(url).netloc, False, url
    if not place:
        stop("la dirección va entera: https://lindero.empresa.example/mapa/mapa_25-26.html", 2)
    cookie = os.environ.get("LINDERO_SSO_COOKIE")
    try:
        for _hop in range(HOPS):
            answer = requests.get(at, headers=FORGED, timeout=30, allow_redirects=False)
            if not answer.is_redirect:
                break
            at = urljoin(at, answer.headers["Location"])
            remembered = remembered or remembers(at, url)
            if urlsplit(at).netloc != place:
                break
        else:
            stop(
                f"{url}: da vueltas sin llegar al ingreso; /outpost.goauthentik.io/ va a Authentik"
            )
        if at == url:
            stop(f"{url}: contesta {answer.status_code} sin sesión; la puerta no está adelante")
        if urlsplit(at).netloc == place:
            stop(f"{at}: contesta {answer.status_code}; /outpost.goauthentik.io/ va a Authentik")
        print(f"sin sesión: manda al ingreso, en {urlsplit(at).netloc}")
        if not remembered:
            stop(f"{url}: el ingreso no sabe qué página se pidió; después no se vuelve a ella")
        print("después del ingreso: vuelve a la página pedida")
        if not cookie:
            print("con sesión: no se miró; LINDERO_SSO_COOKIE=nombre=valor, de un navegador")
            return
        headers, who = {**FORGED, "Cookie": cookie}, urljoin(url, "/quien")
        inside = requests.get(who, headers=headers, timeout=30, allow_redirects=False)
    except requests.RequestException as err:
        stop(f"{url}: no contesta ({type(err).__name__})", 4)
    if inside.status_code != 200:
        stop(f"LINDERO_SSO_COOKIE: con ella contesta {inside.status_code}; tomar otra", 2)
    if "falsificado" in inside.text:
        stop("con sesión: llega adentro lo que el navegador dice de sí (X-authentik-…)")
    print("con sesión: de quién entró sólo llega lo que dice el outpost")


def remembers(address: str, asked: str) -> bool:
    """Whether an address carries another, as it is or in a token (the state of a login)."""
    texts = [text for held in parse_qs(urlsplit(address).query).values() for text in held]
    for part in [part for text in texts for part in text.split(".")]:
        try:
            texts.append(base64.urlsafe_b64decode(f"{part}==").decode())
        except (binascii.Error, ValueError):
            continue
    return any(asked in text.replace("\\u0026", "&") for text in texts)


def _collection(name: str, *tasks: Any, **more: Any) -> Collection:
    made = Collection(name, *tasks)
    for called, one in more.items():
        made.add_task(task(one), name=called)
    return made


namespace = Collection(
    check_env,
    _collection(
        "prefect", setup, pre_compose, composing, post_compose, sync, logs, status=status_of()
    ),
    _collection("postgres", status=status_of("postgres")),
    _collection("redis", status=status_of("redis")),
    _collection("vault", vault_status, setup_approle, rendered=status_of("vault-agent")),
    Collection("authentik", _collection("shared", create_proxy_app, check_route)),
)
