"""`belay brief new --from-traffic` writes a brief that loads out of a log or of a topic, all or nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from belay.cli import app
from belay.launcher.embedded_broker import EmbeddedBroker
from evaluator.briefs.brief import load_brief
from evaluator.briefs.items import normalised_prompt
from telemetry import codec
from telemetry.bus.kafka_bus import BusSettings, KafkaBus
from telemetry.errors import BriefError, UsageError
from tests.conftest import a_free_port
from tests.evaluator.support.interactions import answer, interaction

THINGS = ("rope", "tent", "stove", "lamp", "axe", "mat", "pot", "bag", "sling", "screw")
SUMS = [f"What is {a} + {b}?" for a in range(9) for b in range(9)]
REPLIES = [
    f"Where is the {what} for the {t}\nI sent back?" for t in THINGS for what in ("refund", "invoice", "bill")
]
KEYS = [
    f'Write a JSON object with the keys "name" and "age": the {t} of Anna, {n}'
    for t in THINGS
    for n in (30, 41, 52)
]
KEY = "sk-" + "a1" * 20


def run(*arguments: str) -> Any:
    found = CliRunner().invoke(app, ["brief", *arguments], env={"COLUMNS": "160"})
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found


def logged(folder: Path, prompts: Sequence[str], *more: str) -> Path:
    lines = [
        {
            "messages": [{"role": "user", "content": p}, {"role": "assistant", "content": "It is 7."}],
            "user": f"u{n % 31}",
        }
        for n, p in enumerate(prompts)
    ]
    file = folder / "log.jsonl"
    file.write_text("\n".join([*map(json.dumps, lines), *more]))
    return file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop" / "brief.yaml"


def test_the_brief_loads_and_says_what_people_have_to_review(path: Path, tmp_path: Path) -> None:
    log = logged(tmp_path, [*SUMS, *REPLIES, *KEYS], '{"messages": [', "[]")
    found = run("new", str(path), "--from-traffic", str(log))
    assert found.exit_code == 0
    for said in (
        "141 queries in 143 records",
        "2 records cannot be read; the first: line 142: not valid JSON",
        "57.4%",
    ):
        assert said in found.output
    loaded = load_brief(path)
    judges = {c.judge.verifier for c in loaded.brief.capabilities}
    assert {"number", "json_keys", "contains_answer"} <= judges
    assert loaded.brief.name == "shop"
    for capability in loaded.brief.capabilities:
        asked = loaded.items[capability.name]
        assert not set(capability.exemplars) & {normalised_prompt(item.prompt) for item in asked}
        assert {item.split for item in asked} == {"audit", "tuning"}
    sums = next(c.name for c in loaded.brief.capabilities if c.judge.verifier == "number")
    assert all(item.reference is None and item.proposed == 7 for item in loaded.items[sums])
    checked = run("check", str(path))
    assert checked.exit_code == 0
    for said in (
        "reference that is only proposed",
        "written by a program, to be reviewed",
        "train.jsonl holds no dialogue",
    ):
        assert said in checked.output
    assert sorted(p.name for p in path.parent.iterdir()) == [
        "brief.yaml",
        "exemplars",
        "items",
        "train.jsonl",
    ]


def test_the_same_log_gives_the_same_files(tmp_path: Path) -> None:
    log = logged(tmp_path, [*SUMS, *REPLIES, *KEYS])
    for name in ("one", "two"):
        run("new", str(tmp_path / name / "same" / "brief.yaml"), "--from-traffic", str(log))
    files = [p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*") if p.is_file()]
    assert all((tmp_path / "one" / f).read_bytes() == (tmp_path / "two" / f).read_bytes() for f in files)


def test_no_key_and_no_address_comes_into_any_file(path: Path, tmp_path: Path) -> None:
    prompts = [f"{p} I am jo{n}@example.com, my key is {KEY}" for n, p in enumerate([*SUMS, *REPLIES])]
    found = run("new", str(path), "--from-traffic", str(logged(tmp_path, prompts)))
    written = "".join(p.read_text() for p in path.parent.rglob("*") if p.is_file()) + found.output
    assert KEY not in written
    assert "example.com" not in written
    assert "[email]" in written


def test_odd_characters_keep_every_line_a_line(path: Path, tmp_path: Path) -> None:
    odd = [f"{p}\u2028\u0085 \ud83d\ude00 \x0b end" for p in [*SUMS, *REPLIES]]
    run("new", str(path), "--from-traffic", str(logged(tmp_path, odd)))
    assert any("\u2028" in item.prompt for items in load_brief(path).items.values() for item in items)


def test_one_system_prompt_of_all_requests_becomes_the_briefs(path: Path, tmp_path: Path) -> None:
    lines = [
        json.dumps({"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": p}]})
        for p in [*SUMS, *REPLIES]
    ]
    (tmp_path / "log").write_text("\n".join(lines))
    run("new", str(path), "--from-traffic", str(tmp_path / "log"))
    assert load_brief(path).brief.system_prompt == "Be kind."


def test_nothing_is_overwritten_and_nothing_half_written(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = logged(tmp_path, [*SUMS, *REPLIES])
    path.parent.mkdir()
    (path.parent / "train.jsonl").write_text("mine")
    with pytest.raises(UsageError, match=r"train\.jsonl exists"):
        run("new", str(path), "--from-traffic", str(log))
    (path.parent / "train.jsonl").unlink()

    def refuse(_: Path) -> None:
        raise BriefError("no")

    monkeypatch.setattr("belay.steps.brief_traffic.load_brief", refuse)
    with pytest.raises(BriefError):
        run("new", str(path), "--from-traffic", str(log))
    assert list(path.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from-traffic", "nothing.jsonl"], "there is no file nothing.jsonl"),
        (["--from-traffic", "topic:belay.interactions"], "needs --bootstrap-servers"),
        (["--from-traffic", "log", "--bootstrap-servers", "h:1"], "--bootstrap-servers came with the file"),
        (["--from-traffic", "log", "--from", "answers.yaml"], "--from came with --from-traffic"),
    ],
)
def test_what_does_not_go_together_is_a_usage_error(path: Path, arguments: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        run("new", str(path), *arguments)
    assert not path.exists()


def test_a_topic_on_a_real_broker(path: Path, tmp_path: Path) -> None:
    prompts = [*SUMS, *REPLIES]
    with EmbeddedBroker(a_free_port(), tmp_path / "broker.log") as broker:
        bus = KafkaBus(BusSettings(bootstrap_servers=broker.bootstrap_servers))
        bus.ensure_topics()
        with bus.publisher() as publisher:
            for number, prompt in enumerate(prompts):
                publisher.send(codec.encode(interaction(number, prompt=prompt, given=answer("It is 7."))))
            publisher.send(codec.encode(interaction(999, prompt="a" * 64, text_policy="hashed")))
            publisher.flush()
        source = (
            "--from-traffic",
            "topic:belay.interactions",
            "--bootstrap-servers",
            broker.bootstrap_servers,
        )
        found = run("new", str(path), *source)
    assert f"{len(prompts)} queries in {len(prompts) + 1} records" in found.output
    assert "1 interactions are refused. Hashed text cannot be grouped." in found.output
    assert yaml.safe_load(path.read_text())["summary"].startswith(
        "To be reviewed: made from topic:belay.interactions"
    )
    assert load_brief(path).brief.system_prompt == "Be brief."
