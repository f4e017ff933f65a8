from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from telemetry.errors import UsageError
from telemetry.events import Message
from tests.places import SHARED
from trainer.config import SourceSettings, TrainSettings
from trainer.data.dialogues import Dialogue, data_sha256
from trainer.data.formats import load_source, load_sources

ASKED = [{"role": "user", "content": "hello"}, {"role": "assistant", "content": "fine"}]
FLAN = SHARED / "data" / "flan_cot"


def said(*turns: str) -> Dialogue:
    roles = ("user", "assistant") * len(turns)
    return Dialogue(
        messages=tuple(Message(role=role, content=text) for role, text in zip(roles, turns, strict=False))
    )


def read(path: Path, **changes: Any) -> tuple[Dialogue, ...]:
    return load_source(SourceSettings(path=path, share=0.5, **changes), "name").dialogues


def jsonl(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def table(path: Path, columns: dict[str, list[Any]]) -> Path:
    parquet.write_table(pa.table(columns), path)
    return path


def test_jsonl_holds_dialogues_or_prompts_and_responses(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"messages": ASKED}, {"prompt": "how", "response": "fine", "id": 3})
    assert read(path) == (said("hello", "fine"), said("how", "fine"))


def test_separators_within_a_json_string_end_no_line(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", {"prompt": "one\u2028two\x85", "response": "fine\u2029"})
    assert read(path) == (said("one\u2028two\x85", "fine\u2029"),)


def test_parquet_holds_dialogues(tmp_path: Path) -> None:
    longer = [{"role": "system", "content": "be kind"}, *ASKED]
    path = table(tmp_path / "a.parquet", {"messages": [ASKED, longer], "id": [1, 2]})
    assert [len(dialogue.messages) for dialogue in read(path)] == [2, 3]
    assert read(path)[0] == said("hello", "fine")


def test_parquet_holds_prompts_and_responses(tmp_path: Path) -> None:
    path = table(tmp_path / "a.parquet", {"response": ["fine"], "prompt": ["how"], "topic": ["health"]})
    assert read(path) == (said("how", "fine"),)


def test_fields_that_parquet_filled_with_nulls_are_not_there(tmp_path: Path) -> None:
    turns = [[{**turn, "name": None} for turn in ASKED]]
    assert read(table(tmp_path / "a.parquet", {"messages": turns})) == (said("hello", "fine"),)


def test_of_a_chain_of_thought_the_rationale_is_learnt_and_then_the_answer(tmp_path: Path) -> None:
    path = tmp_path / "a.tsv"
    path.write_text('Which?\\nOptions:\\n- "cake\\n- tea\tcake\tOne eats cake.\\nSo it is cake.\n')
    asked = 'Which?\nOptions:\n- "cake\n- tea'
    assert read(path) == (said(asked, "One eats cake.\nSo it is cake.\nThe answer is cake."),)
    assert read(path, answer_phrase="#### {answer}")[0].messages[1].content.endswith("cake.\n#### cake")


@pytest.mark.skipif(not FLAN.is_dir(), reason=f"FLAN's chain-of-thought files are not at {FLAN}")
def test_flans_own_files_are_read_whole() -> None:
    files = sorted(FLAN.glob("*.tsv"))
    assert len(files) == 6
    for file in files:
        lines = [line.split("\t") for line in file.read_text().split("\n") if line]
        found = read(file)
        assert len(found) == len(lines)
        for dialogue, (question, answer, _) in zip(found, lines, strict=True):
            assert dialogue.messages[0].content.split() == question.replace("\\n", " ").split()
            assert dialogue.messages[1].content.endswith(f"\nThe answer is {answer}.")


def test_a_limit_spreads_over_the_file(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.jsonl", *({"prompt": f"p{n}", "response": "fine"} for n in range(10)))
    assert [dialogue.messages[0].content for dialogue in read(path, limit=3)] == ["p0", "p3", "p6"]
    assert len(read(path, limit=20)) == 10


def test_the_format_is_said_where_the_ending_does_not_tell(tmp_path: Path) -> None:
    path = jsonl(tmp_path / "a.txt", {"prompt": "how", "response": "fine"})
    with pytest.raises(UsageError, match=r"ending '.txt' names no format; known are .jsonl, .parquet, .tsv"):
        read(path)
    assert read(path, format="jsonl") == (said("how", "fine"),)


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("a.jsonl", b'{"prompt": "a", "response": "b"}\n\n{', "line 3: not valid JSON"),
        ("a.jsonl", b"[1]", "line 1: expected an object with `messages`.*found list"),
        ("a.jsonl", b'{"prompt": "a", "answer": "b"}', r"line 1.*found prompt \(str\), answer \(str\)"),
        ("a.jsonl", b'{"prompt": "a", "response": 3}', r"line 1.*response \(int\)"),
        ("a.jsonl", b'{"prompt": "a", "response": " "}', "line 1: response empty"),
        ("a.jsonl", b'{"messages": "hello"}', "line 1: 'messages' is str, expected a list"),
        ("a.jsonl", b'{"messages": [{"role": "user"}]}', "line 1: not a dialogue"),
        ("a.jsonl", b'{"prompt": "\xff"}', "is not UTF-8"),
        ("a.jsonl", b"\n", "has no dialogues"),
        ("a.tsv", b"q\ta\tr\nq\ta\n", "line 2: expected question, answer, rationale.*found 2 fields"),
        ("a.tsv", b"q\t\tr\n", "line 1: answer empty"),
        ("a.parquet", b"PAR1", "is not Parquet"),
    ],
)
def test_a_bad_file_is_told_with_the_place(tmp_path: Path, name: str, content: bytes, why: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=why):
        read(tmp_path / name)


def test_a_bad_row_or_column_of_parquet_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"expected the column `messages`.*found text, label"):
        read(table(tmp_path / "a.parquet", {"text": ["x"], "label": [1]}))
    rows = {"prompt": ["a", "b", "c"], "response": ["x", "y", None]}
    with pytest.raises(UsageError, match=r"row 3.*response \(NoneType\)"):
        read(table(tmp_path / "b.parquet", rows))
    with pytest.raises(UsageError, match="row 1: no assistant turn"):
        read(table(tmp_path / "c.parquet", {"messages": [ASKED[:1]]}))


def settings(tmp_path: Path, **changes: Any) -> TrainSettings:
    data = jsonl(tmp_path / "data.jsonl", {"messages": ASKED})
    return TrainSettings.model_validate(
        {"base": "b", "data": data, "output": "o", "name": "c", "brief": "brief.yaml", **changes}
    )


def test_the_target_keeps_what_the_other_sources_leave_of_a_batch(tmp_path: Path) -> None:
    other = jsonl(tmp_path / "other.jsonl", {"prompt": "how", "response": "fine"})
    (tmp_path / "sub").mkdir()
    same = jsonl(tmp_path / "sub" / "other.jsonl", {"prompt": "where", "response": "here"})
    mix = [{"path": other, "share": 0.2}, {"path": same, "share": 0.1}]
    found = load_sources(settings(tmp_path, mix=mix, rehearsal={"share": 0.6}))
    assert [source.name for source in found] == ["target", "other.jsonl", "other.jsonl (2)"]
    assert [source.share for source in found] == [0.1, 0.2, 0.1]
    assert [source.sha256 for source in found[1:]] == [data_sha256(other), data_sha256(same)]
    assert [source.share for source in load_sources(settings(tmp_path))] == [1.0]


def test_a_source_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no training data at .*gone.tsv"):
        load_sources(settings(tmp_path, mix=[{"path": tmp_path / "gone.tsv", "share": 0.5}]))
