"""MT-Bench's other way: the judge sees both models' answers and says which is better, in both orders.

Judges favour the answer that stands first. So each turn is judged twice, with the places changed; where the two
verdicts disagree it is a tie (Zheng et al. 2023, section 3.4). A verdict that cannot be read leaves it unscored; one
that could not be had is none, and neither are the others then.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from evaluator.audit.mt_bench import prompts as mt_bench_prompts
from evaluator.audit.mt_bench.data import Question, category_order
from evaluator.audit.mt_bench.measure import JUDGE_TOKENS
from evaluator.briefs.brief import JudgeEndpoint
from evaluator.judge.judges import pairwise
from evaluator.judge.judges.client import Asks, Reply
from evaluator.judge.judges.clients import Clients
from evaluator.judge.judges.failed import JudgeFailed, lost
from evaluator.judge.judges.fence import place_in
from evaluator.judge.judges.judge import AT_ONCE

Verdict = Literal["candidate", "base", "tie", "unscored"]
Turns = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PairVerdict:
    """One turn of one question, both answers, and who was better; `reason` has the judge's words, both orders."""

    question: int
    category: str
    turn: int
    base: str
    candidate: str
    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class PairScore:
    """One category's verdicts. `candidate_share` counts a tie as half, over what was scored; None without any."""

    category: str
    candidate: int
    base: int
    ties: int
    unscored: int

    @property
    def candidate_share(self) -> float | None:
        """What the candidate won, in [0, 1]; 0.5 is no difference."""
        scored = self.candidate + self.base + self.ties
        return (self.candidate + 0.5 * self.ties) / scored if scored else None


def judge_pairs(
    questions: Sequence[Question],
    base: Mapping[int, Turns],
    candidate: Mapping[int, Turns],
    judge: JudgeEndpoint,
    *,
    client: Asks | None = None,
) -> tuple[PairVerdict, ...]:
    """Have the judge compare answers that are there already, by question id. Raises JudgeFailed."""
    asks = client or Clients().of(judge)

    def replies(question: Question, turn: int) -> list[tuple[Reply, str | None]]:
        ours, theirs = base[question.id][:turn], candidate[question.id][:turn]
        asked = [
            mt_bench_prompts.pair(question, turn, *answers, judge.rubric)
            for answers in ((ours, theirs), (theirs, ours))
        ]
        found = [asks.ask(one.messages, JUDGE_TOKENS, nonce=one.nonce) for one in asked]
        return [
            (reply, place_in(reply.text or "", one.nonce)) for reply, one in zip(found, asked, strict=True)
        ]

    turns = [(question, turn) for question in questions for turn in (1, 2)]
    with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="judge") as threads:
        found = list(threads.map(lambda one: replies(*one), turns))
    if (loss := lost("mt_bench, pairs", [reply.failure for both in found for reply, _ in both])) is not None:
        raise JudgeFailed([loss])
    return tuple(
        PairVerdict(
            question.id,
            question.category,
            turn,
            base[question.id][turn - 1],
            candidate[question.id][turn - 1],
            verdict_of(*(place for _, place in both)),
            "\n---\n".join(reply.text or reply.why for reply, _ in both),
        )
        for (question, turn), both in zip(turns, found, strict=True)
    )


def verdict_of(base_first: str | None, candidate_first: str | None) -> Verdict:
    """Who is better, from the places named with base and with the candidate in place A.

    >>> verdict_of("B", "A"), verdict_of("A", "A"), verdict_of("C", "C"), verdict_of("A", None)
    ('candidate', 'tie', 'tie', 'unscored')
    """
    found = pairwise.verdict_of(base_first, candidate_first)
    return "unscored" if found is None else "base" if found == "control" else found


def pair_scores(verdicts: Iterable[PairVerdict]) -> tuple[PairScore, ...]:
    """Verdicts counted by category, in MT-Bench's order."""
    groups: dict[str, list[Verdict]] = {}
    for one in verdicts:
        groups.setdefault(one.category, []).append(one.verdict)
    return tuple(
        PairScore(
            name, said.count("candidate"), said.count("base"), said.count("tie"), said.count("unscored")
        )
        for name, said in sorted(groups.items(), key=lambda group: category_order(group[0]))
    )
