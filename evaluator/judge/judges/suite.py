"""The judge suite: answers known to be good or bad, which the judge must still tell apart.

One JSON object a line: `{"capability": ..., "prompt": ..., "answer": ..., "good": true | false}`. Where the judge
needs a reference, `prompt` is an item's. A judge that no longer tells good from bad makes every score after it
noise, so the audit runs the suite first and carries its error rates into what it says.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from evaluator.briefs.brief import Brief, LoadedBrief
from evaluator.judge.judges.error import Gold, JudgeError, calibrate
from evaluator.judge.judges.judge import Judge, judge_all
from evaluator.judge.judges.scorer import Judging
from evaluator.verifiers import Judgement
from telemetry.errors import BriefError

GOOD_ABOVE: Final = 0.5
"""An answer with a higher score is judged good. Half credit is for answers with a defect."""
CONFIDENCE: Final = 0.95


class KnownAnswer(BaseModel):
    """One answer of which people know whether it is good."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    capability: str
    prompt: str
    answer: str
    good: bool


@dataclass(frozen=True, slots=True)
class Mistake:
    """A known answer that the judge took for its opposite, or could not judge."""

    known: KnownAnswer
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class JudgeFinding:
    """How well the judge tells one capability's good answers from bad ones.

    `error` has sensitivity and specificity with Clopper-Pearson bounds that hold together with 95%. The judge
    `tells_apart` where J = sensitivity + specificity - 1 is above 0 at its lower bound: it is then better than a
    coin, whatever luck it had on these `n` answers. `unscored` of them it did not judge, which counts as a mistake.
    """

    capability: str
    error: JudgeError
    tells_apart: bool
    n: int
    unscored: int
    mistakes: tuple[Mistake, ...]


def run_judge_suite(loaded: LoadedBrief, judge: Judging) -> dict[str, JudgeFinding]:
    """What the brief's judge suite says of the judge, by capability; empty where the brief names no suite.

    Raises BriefError where the suite's file cannot be used, JudgeFailed where a judge could not be had: that says
    nothing of how well it judges. A capability without known answers has no finding.
    """
    return _findings(loaded, judge, loaded.brief)


def program_findings(loaded: LoadedBrief) -> dict[str, JudgeFinding]:
    """As `run_judge_suite`, of the capabilities alone that a program judges: no endpoint is asked."""
    programs = tuple(c for c in loaded.brief.capabilities if c.judge.verifier is not None)
    brief = loaded.brief.model_copy(update={"capabilities": programs})
    return _findings(loaded, Judge(loaded.model_copy(update={"brief": brief})), brief)


def _findings(loaded: LoadedBrief, judge: Judging, judged: Brief) -> dict[str, JudgeFinding]:
    names = {c.name for c in judged.capabilities}
    suite = load_judge_suite(loaded) if loaded.brief.judge_suite is not None else {}
    return {
        name: finding(name, known, judge_all(judge, name, [(one.prompt, one.answer) for one in known]))
        for name, known in suite.items()
        if name in names
    }


def finding(capability: str, known: Sequence[KnownAnswer], judgements: Sequence[Judgement]) -> JudgeFinding:
    """The finding of one capability from its known answers and what the judge said of them, in the same order."""
    pairs = list(zip(known, judgements, strict=True))
    gold = [Gold(one.good, judged_good=_taken_for_good(one, said)) for one, said in pairs]
    error = calibrate(gold, CONFIDENCE, same_for_both_arms=True)
    return JudgeFinding(
        capability=capability,
        error=error,
        tells_apart=error.power.low > 0.0,
        n=len(known),
        unscored=sum(said.value is None for _, said in pairs),
        mistakes=tuple(
            Mistake(one, said) for (one, said), g in zip(pairs, gold, strict=True) if g.good != g.judged_good
        ),
    )


def load_judge_suite(loaded: LoadedBrief) -> dict[str, tuple[KnownAnswer, ...]]:
    """The known answers by capability, in the brief's order. Raises BriefError that names file and line."""
    file = loaded.folder / str(loaded.brief.judge_suite)
    if not file.is_file():
        raise BriefError(f"the brief's judge suite {file} does not exist")
    found: dict[str, list[KnownAnswer]] = {c.name: [] for c in loaded.brief.capabilities}
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        known = _read(line, f"{file}, line {number}")
        if known.capability not in found:
            raise BriefError(
                f"{file}, line {number}: the brief names no capability {known.capability!r}",
                hint=f"It has {', '.join(found)}.",
            )
        found[known.capability].append(known)
    for name, group in found.items():
        if group and len({one.good for one in group}) == 1:
            kind, other = ("good", "bad") if group[0].good else ("bad", "good")
            raise BriefError(
                f"{file}: capability {name!r} has {len(group)} {kind} answers and no {other} one",
                hint="A judge is measured on both; add some of the other kind.",
            )
    return {name: tuple(group) for name, group in found.items() if group}


def _read(line: str, where: str) -> KnownAnswer:
    try:
        return KnownAnswer.model_validate(json.loads(line))
    except json.JSONDecodeError as error:
        raise BriefError(f"{where}: not valid JSON: {error}") from error
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'line'}: {e['msg']}" for e in error.errors())
        raise BriefError(
            f"{where}: not a known answer: {wrong}",
            hint='Expected {"capability": ..., "prompt": ..., "answer": ..., "good": true or false}.',
        ) from error


def _taken_for_good(known: KnownAnswer, said: Judgement) -> bool:
    """Whether the judge took it for good; an answer that it could not judge counts as mistaken."""
    return not known.good if said.value is None else said.value > GOOD_ABOVE
