"""The journey of a new user with an own base and own traffic: how many commands, files and minutes, and what failed.

    python bench/journey.py            # the whole journey, repair included
    python bench/journey.py --quick    # fewer queries and training steps, without the repair
    python bench/journey.py --json     # one JSON object on standard output
    python bench/journey.py --keep DIR # leave the user's folder there, with what every command said

Every step is a command of the docs, run in an empty folder; the one settings file is belay.yaml. Between them the user
reviews the drafted brief and edits belay.yaml, as the docs say. There is no peer.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import yaml
from _journey.own import make_base, review, write_log
from _journey.walk import Journey
from _shape import Figure, Result, arguments, finish, say

from serving.models.base_model import prepare_base_model

BRIEF = Path(__file__).parents[1] / "examples" / "support" / "brief.yaml"
ROUTE = "mine"
AT_ONCE = 12
VERDICTS = (0, 1, 3)
"""An audit's verdict is a result, whichever it is."""


def walk(folder: Path, journey: Journey, *, quick: bool, seed: int) -> None:
    """From nothing to a rollback, and to a repair in the whole run."""
    make_base(prepare_base_model(folder / "shipped"), folder / "Own-Mistral")
    prompts = write_log(BRIEF, folder / "log.jsonl", 400 if quick else 1200, seed)
    journey.run("adopt", "Own-Mistral", "--name", "own")
    journey.run("brief", "new", "brief/brief.yaml", "--from-traffic", "log.jsonl")
    review(folder / "brief" / "brief.yaml", BRIEF.parent / "train.jsonl")
    journey.run("init", "--yes", "--route", ROUTE, "--base", "own", "--brief", "brief/brief.yaml")
    _naive_training(folder / "belay.yaml", steps=8 if quick else 30)
    journey.run("baseline")
    journey.run("train", "own-2", fine=VERDICTS)
    override = ("--override-by", "a user", "--override-reason", "to see the watch at work")
    running = journey.start(
        "up", "--start", "--candidate", "own-2", *override, ready=lambda said: "has begun" in said
    )
    try:
        rollout = _send(folder, prompts, quick=quick)
        journey.run("rollout", "rollback", rollout, "--by", "a user", "--reason", "enough", fine=(0, 2))
        if not quick:
            journey.run("repair", rollout)
    finally:
        say(f"up ended with status {running.end()}")


def _naive_training(project: Path, steps: int) -> None:
    """What a user edits in the one file: a short training without rehearsal, a first stage of a half, no redaction."""
    said = yaml.safe_load(project.read_text())
    said |= {
        "training": {"steps": steps, "threads": 1},
        "stages": "50%:2000",
        "shadow": 0.2,
        "privacy": "full",
    }
    project.write_text(yaml.safe_dump(said, sort_keys=False))


def _send(folder: Path, prompts: list[str], *, quick: bool) -> str:
    """The log's prompts again, through the router, until a rollback or the end; the rollout's id."""
    ports = yaml.safe_load((folder / "belay.yaml").read_text())["ports"]
    url, own = (f"http://127.0.0.1:{ports[name]}" for name in ("router", "status"))
    deadline = time.monotonic() + (120 if quick else 900)
    with httpx.Client(base_url=url, timeout=120) as http, ThreadPoolExecutor(AT_ONCE) as users:

        def ask(number: int, prompt: str) -> None:
            body = {"model": ROUTE, "messages": [{"role": "user", "content": prompt}], "max_tokens": 64}
            http.post("/v1/chat/completions", json=body, headers={"x-session-id": f"s{number}"})

        for first in range(0, len(prompts), AT_ONCE):
            last = min(first + AT_ONCE, len(prompts))
            list(users.map(ask, range(first, last), prompts[first:last]))
            status = http.get(f"{own}/belay/status").json()
            if status["rollout"] == "rolled_back" or time.monotonic() > deadline:
                break
        say(f"after {last} queries the rollout is {status['rollout']}")
        return str(status["rollout_id"])


def figures(result: Result, journey: Journey, minutes: float) -> None:
    """What the journey took."""
    files = sorted(path.name for path in journey.folder.glob("*.yaml"))
    failed = [step.command for step in journey.steps if step.failed]
    told = "; ".join(f"{step.command} ({step.seconds:.0f} s)" for step in journey.steps)
    result.add(Figure("commands", len(journey.steps), "commands", None, None, 8, "lower", told))
    result.add(Figure("settings_files", len(files), "files", None, None, 1, "lower", ", ".join(files)))
    result.add(
        Figure("minutes", minutes, "minutes", None, None, None, "lower", "all commands and the traffic")
    )
    result.add(
        Figure("failed_steps", len(failed), "steps", None, None, 0, "lower", "; ".join(failed) or "none")
    )


def _more(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--keep", type=Path, help="leave the user's folder there")


def main() -> None:
    """Walk and tell."""
    asked = arguments(__doc__.splitlines()[0], more=_more)
    result = Result("journey", quick=asked.quick, seed=asked.seed)
    with ExitStack() as parts:
        folder = asked.keep or Path(parts.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        journey, began = Journey(folder), time.monotonic()
        walk(folder, journey, quick=asked.quick, seed=asked.seed)
        figures(result, journey, (time.monotonic() - began) / 60)
        (folder / "journey.json").write_text(json.dumps(result.to_dict(), indent=2))
    finish(result, as_json=asked.json)


if __name__ == "__main__":
    main()
