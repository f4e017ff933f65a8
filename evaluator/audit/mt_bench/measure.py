"""MT-Bench, which lm-eval lacks: two-turn questions of eight categories, graded from 1 to 10 by a judging model.

Single-answer grading: each turn's answer gets a grade, a category's score is the mean over both turns of its
questions, as FastChat has it. Answers of math, reasoning and coding are graded beside a reference. The models
answer greedily, as everywhere in an audit; FastChat samples them, with a temperature of 0.7 for writing and
roleplay and 0.1 for stem and humanities, so that its published scores are of other answers.
`pairs` compares two models directly.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from evaluator.audit.measures.answers import ItemAnswer
from evaluator.audit.measures.judged import judged
from evaluator.audit.measures.measure import Measure, MeasureItem, ServedModel
from evaluator.audit.mt_bench import prompts as mt_bench_prompts
from evaluator.audit.mt_bench.data import Question, category_order, load_questions
from evaluator.briefs.brief import BenchmarkSettings, Capability, JudgeEndpoint, LoadedBrief
from evaluator.judge.judges.client import Asks
from evaluator.judge.judges.clients import Clients
from evaluator.judge.judges.endpoint_judge import judgement_of_reply
from evaluator.judge.judges.judge import AT_ONCE
from evaluator.verifiers.judgement import EMPTY, Judgement
from telemetry.errors import BriefError, EngineFailed
from telemetry.events import Message

ALL: Final = "all"
ANSWER_TOKENS: Final = 1024
"""The longest answer, FastChat's; the engine's context has to hold two of them and the questions."""
JUDGE_TOKENS: Final = 2048
"""The judge's room to explain itself, FastChat's."""
_RESULTS_ONLY: Final = "failures are no results"
"""Part of the version: what an older one kept may be a judge's failure, as if it were a grade that cannot be read."""


def mt_bench_measures(loaded: LoadedBrief) -> tuple[Measure, ...]:
    """A measure for every MT-Bench entry of the brief's benchmarks. Raises BriefError where one cannot be used."""
    entries = [(c, b) for c in loaded.brief.capabilities for b in c.benchmarks if b.mt_bench is not None]
    if not entries:
        return ()
    if loaded.brief.mt_bench_questions is None:
        raise BriefError(
            f"capability {entries[0][0].name!r} has an MT-Bench benchmark, but the brief names no questions",
            hint="Give the path of MT-Bench's question.jsonl as 'mt_bench_questions'.",
        )
    questions, clients = load_questions(loaded.folder / loaded.brief.mt_bench_questions), Clients()
    return tuple(_measure(capability, entry, questions, clients) for capability, entry in entries)


def _measure(
    capability: Capability, entry: BenchmarkSettings, questions: Sequence[Question], clients: Clients
) -> MtBenchMeasure:
    if entry.judge is None:  # the brief's schema has refused it already
        raise BriefError(f"capability {capability.name!r}: MT-Bench needs a judge")
    return MtBenchMeasure(
        entry.mt_bench or ALL,
        questions,
        entry.judge,
        capability=capability.name,
        threshold=entry.threshold or capability.threshold,
        chance=entry.chance or 0.0,
        max_tokens=entry.max_tokens or ANSWER_TOKENS,
        client=clients.of(entry.judge),
    )


class MtBenchMeasure:
    """One MT-Bench category, or `all` of them, as a measure. Scores are (grade - 1)/9; a turn is an item.

    The two turns of a question are one cluster: the second builds on the answer to the first. Both arms may be
    asked at once. `judge.best` must be MT-Bench's 10.
    """

    def __init__(
        self,
        category: str,
        questions: Sequence[Question],
        judge: JudgeEndpoint,
        *,
        capability: str,
        threshold: float,
        chance: float = 0.0,
        max_tokens: int = ANSWER_TOKENS,
        client: Asks | None = None,
    ) -> None:
        chosen = [q for q in questions if category in (ALL, q.category)]
        if not chosen:
            known = sorted({q.category for q in questions}, key=category_order)
            raise BriefError(
                f"capability {capability!r}: MT-Bench has no category {category!r}",
                hint=f"There are {', '.join(known)}, and {ALL}.",
            )
        if judge.best != mt_bench_prompts.BEST:
            raise BriefError(
                f"capability {capability!r}: MT-Bench grades from 1 to 10, its judge has best = {judge.best}"
            )
        self.capability, self.name = capability, f"mt_bench/{category}"
        self.threshold, self.chance = threshold, chance
        self._judge, self._max_tokens = judge, max_tokens
        self._client = client or Clients().of(judge)
        self._turns = {turn_id(q, turn): (q, turn) for q in chosen for turn in (1, 2)}
        self.items = tuple(MeasureItem(name, str(q.id)) for name, (q, _) in self._turns.items())
        said = [[[q.id, q.turns, q.reference] for q in chosen], judge.url, judge.model, judge.rubric]
        words = json.dumps([said, max_tokens, JUDGE_TOKENS, mt_bench_prompts.wording(), _RESULTS_ONLY])
        self.version = f"mt_bench@{hashlib.sha256(words.encode()).hexdigest()[:12]}"

    def answer(self, model: ServedModel, ids: Sequence[str]) -> Sequence[ItemAnswer]:
        """Ask `model` these turns and have its answers graded, in the order of `ids`.

        A second turn needs the first one's answer, which is asked for with it. A grade that cannot be read leaves the
        item unscored. Raises EngineFailed, and ItemsUnjudged where a grade could not be had.
        """
        asked = {name: self._turns[name] for name in ids}
        deepest: dict[int, int] = {}
        for question, turn in asked.values():
            deepest[question.id] = max(turn, deepest.get(question.id, 0))
        by_id = {question.id: question for question, _ in asked.values()}
        answers = converse(model, [(by_id[i], turns) for i, turns in deepest.items()], self._max_tokens)
        with ThreadPoolExecutor(max_workers=AT_ONCE, thread_name_prefix="judge") as threads:
            graded = threads.map(lambda name: self._grade(*asked[name], answers[asked[name][0].id]), ids)
            found = list(zip(ids, graded, strict=True))
        turns = {name: (*asked[name], answers[asked[name][0].id]) for name in ids}
        return judged(
            f"{self.capability}/{self.name}",
            [
                (name, transcript(*turns[name]), turns[name][2][turns[name][1] - 1], said)
                for name, said in found
            ],
        )

    def _grade(self, question: Question, turn: int, answers: tuple[str, ...]) -> Judgement:
        if not answers[turn - 1].strip():
            return EMPTY
        asked = mt_bench_prompts.single(question, turn, answers[:turn], self._judge.rubric)
        reply = self._client.ask(asked.messages, JUDGE_TOKENS, nonce=asked.nonce)
        return judgement_of_reply(reply, asked.nonce, self._judge.best)


def turn_id(question: Question, turn: int) -> str:
    """The item of one turn (1 or 2) of a question."""
    return f"mt_bench-{question.id}-{turn}"


def converse(
    model: ServedModel, asked: Sequence[tuple[Question, int]], max_tokens: int
) -> dict[int, tuple[str, ...]]:
    """The model's answers to the first one or two turns of each question, by question id. Raises EngineFailed."""
    first = _chat(model, [[Message(role="user", content=q.turns[0])] for q, _ in asked], max_tokens)
    answers = {q.id: (answer,) for (q, _), answer in zip(asked, first, strict=True)}
    further = [q for q, turns in asked if turns == 2]
    second = _chat(
        model,
        [
            [
                Message(role="user", content=q.turns[0]),
                Message(role="assistant", content=answers[q.id][0]),
                Message(role="user", content=q.turns[1]),
            ]
            for q in further
        ],
        max_tokens,
    )
    return {**answers, **{q.id: (*answers[q.id], answer) for q, answer in zip(further, second, strict=True)}}


def _chat(model: ServedModel, conversations: Sequence[Sequence[Message]], max_tokens: int) -> Sequence[str]:
    if not conversations:
        return ()
    answers = model.chat(conversations, max_tokens)
    if len(answers) != len(conversations):
        raise EngineFailed(f"asked {model.name!r} {len(conversations)} turns, got {len(answers)} answers")
    return answers


def transcript(question: Question, turn: int, answers: Sequence[str]) -> str:
    """What the model had before it when it answered `turn`, for people."""
    if turn == 1:
        return question.turns[0]
    return f"User: {question.turns[0]}\n\nAssistant: {answers[0]}\n\nUser: {question.turns[1]}"


@dataclass(frozen=True, slots=True)
class CategoryScore:
    """One category on MT-Bench's own scale, 1 to 10; `mean` is over `n` graded turns, None without any."""

    category: str
    mean: float | None
    n: int
    unscored: int


def category_scores(
    questions: Sequence[Question], answers: Iterable[ItemAnswer]
) -> tuple[CategoryScore, ...]:
    """The grades of one model by category, in MT-Bench's order; categories without an answer are left out."""
    category = {turn_id(q, turn): q.category for q in questions for turn in (1, 2)}
    values: dict[str, list[float | None]] = {}
    for answer in answers:
        values.setdefault(category[answer.item], []).append(answer.value)
    found = []
    for name in sorted(values, key=category_order):
        grades = [1.0 + 9.0 * value for value in values[name] if value is not None]
        mean = sum(grades) / len(grades) if grades else None
        found.append(CategoryScore(name, mean, len(grades), len(values[name]) - len(grades)))
    return tuple(found)
