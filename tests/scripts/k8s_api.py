"""A stand-in for the API server of Kubernetes and for what runs its pods, over plain HTTP.

It holds Jobs and their pods, lists and watches them, refuses what the role of its one client does
not grant, and runs the container of a Job as a process of this machine: environment, Secrets,
volumes and ``$(NAME)`` are put in as a kubelet does, mount paths become folders. There is no image
and no limit.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import psutil
import yaml

from tests.scripts.conftest import ROOT

HELD = {"pods": "Pod", "jobs": "Job"}
# as discovery tells them; the second two are known to the observer, which never asks for any
KINDS = {
    "/api/v1": {"pods": "Pod", "namespaces": "Namespace", "events": "Event"},
    "/apis/batch/v1": {"jobs": "Job"},
}
PATH = re.compile(
    r"(?P<group>/api/v1|/apis/batch/v1)(/namespaces/(?P<namespace>[^/]+))?/(?P<what>\w+)"
    r"(/(?P<name>[^/]+)(/(?P<part>\w+))?)?"
)
VERBS = {"POST": "create", "DELETE": "delete", "PATCH": "patch", "PUT": "update"}
OUR_NAME = re.compile(r"\$\((\w+)\)")


class Cluster:
    """What a cluster holds, and what it was asked.

    ``disks``: the folder of each claim; ``hosts``: where what the pods call by a name really is.
    """

    def __init__(
        self,
        folder: Path,
        objects: Sequence[Mapping[str, Any]],
        secrets: Mapping[str, Mapping[str, str]],
        disks: Mapping[str, Path],
        hosts: Mapping[str, str],
    ) -> None:
        self.folder, self.secrets, self.disks, self.hosts = folder, secrets, disks, hosts
        by_kind = [(one["kind"], one["metadata"]["name"], one) for one in objects]
        self.configs = {name: one["data"] for kind, name, one in by_kind if kind == "ConfigMap"}
        (role,) = (one for kind, _, one in by_kind if kind == "Role")
        self.granted = {
            (resource, verb)
            for rule in role["rules"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
        }
        self.asked: list[tuple[str, str]] = []  # resource and verb, of our role
        self.refused: list[tuple[str, str]] = []
        self.made: list[dict[str, Any]] = []  # each Job as it was asked for
        self.held: dict[tuple[str, str], dict[str, Any]] = {}
        self.events: list[tuple[int, str, str, dict[str, Any]]] = []
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.changed = threading.Condition()
        self._versions = count(1)

    def put(self, what: str, one: dict[str, Any], kind: str) -> None:
        """Hold an object, or hold it no more, and tell who watches."""
        with self.changed:
            version = next(self._versions)
            one["metadata"]["resourceVersion"] = str(version)
            name = one["metadata"]["name"]
            if kind == "DELETED":
                self.held.pop((what, name), None)
            else:
                self.held[what, name] = one
            self.events.append((version, what, kind, json.loads(json.dumps(one))))
            self.changed.notify_all()

    def create(self, body: dict[str, Any], namespace: str) -> dict[str, Any]:
        self.made.append(json.loads(json.dumps(body)))
        meta = body["metadata"]
        name = f"{meta.pop('generateName')}{uuid4().hex[:5]}"
        now = datetime.now(UTC).isoformat()
        meta |= {
            "name": name,
            "namespace": namespace,
            "uid": str(uuid4()),
            "creationTimestamp": now,
        }
        body["status"] = {"active": 1}
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                **meta,
                "uid": str(uuid4()),
                "labels": body["spec"]["template"]["metadata"]["labels"] | {"job-name": name},
            },
            "spec": body["spec"]["template"]["spec"],
            "status": {"phase": "Pending"},
        }
        self.put("jobs", body, "ADDED")
        self.put("pods", pod, "ADDED")
        process = self.run(pod, namespace, self.folder / name)
        self.processes[name] = process
        self.put("pods", {**pod, "status": {"phase": "Running"}}, "MODIFIED")
        threading.Thread(target=self._wait, args=(process, body, pod), daemon=True).start()
        return body

    def _wait(self, process: subprocess.Popen[bytes], job: dict[str, Any], pod: Any) -> None:
        good = process.wait() == 0
        self.put(
            "pods", {**pod, "status": {"phase": "Succeeded" if good else "Failed"}}, "MODIFIED"
        )
        if ("jobs", job["metadata"]["name"]) in self.held:
            status = {"succeeded": 1} if good else {"failed": 1}
            self.put("jobs", {**job, "status": status}, "MODIFIED")

    def delete(self, name: str) -> dict[str, Any]:
        """As ``kubectl delete job --force`` does: no process of it is asked."""
        job = self.held["jobs", name]
        self.put("jobs", job, "DELETED")
        self.kill(name)
        return job

    def kill(self, name: str) -> None:
        """As a node without memory does: all that runs in the container, at once."""
        with suppress(psutil.NoSuchProcess):
            first = psutil.Process(self.processes[name].pid)
            for process in (first, *first.children(recursive=True)):
                process.kill()

    def drain(self, name: str) -> None:
        """As a node that is emptied does: it asks the first process of the container to end."""
        psutil.Process(self.processes[name].pid).terminate()

    def run(
        self, pod: Mapping[str, Any], namespace: str, folder: Path, **more: str
    ) -> subprocess.Popen[bytes]:
        """The first container of a pod, as a process; what it says is in ``folder``/log."""
        (container,) = pod["spec"]["containers"]
        paths = self._paths(pod, container, folder)
        bin_ = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        # as the image has them
        told = {**bin_, "LANG": "C.UTF-8", "HOME": "/tmp", "PREFECT_HOME": "/tmp/prefect"}
        for source in container.get("envFrom", []):
            told |= self.configs[source["configMapRef"]["name"]]
        for one in container.get("env", []):
            told[one["name"]] = self._value(one, namespace)
        for name, value in told.items():
            for host, where in self.hosts.items():
                value = value.replace(host, where)
            (mount,) = [at for at in paths if f"{value}/".startswith(f"{at}/")][:1] or [None]
            told[name] = value if mount is None else str(paths[mount]) + value[len(mount) :]
        command = [*container.get("command", []), *container.get("args", [])]
        argv = [OUR_NAME.sub(lambda found: told[found[1]], word) for word in command]
        with (folder / "log").open("wb") as log:
            return subprocess.Popen(
                argv,
                cwd=ROOT,
                env=told | more | bin_,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _value(self, one: Mapping[str, Any], namespace: str) -> str:
        source = one.get("valueFrom", {})
        if "secretKeyRef" in source:
            return self.secrets[source["secretKeyRef"]["name"]][source["secretKeyRef"]["key"]]
        if "fieldRef" in source:
            assert source["fieldRef"]["fieldPath"] == "metadata.namespace"
            return namespace
        return str(one["value"])

    def _paths(
        self, pod: Mapping[str, Any], container: Mapping[str, Any], folder: Path
    ) -> dict[str, Path]:
        """Mount path to folder; the longest first."""
        where: dict[str, Path] = {}
        for volume in pod["spec"]["volumes"]:
            at = folder / volume["name"]
            if "persistentVolumeClaim" in volume:
                at = self.disks[volume["persistentVolumeClaim"]["claimName"]]
            at.mkdir(parents=True, exist_ok=True)
            for key, text in self.secrets.get(
                volume.get("secret", {}).get("secretName"), {}
            ).items():
                (at / key).write_text(text)
            where[volume["name"]] = at
        mounts = sorted(container["volumeMounts"], key=lambda one: -len(one["mountPath"]))
        return {one["mountPath"]: where[one["name"]] / one.get("subPath", "") for one in mounts}

    def close(self) -> None:
        for name in self.processes:
            self.kill(name)
        with self.changed:
            self.changed.notify_all()


@contextmanager
def serving(cluster: Cluster) -> Iterator[Path]:
    """The API server of a cluster while the block lasts; its kubeconfig."""
    handler = type("Handler", (_Handler,), {"cluster": cluster})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    kubeconfig = cluster.folder / "kubeconfig"
    kubeconfig.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "c", "cluster": {"server": address}}],
                "users": [{"name": "u", "user": {"token": "no"}}],
                "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
                "current-context": "x",
            }
        )
    )
    try:
        yield kubeconfig
    finally:
        cluster.close()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    cluster: Cluster
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        path = urlsplit(self.path).path.rstrip("/")
        if (found := self._discovery(path)) is not None:
            self._answer(found)
            return
        self._resource()

    def _discovery(self, path: str) -> dict[str, Any] | None:
        if path == "/api":
            return {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            version = {"groupVersion": "batch/v1", "version": "v1"}
            group = {"name": "batch", "versions": [version], "preferredVersion": version}
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]}
        if path == "/version":
            return {"major": "1", "minor": "33"}
        if path in KINDS:
            verbs = ["create", "delete", "get", "list", "watch", "patch", "update"]
            of = {"singularName": "", "verbs": verbs}
            told = [
                {**of, "name": name, "kind": kind, "namespaced": name != "namespaces"}
                for name, kind in KINDS[path].items()
            ]
            group = path.removeprefix("/apis/").removeprefix("/api/")
            return {"kind": "APIResourceList", "groupVersion": group, "resources": told}
        return None

    def _resource(self) -> None:
        url = urlsplit(self.path)
        at, query = PATH.fullmatch(url.path), parse_qs(url.query)
        if at is None:
            self._refuse(404, f"no {url.path}")
            return
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or "{}")
        watches = query.get("watch", ["false"])[0].lower() in ("true", "1")
        verb = VERBS.get(self.command) or ("get" if at["name"] else "watch" if watches else "list")
        what = "/".join(filter(None, (at["what"], at["part"])))
        self.cluster.asked.append((what, verb))
        if (what, verb) not in self.cluster.granted or not at["namespace"]:
            self.cluster.refused.append((what, verb))
            self._refuse(403, f"{what} is forbidden: cannot {verb}")
        elif verb == "create":
            self._answer(self.cluster.create(body, at["namespace"]), 201)
        elif verb == "watch":
            self._watch(what, int(query.get("resourceVersion", ["0"])[0]))
        elif verb == "list":
            self._list(what, query.get("labelSelector", [""])[0])
        elif (at["what"], at["name"]) not in self.cluster.held:
            self._refuse(404, f"no {at['name']}")
        elif verb == "delete":
            self._answer(self.cluster.delete(at["name"]))
        elif at["part"] == "log":
            log = self.cluster.folder / at["name"] / "log"
            self._send(log.read_bytes(), 200, "text/plain")
        else:
            self._answer(self.cluster.held[at["what"], at["name"]])

    do_POST = do_DELETE = do_PATCH = do_PUT = _resource  # noqa: N815

    def _list(self, what: str, selector: str) -> None:
        wanted = [part.partition("=") for part in selector.split(",") if part]
        with self.cluster.changed:
            rows = [
                one
                for (of, _), one in self.cluster.held.items()
                if of == what
                and all(
                    key in one["metadata"]["labels"]
                    and (not equals or one["metadata"]["labels"][key] == value)
                    for key, equals, value in wanted
                )
            ]
            version = str(len(self.cluster.events))
        meta = {"resourceVersion": version}
        self._answer(
            {"kind": f"{HELD[what]}List", "apiVersion": "v1", "metadata": meta, "items": rows}
        )

    def _watch(self, what: str, since: int) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        events, changed = self.cluster.events, self.cluster.changed
        try:
            while True:
                with changed:
                    news = [one for one in events if one[0] > since]
                    if not news:
                        changed.wait(1)
                        self.wfile.flush()
                for version, of, kind, one in news:
                    since = version
                    if of == what:
                        line = json.dumps({"type": kind, "object": one}).encode() + b"\n"
                        self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                        self.wfile.flush()
        except OSError:  # who watched is gone
            self.close_connection = True

    def _answer(self, body: Mapping[str, Any], code: int = 200) -> None:
        self._send(json.dumps(body).encode(), code, "application/json")

    def _refuse(self, code: int, why: str) -> None:
        said = {"kind": "Status", "status": "Failure", "message": why, "code": code}
        self._answer(said, code)

    def _send(self, body: bytes, code: int, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
