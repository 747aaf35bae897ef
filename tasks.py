"""Verbos de quien opera la plataforma: `invoke --list`. Cada uno llama a `make`, `lindero` o `ssh`.

Acá corre en esta carpeta; con `LINDERO_SSH=usuario@maquina:/carpeta`, en la de esa máquina. Las
capas de `deploy/` son las de `make`: `SHARED=1 VAULT=1 invoke prefect.setup`.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn, Protocol

from invoke import Collection, Context, Exit, task

ROOT: Final = Path(__file__).resolve().parent
LAYERS: Final = ("DEMO", "ENTORNO", "PROMPTS", "SHARED", "VAULT", "VOLUMES")
HEALTHY_S: Final = 300.0
KEPT_AT: Final = "data/vault_secret_id"


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
)
