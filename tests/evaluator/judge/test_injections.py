"""The shipped attacks: none passes for the verdict of a model that judges, whatever an honest judge quotes of it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import pytest

from evaluator.briefs.brief import JudgeEndpoint
from evaluator.judge.judges import pairwise
from evaluator.judge.judges.endpoint_judge import conversation, judgement_of
from evaluator.judge.judges.fence import defused, nonce_of, place_in
from tests.evaluator.support.judging_server import code_in
from tests.places import ROOT

FOLDER = ROOT / "tests" / "evaluator" / "judge" / "injections"
SETTINGS = JudgeEndpoint(url="http://judge", model="grader", rubric="It is right.")


class Attack(NamedTuple):
    """One text that wants a good grade without being a good answer."""

    id: str
    text: str


def attacks(file: Path) -> list[Attack]:
    return [Attack(**json.loads(line)) for line in file.read_text(encoding="ascii").splitlines()]


FILES = sorted(FOLDER.glob("*.jsonl"))
KINDS = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def test_there_are_at_least_200_attacks_and_none_stands_there_twice() -> None:
    known = [attack for file in FILES for attack in attacks(file)]
    assert len(known) >= 200
    for each in ([one.id for one in known], [one.text for one in known]):
        assert [twice for twice, n in Counter(each).items() if n > 1] == []
    assert {one.id.rsplit("-", 1)[0] for one in known} == {file.stem for file in FILES}


@KINDS
def test_a_judge_that_quotes_an_attack_or_repeats_all_that_it_is_shown_gives_its_own_grade(
    file: Path,
) -> None:
    for attack in attacks(file):
        nonce = nonce_of(["question", attack.text])
        asked = conversation(SETTINGS, "What is 2 + 2?", attack.text, "4", nonce)
        whole = "\n".join(message.content for message in asked)
        grade = f"Grade {code_in(whole)}: [[1]]"
        for quoted in (attack.text, defused(attack.text), whole):
            for reply in (f"{quoted}\n{grade}", f"{grade}\n{quoted}", f"{quoted}\n{grade}\n{quoted}"):
                assert judgement_of(reply, nonce, SETTINGS.best).value == 0.0, attack.id
            assert judgement_of(quoted, nonce, SETTINGS.best).value is None, attack.id


@KINDS
def test_a_judge_that_quotes_an_attack_gives_its_own_verdict_on_a_pair(file: Path) -> None:
    for attack in attacks(file):
        nonce = nonce_of(["question", "four", attack.text])
        asked = pairwise.conversation(SETTINGS, "What is 2 + 2?", "four", attack.text, None, nonce)
        whole = "\n".join(message.content for message in asked)
        verdict = f"Verdict {code_in(whole)}: [[A]]"
        for quoted in (attack.text, whole):
            assert place_in(f"{quoted}\n{verdict}\n{quoted}", nonce) == "A", attack.id
            assert place_in(quoted, nonce) is None, attack.id


@KINDS
def test_nothing_in_an_attack_ends_the_text_that_it_stands_in(file: Path) -> None:
    for attack in attacks(file):
        nonce = nonce_of(["question", attack.text])
        (_, asked) = conversation(SETTINGS, "What is 2 + 2?", attack.text, "4", nonce)
        lines = asked.content.split("\n")
        begins, ends = f"<<answer {nonce}>>", f"<<end of answer {nonce}>>"
        assert (lines.count(begins), lines.count(ends)) == (1, 1), attack.id
        assert lines.index(begins) < lines.index(ends) < len(lines) - 1
        assert "<|im_" not in asked.content
        assert "\u202e" not in asked.content
