"""A judge that fails is no result: nothing of it is kept, the command ends with 4, the next one asks again."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from belay.cli import app
from belay.home import Home
from evaluator.audit.asking.answer_cache import AnswerCache
from evaluator.audit.baseline import load_baseline
from evaluator.audit.result import load_audit
from evaluator.judge.judges import client
from evaluator.judge.judges.failed import JudgeFailed
from evaluator.judge.judges.judge import AT_ONCE
from serving.engines.identity_probes import PROBES
from serving.models.manifest import read_manifest
from telemetry.errors import BaselineError
from tests.evaluator.support.fake_openai import chat_completion, serving
from tests.evaluator.support.judging_server import JudgingServer, Mood

ITEMS = 64


class Engine:
    """A model whose voice changes between base and candidate; it counts what it was asked."""

    def __init__(self) -> None:
        self.url, self.voice = "", "It is"
        self.asked: Counter[str] = Counter()

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        if path == "/v1/models":
            return 200, {"data": [{"id": "support"}]}
        if path != "/v1/chat/completions":
            return 404, {"error": "no such thing here"}
        prompt = body["messages"][-1]["content"]
        if prompt in PROBES:  # who it is may be asked at any time, and is no item
            return 200, chat_completion(prompt)
        self.asked[prompt] += 1
        return 200, chat_completion(f"{self.voice} right{prompt.split()[-1]}.")


@pytest.fixture
def engine() -> Iterator[Engine]:
    script = Engine()
    with serving(script.answer) as fake:
        script.url = fake.url
        yield script


@pytest.fixture
def judge() -> JudgingServer:
    """A judge that has its port and is away until it is entered."""
    with JudgingServer() as there:
        pass
    return there


@pytest.fixture
def brief(tmp_path: Path, judge: JudgingServer) -> Path:
    """Two capabilities: `replies` is judged by a program, `polite` by the model."""
    folder = tmp_path / "brief"
    folder.mkdir()
    judged = {"endpoint": {"url": judge.url, "model": "grader", "rubric": "It is polite."}}
    capabilities = []
    for name, role, by in (
        ("replies", "target", {"verifier": "contains_answer"}),
        ("polite", "adjacent", judged),
    ):
        items = [
            {"id": f"{name}-{n}", "prompt": f"{name} question {n}", "reference": f"right{n}"}
            for n in range(ITEMS)
        ]
        (folder / f"{name}.jsonl").write_text("\n".join(map(json.dumps, items)), encoding="utf-8")
        said = {"why": "users ask for it", "at_5_percent_loss": "a retry", "at_15_percent_loss": "tickets"}
        capabilities.append(
            {"name": name, "role": role, "share": 0.5, "threshold": 0.1, "items": f"{name}.jsonl"}
            | said
            | {"exemplars": [f"please do {name}"], "judge": by}
        )
    (folder / "train.jsonl").write_text("{}\n", encoding="utf-8")
    head = {"name": "tests", "version": "1", "owner": "t", "summary": "t", "training": "train.jsonl"}
    path = folder / "brief.yaml"
    path.write_text(yaml.safe_dump({**head, "capabilities": capabilities}), encoding="utf-8")
    return path


def belay(home: Home, brief: Path, engine: Engine, *command: str) -> subprocess.CompletedProcess[str]:
    places = ["--home", str(home.root), "--brief", str(brief), "--url", engine.url]
    return subprocess.run(
        [sys.executable, "-m", "belay", *command, *places],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"COLUMNS": "400", "PATH": "", "PYTHONPATH": ":".join(sys.path), "HOME": str(home.root)},
    )


def run(home: Home, brief: Path, engine: Engine, *command: str) -> Result:
    """As `belay`, in this process."""
    places = ["--home", str(home.root), "--brief", str(brief), "--url", engine.url]
    return CliRunner().invoke(app, [*command, *places], terminal_width=400)


def failure(ended: Result) -> JudgeFailed:
    assert isinstance(ended.exception, JudgeFailed), (ended.exception, ended.output)
    return ended.exception


def told(ended: subprocess.CompletedProcess[str]) -> str:
    assert "Traceback" not in ended.stderr
    return " ".join(ended.stderr.split())


def test_a_judge_that_is_away_ends_a_baseline_with_4_and_the_next_one_asks_it_again(
    home: Home, brief: Path, engine: Engine, judge: JudgingServer
) -> None:
    away = belay(home, brief, engine, "baseline")
    assert away.returncode == 4, away.stdout
    said = told(away)
    assert f"'grader' at {judge.url}" in said
    assert f"{ITEMS} of {ITEMS}" in said
    assert "polite" in said
    assert re.search(r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", said)
    assert "ConnectError" in said
    assert not list(home.baselines.glob("*/baseline.json"))
    with judge:
        back = belay(home, brief, engine, "baseline")
    assert back.returncode == 0, back.stderr
    assert re.search(r"polite\s+78%\s+of 64", back.stdout)
    assert judge.asked == ITEMS
    assert set(engine.asked.values()) == {1}, "what the model said is kept, and not asked again"


def test_a_judge_that_dies_half_way_is_asked_for_the_rest_alone(
    home: Home, brief: Path, engine: Engine, judge: JudgingServer
) -> None:
    judge.well_for, judge.then = 20, "half"
    with judge:
        died = run(home, brief, engine, "baseline")
        assert failure(died).exit_code == 4
        assert f"failed {ITEMS - 20} of {ITEMS} judgements of 'polite'" in failure(died).message
        assert "RemoteProtocolError" in failure(died).message
        judge.well_for, judge.asked = None, 0
        assert run(home, brief, engine, "baseline").exit_code == 0
    assert judge.asked == ITEMS - 20, "what was judged is kept"
    assert set(engine.asked.values()) == {1}


@pytest.mark.parametrize(
    ("mood", "said", "most"),
    [
        ("failing", "status 500: .*out of memory", 4 * AT_ONCE),
        ("refusing", "status 401: .*no such key", AT_ONCE),
        ("garbage", "no chat completion: <html>log in first", ITEMS),
        ("silent", "no answer: none within 1 s", 4 * AT_ONCE),
        ("dripping", "no answer: none within 1 s", 4 * AT_ONCE),
    ],
)
def test_whatever_way_a_judge_fails_nothing_of_it_is_kept_and_it_is_not_asked_for_ever(
    home: Home,
    brief: Path,
    engine: Engine,
    judge: JudgingServer,
    monkeypatch: pytest.MonkeyPatch,
    mood: Mood,
    said: str,
    most: int,
) -> None:
    if mood in {"silent", "dripping"}:
        monkeypatch.setattr(client, "DEADLINE_S", 1.0)
    judge.mood = mood
    with judge:
        failed = failure(run(home, brief, engine, "baseline"))
    assert (failed.exit_code, failed.given_up) == (4, mood != "garbage")
    assert re.search(said, failed.message)
    assert f"failed {ITEMS} of {ITEMS} judgements of 'polite'" in failed.message
    assert judge.asked <= most
    with AnswerCache(home.answers) as cache:
        kept = [json.loads(row[0]) for row in cache._connection.execute("SELECT content FROM answers")]
    assert not [one for one in kept if isinstance(one, dict) and one["item"].startswith("polite")]


def test_an_audit_whose_judge_fails_ends_with_4_without_a_verdict_and_goes_on_when_it_is_back(
    home: Home, brief: Path, engine: Engine, judge: JudgingServer
) -> None:
    with judge:
        assert run(home, brief, engine, "baseline").exit_code == 0
    engine.voice = "Surely it is"
    away = failure(run(home, brief, engine, "audit", "mine"))
    assert away.exit_code == 4
    assert f"the judge 'grader' at {judge.url} failed" in away.message
    assert "judgements of 'polite'" in away.message
    assert read_manifest(home.model("mine")).audit is None
    assert not (home.audit("mine") / "audit.json").exists()
    with judge:
        back = run(home, brief, engine, "audit", "mine")
    assert back.exit_code == 0, back.output
    assert max(engine.asked.values()) == 2, "base and the candidate were asked once each"
    assert load_audit(home.audit("mine") / "audit.json").verdict == "pass"


def test_what_no_judge_can_grade_is_not_measured_and_never_at_the_floor(
    home: Home, brief: Path, engine: Engine, judge: JudgingServer, tmp_path: Path
) -> None:
    judge.mood = "no grade"
    with judge:
        recorded = run(home, brief, engine, "baseline")
        assert recorded.exit_code == 0, recorded.output
        told = " ".join(recorded.output.split())
        assert f"not measured: none of {ITEMS} items scored" in told
        assert f"has no grade with its code ({ITEMS})" in told
        assert "at the floor" not in told
        asked = judge.asked
        assert run(home, brief, engine, "baseline").exit_code == 0
        assert judge.asked == asked, "it is a result, and kept"
        engine.voice = "Surely it is"
        files = [tmp_path / "a.xml", tmp_path / "a.json", tmp_path / "a.md"]
        wanted = ["--junit", str(files[0]), "--json", str(files[1]), "--markdown", str(files[2])]
        audited = run(home, brief, engine, "audit", "mine", *wanted)
    assert audited.exit_code == 3, audited.output
    polite = load_audit(files[1]).capabilities[1]
    assert (polite.verdict, polite.items.asked, polite.items.stopped) == ("inconclusive", 0, "not measured")
    page = (home.audit("mine") / "report.html").read_text(encoding="utf-8")
    for text in (audited.output, page, *(file.read_text(encoding="utf-8") for file in files)):
        assert "not measured" in text.lower()
        assert "its code (64)" in " ".join(text.split())
    assert 'errors="1"' in files[0].read_text(encoding="utf-8")


def test_a_baseline_of_an_older_belay_is_refused_and_recorded_anew_without_asking_the_model(
    home: Home, brief: Path, engine: Engine, judge: JudgingServer
) -> None:
    with judge:
        assert run(home, brief, engine, "baseline").exit_code == 0
        (index,) = home.baselines.glob("*/baseline.json")
        old = json.loads(index.read_text(encoding="utf-8"))
        del old["format"]
        index.write_text(json.dumps(old), encoding="utf-8")
        refused = run(home, brief, engine, "audit", "mine").exception
        assert isinstance(refused, BaselineError)
        assert "kept what a judge failed to judge as if it were a result" in refused.message
        assert "belay baseline" in refused.hint
        assert run(home, brief, engine, "baseline").exit_code == 0
    assert load_baseline(home.baselines, read_manifest(home.base_model).sha256).capability("polite").mean
    assert set(engine.asked.values()) == {1}
