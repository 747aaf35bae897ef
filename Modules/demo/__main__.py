"""``python -m Modules.demo``: the demo portal alone, in the foreground."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from Modules.demo.contract import World
from Modules.demo.plan import SIZES
from Modules.demo.running import LOOPBACK, end_with_parent, serve_forever
from Modules.demo.world import DEFAULT_SEED, build_world
from Modules.words.errors import PipelineError, SettingsError


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m Modules.demo", description=__doc__)
    parser.add_argument("--host", default=LOOPBACK)
    parser.add_argument("--port", type=int, default=8765, help="0: any free port")
    parser.add_argument("--size", choices=sorted(SIZES), default="small")
    parser.add_argument("--day", type=int, default=0, help="nights since the first one")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--campania", default="25/26")
    parser.add_argument("--data", type=Path, help="polygons to serve, any file GeoPandas reads")
    parser.add_argument("--lote", help="column of --data with the name of the lote")
    parser.add_argument("--campo", help="column of --data with the name of the campo")
    parser.add_argument("--cultivo", help="column(s) of --data with the crop, by commas")
    parser.add_argument("--markers", type=Path, help="points to serve as muestreo marks")
    parser.add_argument(
        "--with-parent", action="store_true", help="end when standard input is closed"
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Serve until interrupted; exit code 2 with one line on a wrong argument."""
    options = _parser().parse_args(argv)
    try:
        if options.with_parent:
            end_with_parent()
        serve_forever(_world(options), host=options.host, port=options.port)
    except PipelineError as err:
        sys.stderr.write(f"{err}\n")
        return err.exit_code
    except KeyboardInterrupt:
        return 0
    return 0


def _world(options: argparse.Namespace) -> World:
    of_data = {name: getattr(options, name) for name in ("lote", "campo", "cultivo", "markers")}
    if options.data is None:
        for name, given in of_data.items():
            if given:
                raise SettingsError(f"--{name} goes with --data FILE")
        return build_world(options.size, options.seed, options.day, options.campania)
    from Modules.demo.external import world_from_file  # GeoPandas: only where it is needed

    return world_from_file(options.data, **of_data, campania=options.campania, day=options.day)


if __name__ == "__main__":
    sys.exit(main())
