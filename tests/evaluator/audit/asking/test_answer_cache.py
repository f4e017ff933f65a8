"""The answer cache: what is in it is what was written, and nothing that happens to it stops an audit."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from evaluator.audit.asking.answer_cache import AnswerCache, key_of
from evaluator.audit.asking.answering import CachedModel, Conditions
from evaluator.audit.measures.measure import ServedModel
from tests.evaluator.support.measures import Arm, Scripted

WRITER = """
import sys
from pathlib import Path
from evaluator.audit.asking.answer_cache import AnswerCache
cache = AnswerCache(Path(sys.argv[1]))
for n in range(100_000):
    cache.put({f"key {n}": {"n": n}})
    print(n, flush=True)
"""


def test_what_was_put_is_found_and_survives_the_process(tmp_path: Path) -> None:
    with AnswerCache(tmp_path / "new" / "answers.sqlite") as cache:
        cache.put({"a": {"text": "café ✓", "n": 1.5}, "b": [None, True]})
    with AnswerCache(tmp_path / "new" / "answers.sqlite") as cache:
        assert cache.get(["a", "b", "c"]) == {"a": {"text": "café ✓", "n": 1.5}, "b": [None, True]}
        assert cache.damaged == 0


def test_many_keys_are_looked_up_at_once(tmp_path: Path) -> None:
    with AnswerCache(tmp_path / "answers.sqlite") as cache:
        cache.put({str(n): n for n in range(2500)})
        assert cache.get([str(n) for n in range(3000)]) == {str(n): n for n in range(2500)}


def test_a_damaged_entry_is_no_answer_and_is_counted(tmp_path: Path) -> None:
    file = tmp_path / "answers.sqlite"
    with AnswerCache(file) as cache:
        cache.put({"a": {"value": 1.0}, "b": {"value": 1.0}})
    with sqlite3.connect(file) as raw:
        raw.execute("UPDATE answers SET content = replace(content, '1.0', '0.0') WHERE key = 'a'")
    raw.close()
    with AnswerCache(file) as cache:
        assert cache.get(["a", "b"]) == {"b": {"value": 1.0}}
        assert cache.damaged == 1


def test_a_damaged_entry_is_asked_again_and_then_whole(tmp_path: Path) -> None:
    file, measure = tmp_path / "answers.sqlite", _Counted("a", 3)
    model = ServedModel("http://nowhere", "m", "m", Path("nowhere"), lambda _turns, _tokens: [])
    conditions = Conditions(model_sha256="m", engine_version="1")
    with AnswerCache(file) as cache:
        first = CachedModel(model, conditions, cache)
        answers = first.answers(measure, ["a-0", "a-1", "a-2"])
    with sqlite3.connect(file) as raw:
        raw.execute("UPDATE answers SET content = content || ' ' WHERE rowid = 2")
    raw.close()
    with AnswerCache(file) as cache:
        again = CachedModel(model, conditions, cache)
        assert again.answers(measure, ["a-0", "a-1", "a-2"]) == answers
        assert (again.asked, again.reused, cache.damaged) == (1, 2, 1)
        assert CachedModel(model, conditions, cache).answers(measure, ["a-1"]) == answers[1:2]


def test_a_file_that_is_no_database_is_put_aside(tmp_path: Path) -> None:
    file = tmp_path / "answers.sqlite"
    file.write_bytes(b"not a database at all" * 100)
    with AnswerCache(file) as cache:
        assert cache.damaged == 1
        cache.put({"a": 1})
        assert cache.get(["a"]) == {"a": 1}
    assert (tmp_path / "answers.sqlite.damaged").read_bytes().startswith(b"not a database")


def test_pages_overwritten_in_the_middle_lose_answers_not_the_audit(tmp_path: Path) -> None:
    file = tmp_path / "answers.sqlite"
    with AnswerCache(file) as cache:
        cache.put({str(n): {"text": "x" * 500, "n": n} for n in range(500)})
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 3 : len(raw) // 3 + 20_000] = os.urandom(20_000)
    file.write_bytes(raw)
    with AnswerCache(file) as cache:
        found = cache.get([str(n) for n in range(500)])
        assert all(value == {"text": "x" * 500, "n": int(key)} for key, value in found.items())
        assert len(found) < 500
        cache.put({"new": 1})
        assert cache.get(["new"]) == {"new": 1}


def test_a_writer_that_is_killed_loses_at_most_what_it_was_writing(tmp_path: Path) -> None:
    file = tmp_path / "answers.sqlite"
    writer = subprocess.Popen([sys.executable, "-c", WRITER, str(file)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    said = [writer.stdout.readline() for _ in range(200)]
    time.sleep(0.01)
    writer.send_signal(signal.SIGKILL)
    said += writer.stdout.read().splitlines(keepends=True)
    writer.wait()
    writer.stdout.close()
    acknowledged = [int(line) for line in said if line.endswith("\n")]
    with AnswerCache(file) as cache:
        found = cache.get([f"key {n}" for n in acknowledged])
        assert len(found) == len(acknowledged) >= 200
        assert cache.damaged == 0


@given(st.dictionaries(st.sampled_from("abcd"), st.one_of(st.text(), st.integers(), st.none()), min_size=1))
def test_every_part_of_a_key_matters_and_its_order_does_not(parts: dict[str, object]) -> None:
    assert key_of(**parts) == key_of(**dict(reversed(parts.items())))
    for name in parts:
        assert key_of(**{**parts, name: "something else entirely"}) != key_of(**parts)


def test_another_model_engine_version_temperature_or_measure_version_is_asked_anew(tmp_path: Path) -> None:
    model = ServedModel("http://nowhere", "m", "m", Path("nowhere"), lambda _turns, _tokens: [])
    conditions = Conditions(model_sha256="m", engine_version="1")
    with AnswerCache(tmp_path / "answers.sqlite") as cache:
        CachedModel(model, conditions, cache).answers(_Counted("a", 1), ["a-0"])
        for changes in ({"model_sha256": "n"}, {"engine_version": "2"}, {"temperature": 0.7}):
            other = CachedModel(model, conditions.model_copy(update=changes), cache)
            other.answers(_Counted("a", 1), ["a-0"])
            assert (other.asked, other.reused) == (1, 0)
        other = CachedModel(model, conditions, cache)
        other.answers(_Counted("a", 1, version="2"), ["a-0"])
        assert (other.asked, other.reused) == (1, 0)


class _Counted(Scripted):
    """A measure that answers 1.0 to everything."""

    def answer(self, model, ids):  # noqa: ARG002 -- as Measure.answer; the model plays no part
        return Arm(dict.fromkeys(ids, 1.0)).answers(self, ids)
