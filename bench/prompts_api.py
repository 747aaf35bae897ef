"""How long a submission takes to be answered, over a real socket, while the queue grows.

``python bench/prompts_api.py [N]``: N submissions one after another, then as many by eight clients
at a time, over SQLite. The promise is 200 ms; nobody does what was submitted meanwhile.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
AIM_MS, CLIENTS = 200, 8


def main(count: int) -> None:
    """Print median, 95 of a hundred and the slowest, in milliseconds."""
    from Modules.prompts.client import PromptsClient
    from Modules.prompts.store import PromptStore
    from tests.prompts.serving import api, bundle, deploy

    with tempfile.TemporaryDirectory() as temp:
        store = PromptStore(f"sqlite:///{temp}/prompts.sqlite3")
        deploy(store, bundle(Path(temp) / "prompts"))
        token = store.clients.create("bench", now=datetime.now(UTC))
        with api(store) as url:

            def submit(number: int) -> float:
                begun = time.perf_counter()
                client.submit("cuenta", {"texto": f"{number}"})
                return (time.perf_counter() - begun) * 1000

            client = PromptsClient(url, token)
            told = {"one after another": [submit(number) for number in range(count)]}
            with ThreadPoolExecutor(CLIENTS) as pool:
                told[f"{CLIENTS} at a time"] = list(pool.map(submit, range(count)))
    for what, took in told.items():
        late = statistics.quantiles(took, n=20)[-1]
        print(
            f"  {what:20} median {statistics.median(took):6.1f} ms, 95 % {late:6.1f} ms, "
            f"slowest {max(took):6.1f} ms (promise {AIM_MS} ms)"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
