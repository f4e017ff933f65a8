"""A log is read line by line or as one document; what cannot be read is counted and told with its line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evaluator.map.discovering.gathering import Gathered, gather
from evaluator.map.discovering.log_files import EXPECTED, log_exchanges
from telemetry.errors import UsageError

LINE = json.dumps({"messages": [{"role": "user", "content": "hello"}]})


def read(path: Path, sample: int = 100) -> Gathered:
    return gather(log_exchanges(path), str(path), EXPECTED, sample)


def log(folder: Path, *lines: str | bytes) -> Path:
    file = folder / "log.jsonl"
    file.write_bytes(b"\n".join(line.encode() if isinstance(line, str) else line for line in lines))
    return file


def test_broken_lines_are_counted_and_told_with_their_numbers(tmp_path: Path) -> None:
    found = read(
        log(tmp_path, LINE, '{"messages": [', "", b'{"messages": "\xff\xfe"}', '{"foo": 1}', LINE, "[1]")
    )
    assert found.exchanges == 2
    assert found.broken == 4
    assert found.first_broken[0].startswith("line 2: not valid JSON")
    assert found.first_broken[1:] == [
        "line 4: not UTF-8: invalid start byte at byte 14",
        "line 5: no known record: its keys are foo",
        "line 7: no known record: list",
    ]


def test_a_first_line_that_is_broken_makes_no_document(tmp_path: Path) -> None:
    found = read(log(tmp_path, '{"messages": [{"role": "user", "cont', LINE))
    assert (found.exchanges, found.broken) == (1, 1)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("wrap", ["list", "data", "traces"])
def test_a_document_holds_records_however_it_is_laid_out(
    tmp_path: Path, wrap: str, indent: int | None
) -> None:
    records = [json.loads(LINE)] * 3
    value = records if wrap == "list" else {wrap: records, "meta": {"page": 1}}
    text = json.dumps(value, indent=indent)
    if wrap != "list" and indent is None:
        # On one line it is a line of JSON lines, whose keys are those of no record.
        with pytest.raises(UsageError, match="its keys are"):
            read(log(tmp_path, text))
        return
    assert read(log(tmp_path, text)).exchanges == 3


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    assert read(log(tmp_path, b"\xef\xbb\xbf" + LINE.encode(), LINE)).exchanges == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n \n", "it holds no record"),
        (
            b"not json\nat all\n",
            r"(?s)no prompt in 2 records.*line 1: not valid JSON.*line 2: not valid JSON",
        ),
        ('{"messages": []}'.encode("utf-16"), "line 1: not UTF-8"),
        (b"[1, 2", "is no valid JSON document"),
        (b"prompt,answer\nx,y\n", "line 1: not valid JSON"),
        (b'{"messages": []}\n', "1 no user's message"),
    ],
)
def test_a_file_without_any_prompt_is_a_usage_error(tmp_path: Path, content: bytes, said: str) -> None:
    with pytest.raises(UsageError, match=said) as caught:
        read(log(tmp_path, content))
    assert "LiteLLM" in caught.value.hint


def test_no_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no file"):
        read(tmp_path / "nothing.jsonl")


def test_a_sample_is_bounded_drawn_from_all_and_the_same_again(tmp_path: Path) -> None:
    lines = [json.dumps({"messages": [{"role": "user", "content": str(n)}]}) for n in range(5_000)]
    found = read(log(tmp_path, *lines), sample=200)
    kept = [int(one.exchange.prompt) for one in found.asked]
    assert (found.exchanges, len(kept), len(set(kept))) == (5_000, 200, 200)
    assert 2_000 < sum(kept) / 200 < 3_000
    assert kept == [int(one.exchange.prompt) for one in read(tmp_path / "log.jsonl", sample=200).asked]


def test_what_identifies_somebody_is_redacted_everywhere(tmp_path: Path) -> None:
    key = "sk-" + "a1" * 20
    messages = [
        {"role": "system", "content": f"key {key}"},
        {"role": "user", "content": f"I am jo@example.com, {key}"},
        {"role": "assistant", "content": "Hello jo@example.com"},
    ]
    (one,) = read(log(tmp_path, json.dumps({"messages": messages}))).asked
    said = f"{one.exchange.prompt} {one.exchange.answer} {one.exchange.system}"
    assert one.touched
    assert key not in said
    assert "jo@" not in said
    assert one.exchange.prompt == "I am [email], [secret]"
