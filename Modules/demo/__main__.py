"""``python -m Modules.demo``: the made-up demo portal alone, as ``child`` starts it.

People have ``lindero demo-portal``, which also serves a file of theirs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from Modules.demo.plan import SIZES
from Modules.demo.running import end_with_parent, serve_forever
from Modules.demo.world import build_world
from Modules.words.errors import PipelineError


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until interrupted; exit code 2 with one line on a wrong argument."""
    parser = argparse.ArgumentParser(prog="python -m Modules.demo", description=__doc__)
    parser.add_argument("--port", type=int, default=8765, help="0: cualquier puerto libre")
    parser.add_argument("--size", choices=sorted(SIZES), default="small")
    parser.add_argument("--day", type=int, default=0, help="noches desde la primera")
    parser.add_argument("--campania", default="25/26")
    parser.add_argument(
        "--with-parent", action="store_true", help="terminar cuando se cierra la entrada estándar"
    )
    options = parser.parse_args(argv)
    try:
        if options.with_parent:
            end_with_parent()
        world = build_world(options.size, day=options.day, campania=options.campania)
        serve_forever(world, options.port)
    except PipelineError as err:
        sys.stderr.write(f"{err}\n")
        return err.exit_code
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
