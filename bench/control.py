"""Control's page: how soon it is there, how soon a report is on it, how many may look, and changes a second.

    python bench/control.py              # 20 rollouts, a million scores behind each, 200 streams: a minute and a half
    python bench/control.py --quick      # the same, fewer repeats: under a minute
    python bench/control.py --json       # one JSON object on standard output

The page is looked at in a headless Chromium on this machine (BELAY_CHROMIUM says which); the bus is in memory.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import httpx
from _control import browser as seen
from _control.streams import updates
from _shape import Figure, Result, arguments, finish

ROLLOUTS = 20
CLIENTS = 200
BAR_MS = 1000.0


@dataclass(slots=True)
class Child:
    """The control that is measured."""

    process: subprocess.Popen[str]
    url: str

    def ask(self, line: str) -> float:
        """Send a line; the number that comes back."""
        assert self.process.stdin is not None and self.process.stdout is not None  # noqa: S101, PT018 - both are pipes
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return float(self.process.stdout.readline())

    def report(self, count: int) -> float:
        """Publish a report of so many scores; when that was (epoch ms)."""
        return self.ask(f"report {count}")


@contextmanager
def control(folder: str) -> Iterator[Child]:
    """A control with its rollouts, in a process of its own."""
    bench = Path(__file__).parent
    paths = os.pathsep.join(filter(None, (str(bench), os.environ.get("PYTHONPATH"))))
    process = subprocess.Popen(
        [sys.executable, "-m", "_control.process", folder, str(ROLLOUTS)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": paths},
    )
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    try:
        yield Child(process, process.stdout.readline().strip())
    finally:
        process.communicate("\n", timeout=20)


def look(result: Result, child: Child, repeats: int) -> None:
    """What one person's browser sees."""
    with seen.a_browser() as browser:
        paints = [seen.first_paint_ms(browser, child.url) for _ in range(repeats)]
        page = browser.new_page()
        page.goto(child.url + seen.ROLLOUT)
        page.wait_for_selector("table.capabilities tbody tr")
        lives = [seen.live_update_ms(page, 2_000_000 + n, child.report) for n in range(repeats)]
        weight = seen.weight_kb(page)
        violations = seen.axe_violations(page)
        page.goto(child.url)
        page.wait_for_selector("article")
        violations += seen.axe_violations(page)
    behind = f"{ROLLOUTS} rollouts, a million scores behind each"
    spread = f"median of {repeats}, largest {{:.0f}}"
    _add(
        result,
        "dashboard_first_paint_ms",
        median(paints),
        "ms",
        BAR_MS,
        f"navigation to the table of one rollout on the screen, {behind}; {spread.format(max(paints))}",
    )
    _add(
        result,
        "live_update_ms",
        median(lives),
        "ms",
        BAR_MS,
        f"report on the bus (in memory) to its figure on the screen; {spread.format(max(lives))}",
    )
    _add(result, "page_weight_kb", weight, "kB", 1500.0, "as transferred, uncompressed, without the data")
    _add(
        result,
        "axe_violations",
        float(violations),
        "violations",
        0.0,
        "overview and one rollout, light and dark",
    )


def crowd(result: Result, child: Child, rounds: int) -> None:
    """What many open pages cost."""
    counts = [3_000_000 + n for n in range(rounds)]
    began, cpu = time.monotonic(), child.ask("cpu")
    delays = asyncio.run(updates(child.url, CLIENTS, counts, child.report))
    spent = (child.ask("cpu") - cpu) / (time.monotonic() - began)
    served = min(sum(delay <= BAR_MS for delay in one) for one in delays)
    every = sorted(delay for one in delays for delay in one)
    result.add(
        Figure("sse_clients", served, "clients", served, CLIENTS, CLIENTS, "higher",
               f"of {CLIENTS} streams had each of {rounds} reports within a second (median {median(every):.0f} ms, "
               f"largest {every[-1]:.0f}); control used {100 * spent:.0f}% of a core")
    )  # fmt: skip


def actions(result: Result, child: Child, seconds: float) -> None:
    """Changes by hand, one after another on one connection."""
    done, until = 0, time.monotonic() + seconds
    with httpx.Client(base_url=child.url) as http:
        while time.monotonic() < until:
            for action in ("pause", "resume"):
                http.post(
                    f"rollouts/support-2/{action}", json={"actor": "bench", "reason": "measured"}
                ).raise_for_status()
                done += 1
    result.add(
        Figure("control_actions_per_second", done / seconds, "1/s", done / seconds, None, None, "higher",
               "pause and resume by turns over HTTP, each written to the rollout file before it is answered")
    )  # fmt: skip


def _add(result: Result, name: str, value: float, unit: str, bar: float, note: str) -> None:
    result.add(Figure(name, value, unit, value, None, bar, "lower", note))


def main() -> None:
    given = arguments(__doc__ or "")
    result = Result("control", given.quick, given.seed)
    with tempfile.TemporaryDirectory() as folder, control(folder) as child:
        if seen.chromium() is None:
            for name in ("dashboard_first_paint_ms", "live_update_ms", "page_weight_kb", "axe_violations"):
                result.miss(name, "no Chromium on this machine")
        else:
            look(result, child, 3 if given.quick else 15)
        crowd(result, child, 3 if given.quick else 10)
        actions(result, child, 2.0 if given.quick else 5.0)
    finish(result, as_json=given.json)


if __name__ == "__main__":
    main()
