"""``python -m tests.faults``: the demo portal in the foreground, failing as told."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from Modules.demo.plan import SIZES
from Modules.demo.running import serve_forever
from Modules.demo.world import build_world
from Modules.words.errors import PipelineError
from tests.faults.named import FAULTS, parse_fault
from tests.faults.neighbours import NEIGHBOURS
from tests.faults.wire import FaultyServer


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until interrupted; exit code 2 with one line on a wrong argument."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--port", type=int, default=8765, help="0: any free port")
    parser.add_argument("--size", choices=sorted(SIZES), default="small")
    parser.add_argument("--day", type=int, default=0, help="nights since the first one")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[@RECURSO[/PAGE]][*TIMES]",
        help="fail on request, for instance status_503@lotes/2*1; may be repeated",
    )
    parser.add_argument(
        "--list-faults", action="store_true", help="print the faults, one a line, and end"
    )
    options = parser.parse_args(argv)
    if options.list_faults:
        sys.stdout.writelines(
            f"{kind.level:6}  {name:26}  {kind.description}\n" for name, kind in FAULTS.items()
        )
        sys.stdout.writelines(  # of Jira and Google: for tests, not for --fault
            f"vecino  {name:26}  {kind.description}\n" for name, kind in NEIGHBOURS.items()
        )
        return 0
    try:
        faults = [parse_fault(text) for text in options.fault]
        world = build_world(options.size, day=options.day)
        serve_forever(world, options.port, lambda to, on: FaultyServer(to, faults).run(on))
    except PipelineError as err:
        sys.stderr.write(f"{err}\n")
        return err.exit_code
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
