"""`belay audit` and what belongs to it, over HTTP against an engine that is a script."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from rich.console import Console
from typer.testing import CliRunner, Result

from belay.cli import app
from belay.home import Home
from belay.steps import baseline as recording
from belay.steps import override as overriding
from belay.steps.asking import Asking, ModelAt
from evaluator.audit.result import load_audit
from evaluator.briefs.brief import load_brief
from serving.engines.address import ModelAddress
from serving.engines.identity_probes import PROBES, save_identity, take_identity
from serving.models.manifest import MANIFEST, EngineOfOthers, read_manifest, write_manifest
from serving.models.store import StoredModel
from telemetry.errors import BaselineError, EngineFailed, UsageError

ITEMS = 80
QUIET = Console(quiet=True)


@dataclass
class Engine:
    """An engine whose model answers `right` of the prompts as it should; it counts what it was asked."""

    right: float = 1.0
    voice: str = "It is "
    slow_s: float = 0.0
    lives: int = 1_000_000
    asked: Counter[str] = field(default_factory=Counter)
    url: str = ""

    def answer(self, prompt: str) -> str:
        number = int(prompt.rsplit(maxsplit=1)[-1])
        return (
            f"{self.voice}right{number}"
            if (number * 7919) % ITEMS < self.right * ITEMS
            else f"{self.right} unknown"
        )


@pytest.fixture
def engine() -> Iterator[Engine]:
    script = Engine()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True  # head and body are two writes, between which it waits 40 ms

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            if self.path != "/v1/chat/completions":
                self.reply(404, {"error": "no such thing here"})
                return
            prompt = body["messages"][-1]["content"]
            if prompt in PROBES:  # who it is may be asked at any time, and is no item
                self.reply(200, {"choices": [{"message": {"content": prompt}, "finish_reason": "stop"}]})
                return
            script.lives -= 1
            if script.lives < 0:
                self.reply(400, {"error": "the engine has enough"})
                return
            script.asked[prompt] += 1
            time.sleep(script.slow_s)
            choice = {"message": {"content": script.answer(prompt)}, "finish_reason": "stop"}
            self.reply(200, {"choices": [choice], "usage": {"completion_tokens": 3}})

        def do_GET(self) -> None:
            self.reply(200, {"data": [{"id": "support"}]})

        def reply(self, status: int, said: dict[str, Any]) -> None:
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        request_queue_size = (
            256  # of the default, 5, most of sixty-four connections would wait for a second try
        )

        def handle_error(self, *_: object) -> None:
            return  # a client that was killed resets its connections

    server = Server(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_port}"
    yield script
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def brief_file(tmp_path: Path) -> Path:
    folder = tmp_path / "brief"
    folder.mkdir()
    capabilities = []
    for name, role in (("replies", "target"), ("facts", "adjacent")):
        lines = [
            json.dumps({"id": f"{name}-{n}", "prompt": f"{name} question {n}", "reference": f"right{n}"})
            for n in range(ITEMS)
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(lines), encoding="utf-8")
        capabilities.append(
            {
                "name": name,
                "role": role,
                "why": "users ask for it",
                "share": 0.5,
                "at_5_percent_loss": "a retry",
                "at_15_percent_loss": "tickets",
                "threshold": 0.1,
                "items": f"{name}.jsonl",
                "exemplars": [f"please do {name}"],
                "judge": {"verifier": "contains_answer"},
            }
        )
    (folder / "train.jsonl").write_text("{}\n", encoding="utf-8")
    head = {
        "name": "tests",
        "version": "1",
        "owner": "tests",
        "summary": "for tests",
        "training": "train.jsonl",
    }
    path = folder / "brief.yaml"
    path.write_text(yaml.safe_dump({**head, "capabilities": capabilities}), encoding="utf-8")
    return path


def record(home: Home, brief_file: Path, engine: Engine) -> None:
    """Base answers everything right."""
    base = ModelAt(StoredModel.at(home.base_model), ModelAddress(engine.url, "support"))
    recording.record(Asking(home, load_brief(brief_file), QUIET), base)


def audit(home: Home, brief_file: Path, engine: Engine, *more: str) -> Result:
    arguments = ["audit", "mine", "--home", str(home.root), "--brief", str(brief_file), "--url", engine.url]
    return CliRunner().invoke(app, [*arguments, *more])


def test_a_fallen_candidate_ends_with_1_and_every_file_that_ci_wants(
    home: Home, brief_file: Path, engine: Engine, tmp_path: Path
) -> None:
    record(home, brief_file, engine)
    engine.right = 0.4
    files = [tmp_path / "out" / name for name in ("junit.xml", "audit.json", "summary.md")]
    ended = audit(
        home,
        brief_file,
        engine,
        "--junit",
        str(files[0]),
        "--json",
        str(files[1]),
        "--markdown",
        str(files[2]),
    )
    assert ended.exit_code == 1
    assert ET.parse(files[0]).getroot().get("failures") == "2"  # noqa: S314 -- we wrote it
    assert load_audit(files[1]).verdict == "fail"
    assert "**fail**" in files[2].read_text(encoding="utf-8")
    assert (home.audit("mine") / "report.html").is_file()
    bound = read_manifest(home.model("mine")).audit
    assert bound is not None
    assert (bound.verdict, bound.sha256) == ("fail", load_audit(files[1]).sha256)


@pytest.fixture
def of_others(home: Home, brief_file: Path, engine: Engine) -> Home:
    """A home whose base and candidate answer at the engine's URL, with base's baseline."""
    theirs = EngineOfOthers(url=engine.url, model="support")
    base = write_manifest(home.base_model, kind="base", name="base", engine=theirs)
    write_manifest(home.model("mine"), kind="candidate", name="mine", base_sha256=base.sha256, engine=theirs)
    for folder in (home.base_model, home.model("mine")):
        save_identity(folder, take_identity(ModelAddress.of(theirs)))
    record(home, brief_file, engine)
    return home


def test_a_base_that_others_run_is_served_and_so_its_template_is_looked_at(
    of_others: Home, brief_file: Path
) -> None:
    order = ["audit", "mine", "--home", str(of_others.root), "--brief", str(brief_file)]
    said = " ".join(CliRunner().invoke(app, order).output.split())
    assert "base's chat template: not checked (what is known of 'support' has no tokenizer" in said


def test_a_base_of_others_that_is_away_is_audited_against_by_its_baseline(
    of_others: Home, brief_file: Path, engine: Engine
) -> None:
    manifest = read_manifest(of_others.base_model)
    away = manifest.model_copy(update={"engine": EngineOfOthers(url="http://127.0.0.1:1", model="support")})
    (of_others.base_model / MANIFEST).write_text(away.model_dump_json(), encoding="utf-8")
    engine.voice = "Surely it is "
    ended = CliRunner().invoke(
        app, ["audit", "mine", "--home", str(of_others.root), "--brief", str(brief_file)]
    )
    said = " ".join(ended.output.split())
    assert "base is probed by what its baseline kept of it: no engine answers at http://127.0.0.1:1/" in said
    assert ended.exit_code == 0, ended.output


def test_a_candidate_that_passes_is_approved_by_name(home: Home, brief_file: Path, engine: Engine) -> None:
    record(home, brief_file, engine)
    engine.voice = "Surely it is "
    ended = audit(home, brief_file, engine, "--approve-by", "A. Person")
    assert ended.exit_code == 0, ended.output
    bound = read_manifest(home.model("mine")).audit
    assert bound is not None
    assert (bound.verdict, bound.approved_by, bound.override_by) == ("pass", "A. Person", None)
    refused = CliRunner().invoke(
        app, ["override", "mine", "--by", "A. Person", "--reason", "to be sure", "--home", str(home.root)]
    )
    assert isinstance(refused.exception, UsageError)
    assert "nothing to override" in str(refused.exception)


def test_a_candidate_that_fails_is_not_approved_and_can_be_overridden_by_name_and_reason(
    home: Home, brief_file: Path, engine: Engine
) -> None:
    record(home, brief_file, engine)
    engine.right = 0.4
    ended = audit(home, brief_file, engine, "--approve-by", "A. Person")
    assert (ended.exit_code, "Not approved" in ended.output) == (1, True)
    order = ["override", "mine", "--by", "A. Person", "--home", str(home.root), "--reason"]
    assert isinstance(CliRunner().invoke(app, [*order, " "]).exception, UsageError)
    assert CliRunner().invoke(app, [*order, "a drill"]).exit_code == 0
    bound = read_manifest(home.model("mine")).audit
    assert bound is not None
    assert (bound.approved_by, bound.override_by, bound.override_reason) == (None, "A. Person", "a drill")
    kept = json.loads((home.audit("mine") / "override.json").read_text(encoding="utf-8"))
    assert (kept["override_by"], kept["verdict"]) == ("A. Person", "fail")


def test_the_audit_of_another_candidate_cannot_be_overridden_for_this_one(
    home: Home, brief_file: Path, engine: Engine
) -> None:
    record(home, brief_file, engine)
    engine.right = 0.4
    assert audit(home, brief_file, engine).exit_code == 1
    (home.model("mine") / "config.json").write_text("{}", encoding="utf-8")
    base = read_manifest(home.base_model).sha256
    write_manifest(home.model("mine"), kind="candidate", name="mine", base_sha256=base)
    with pytest.raises(UsageError, match="was of a candidate with sha256"):
        overriding.override(home, "mine", "A. Person", "a drill")


def test_an_audit_that_is_repeated_asks_nothing_and_says_the_same(
    home: Home, brief_file: Path, engine: Engine
) -> None:
    record(home, brief_file, engine)
    engine.right = 0.4
    assert audit(home, brief_file, engine).exit_code == 1
    first, asked = load_audit(home.audit("mine") / "audit.json"), engine.asked.total()
    assert audit(home, brief_file, engine).exit_code == 1
    again = load_audit(home.audit("mine") / "audit.json")
    assert engine.asked.total() == asked
    assert again.capabilities == first.capabilities
    assert (again.cost.candidate_asked, again.cost.tokens) == (0, 0)
    assert first.cost.tokens == 3 * first.cost.candidate_asked
    assert audit(home, brief_file, engine, "--no-cache").exit_code == 1
    assert engine.asked.total() == asked + first.cost.candidate_asked


def test_a_changed_brief_refuses_the_baseline_and_recording_it_anew_asks_only_what_changed(
    home: Home, brief_file: Path, engine: Engine
) -> None:
    record(home, brief_file, engine)
    assert engine.asked.total() == 2 * ITEMS
    items = brief_file.parent / "facts.jsonl"
    extra = {"id": "facts-new", "prompt": "facts question 500", "reference": "right500"}
    items.write_text(items.read_text(encoding="utf-8") + "\n" + json.dumps(extra), encoding="utf-8")
    refused = audit(home, brief_file, engine)
    assert isinstance(refused.exception, BaselineError)
    assert "version of facts/items" in str(refused.exception)
    assert "version of replies/items" not in str(refused.exception)
    record(home, brief_file, engine)
    assert engine.asked.total() == 2 * ITEMS + 1


def test_an_engine_that_fails_is_a_clear_error_and_costs_no_answer(
    home: Home, brief_file: Path, engine: Engine
) -> None:
    record(home, brief_file, engine)
    before = engine.asked.total()
    engine.voice, engine.lives = "Surely it is ", 30
    failed = audit(home, brief_file, engine)
    assert isinstance(failed.exception, EngineFailed)
    assert "the engine has enough" in failed.exception.message
    assert "goes on where this one ended" in failed.exception.hint
    engine.lives = 10_000
    assert audit(home, brief_file, engine).exit_code == 0
    met = sum(m.asked for m in load_audit(home.audit("mine") / "audit.json").measures)
    assert engine.asked.total() - before == met, "each item was answered once, over both runs"


def test_an_audit_that_is_killed_loses_at_most_what_was_in_flight(
    home: Home, brief_file: Path, engine: Engine
) -> None:
    record(home, brief_file, engine)
    base_asked = Counter(engine.asked)
    engine.voice, engine.slow_s = "Surely it is ", 0.05
    command = ["audit", "mine", "--home", str(home.root), "--brief", str(brief_file), "--url", engine.url]
    process = subprocess.Popen(
        [sys.executable, "-m", "belay", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while (engine.asked - base_asked).total() < 60 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    time.sleep(0.2)
    engine.slow_s = 0.0
    assert audit(home, brief_file, engine).exit_code == 0
    asked = engine.asked - base_asked
    twice = [prompt for prompt, count in asked.items() if count > 1]
    assert asked.total() >= 60
    assert len(twice) <= 32, "sixteen of each of two measures are in flight at a time"
