"""The router beside vllm-router (Rust), LiteLLM and nginx: CPU, throughput, added time, memory, open streams.

    python bench/router.py               # nine rounds, a million requests, 6,000 streams: a quarter of an hour
    python bench/router.py --quick       # three rounds: under three minutes once its environments are made
    python bench/router.py --against DIR # another working tree of Belay as a further peer

It makes environments of its own for vllm-router and LiteLLM in `.belay/bench`. wrk and nginx are the system's
(`apt-get install nginx-light wrk`); a peer that is not there is named among what is missing. CPU is user and system
time of the server's own processes, so what else the machine does changes it little; seconds are another matter.
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

if __name__ != "__main__":
    # It lies beside the other benchmarks, whose `import router` finds it first; they mean the package.
    sys.path.sort(key=lambda place: Path(place).resolve() == Path(__file__).parent)
    del sys.modules[__name__]
    importlib.import_module(__name__)

from _router import figures, served
from _router.figures import FULL, QUICK, Extent
from _router.load import has_wrk
from _shape import Figure, Result, arguments, finish


def more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--against", type=Path, help="another working tree of Belay, measured in the same rounds"
    )


def measure(result: Result, extent: Extent, against: Path | None, folder: Path) -> None:
    """All but the hostile requests."""
    with ExitStack() as stack:
        ports = stack.enter_context(served.engines())
        servers = served.started(
            stack, (served.ours, served.vllm_router, served.nginx, served.litellm), folder, ports
        )
        if against is not None:
            other = stack.enter_context(served.ours(folder / "tree", ports, against.resolve()))
            servers["tree"] = replace(other, name="tree")
        measured = figures.cpu(servers, extent, folder)
        figures.compare(result, measured, extent)
        figures.added(result, servers, ports[0], measured, extent, result.seed)
        with served.ours(folder / "two", ports, workers=2) as two:
            figures.scaling(result, servers["ours"], two, extent, folder)
        figures.memory(result, servers["ours"], extent, folder, measured.per_second["ours"])
        figures.open_streams(result, servers["ours"], extent)


def hostile(result: Result, extent: Extent) -> None:
    """Malformed, cut, smuggled, slow and huge requests, as the tests send them."""
    name, file = "hostile_requests_harmful", "tests/router/proxy/test_hostile.py"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", file]
    environment = os.environ | {"BELAY_HOSTILE": str(extent.hostile)}
    done = subprocess.run(
        command, cwd=served.REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        result.miss(name, f"{file} stopped at the first: {done.stdout.strip().splitlines()[-1:]}")
    else:
        result.add(Figure(name, 0.0, "requests", 0.0, None, 0.0, "lower", f"of {extent.hostile:,} ({file})"))


def main() -> None:
    given = arguments(__doc__ or "", more=more)
    result = Result("router", given.quick, given.seed)
    extent = QUICK if given.quick else FULL
    if has_wrk():
        with tempfile.TemporaryDirectory() as folder:
            measure(result, extent, given.against, Path(folder))
    else:
        result.miss("all but hostile_requests_harmful", "no wrk on this machine (apt-get install wrk)")
    hostile(result, extent)
    finish(result, as_json=given.json)


if __name__ == "__main__":
    main()
