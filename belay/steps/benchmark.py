"""Benchmarks run whole, outside an audit: lm-eval's tasks with its files kept, MT-Bench with its grades."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from belay.home import Home
from belay.progress import bar
from belay.steps.asking import HttpChat, ModelAt, served_model
from evaluator.audit.asking.answer_cache import AnswerCache
from evaluator.audit.asking.answering import CachedModel, Conditions
from evaluator.audit.asking.everything import ask_everything
from evaluator.audit.asking.recorded_chat import recorded_chat
from evaluator.audit.asking.recorded_judge import RecordedJudge
from evaluator.audit.measures.answers import ItemAnswer
from evaluator.audit.measures.measure import ServedModel
from evaluator.audit.mt_bench.data import Question, load_questions
from evaluator.audit.mt_bench.measure import CategoryScore, MtBenchMeasure, category_scores, turn_id
from evaluator.audit.mt_bench.pairs import PairScore, PairVerdict, judge_pairs, pair_scores
from evaluator.briefs.schema import JudgeEndpoint
from evaluator.judge.judges.clients import Clients
from serving.engines.address import ModelAddress
from serving.models.store import ModelStore, StoredModel
from telemetry.files import write_renamed

_AT_ONCE: Final = 8
"""Questions asked between two steps of the bar."""
_UNFINISHED: Final = "unfinished"
"""The folder in the home in which runs that did not end keep what they have; one that ends leaves nothing there."""


def lm_eval(
    tasks: Sequence[str],
    folder: Path,
    url: str,
    model: str,
    out: Path,
    console: Console,
    **settings: Any,
) -> None:
    """Run lm-eval's `tasks` on the model of `folder`, which answers at `url`; `settings` are `run_full`'s."""
    from evaluator.audit.benchmarks.lm_eval_measure import run_full  # noqa: PLC0415 - lm_eval takes seconds to import

    where = ModelAt(StoredModel.at(folder), ModelAddress(url, model))
    served = served_model(where, ModelStore(folder.parent), None)[0].model
    with bar(console, "   lm-eval") as report:
        figures = run_full(tasks, served, out, progress=report, **settings)
    console.print(_figures(figures))
    console.print(f"lm-eval's result and sample files: {out}")


def _figures(figures: Mapping[str, Mapping[str, float]]) -> Table:
    table = Table("task", "metric", "value")
    for task, found in figures.items():
        for metric, value in found.items():
            table.add_row(task, metric, f"{value:.4f}")
    return table


def mt_bench(
    questions: Path,
    category: str,
    judge: JudgeEndpoint,
    models: Sequence[tuple[str, str]],
    max_tokens: int,
    out: Path | None,
    home: Home,
    console: Console,
) -> None:
    """Grade each of `models` (URL and name; one or two), compare the second with the first, write all to `out`.

    What was answered and judged is kept in `home` until all is there. Raises JudgeFailed and EngineFailed.
    """
    loaded = load_questions(questions)
    client = Clients().of(judge)
    measure = MtBenchMeasure(
        category, loaded, judge, capability="mt_bench", threshold=0.1, max_tokens=max_tokens, client=client
    )
    alike = len({name for _, name in models}) < len(models)
    pairs: tuple[PairVerdict, ...] = ()
    with _unfinished(home, measure, console) as cache:
        graded = {
            (f"{name} at {url}" if alike else name): _graded(measure, _kept(url, name, cache), console)
            for url, name in models
        }
        for name, answers in graded.items():
            console.print(_grades(name, category_scores(loaded, answers)))
        if len(graded) == 2:
            asks = RecordedJudge(client, client.name, cache)
            pairs = _compared(loaded, list(graded.values()), judge, asks, console)
            console.print(_pairs(list(graded), pair_scores(pairs)))
    if out is not None:
        write_renamed(out, _content(measure, judge, loaded, graded, pairs))
        console.print(f"every answer and what the judge said of it: {out}")


@contextmanager
def _unfinished(home: Home, measure: MtBenchMeasure, console: Console) -> Iterator[AnswerCache]:
    """What a run with the same questions and judge has that did not end; removed where this one does.

    Nobody knows which weights answer behind a URL, so nothing outlives the run that it was asked for.
    """
    file = home.root / _UNFINISHED / f"{measure.version}.{measure.name.replace('/', '-')}.sqlite"
    if file.is_file():
        console.print(f"   going on with a run that did not end; to begin anew, remove {file}")
    with AnswerCache(file) as cache:
        yield cache
    for left in ("", "-wal", "-shm"):
        file.with_name(f"{file.name}{left}").unlink(missing_ok=True)
    with suppress(OSError):  # another run may have something there
        file.parent.rmdir()


def _kept(url: str, name: str, cache: AnswerCache) -> CachedModel:
    """A model of which nothing but its answers is needed, and nothing known but where it answers."""
    conditions = Conditions(model_sha256="", engine_version=f"{name} at {url}")
    chat = recorded_chat(HttpChat(ModelAddress(url, name)), conditions, cache)
    return CachedModel(ServedModel(url, name, "", None, chat), conditions, cache)


def _graded(measure: MtBenchMeasure, model: CachedModel, console: Console) -> tuple[ItemAnswer, ...]:
    with bar(console, f"   {model.model.name}", len(measure.items)) as report:
        (found,) = ask_everything(model, [measure], report, at_once=2 * _AT_ONCE)
    return found


def _compared(
    questions: Sequence[Question],
    graded: Sequence[Sequence[ItemAnswer]],
    judge: JudgeEndpoint,
    asks: RecordedJudge,
    console: Console,
) -> tuple[PairVerdict, ...]:
    """The verdicts on the two models' answers, which are both turns of each question in turn."""
    said = [{a.item: a.answer for a in answers} for answers in graded]
    answered = [q for q in questions if turn_id(q, 1) in said[0]]
    first, second = ({q.id: (one[turn_id(q, 1)], one[turn_id(q, 2)]) for q in answered} for one in said)
    found: list[PairVerdict] = []
    with bar(console, "   pairs", 2 * len(answered)) as report:
        for start in range(0, len(answered), _AT_ONCE):
            report(len(found), 2 * len(answered), "")
            found += judge_pairs(answered[start : start + _AT_ONCE], first, second, judge, client=asks)
        report(len(found), 2 * len(answered), "")
    return tuple(found)


def _grades(model: str, scores: Sequence[CategoryScore]) -> Table:
    table = Table("category", "grade", "turns", "unscored", title=f"{model}, from 1 to 10")
    for one in scores:
        table.add_row(
            one.category, "-" if one.mean is None else f"{one.mean:.2f}", str(one.n), str(one.unscored)
        )
    return table


def _pairs(models: Sequence[str], scores: Sequence[PairScore]) -> Table:
    first, second = models
    table = Table(
        "category", f"{second} wins", f"{first} wins", "ties", "unscored", title="pairs, both orders"
    )
    for one in scores:
        table.add_row(one.category, str(one.candidate), str(one.base), str(one.ties), str(one.unscored))
    return table


def _content(
    measure: MtBenchMeasure,
    judge: JudgeEndpoint,
    questions: Sequence[Question],
    graded: Mapping[str, Sequence[ItemAnswer]],
    pairs: Sequence[PairVerdict],
) -> bytes:
    said = {
        "version": measure.version,
        "judge": judge.model_dump(mode="json", exclude={"api_key_env", "price"}),
        "models": {
            name: {
                "categories": [asdict(one) for one in category_scores(questions, answers)],
                "turns": [one.model_dump(mode="json", exclude={"gold_nll"}) for one in answers],
            }
            for name, answers in graded.items()
        },
        "pairs": [asdict(one) for one in pairs],
    }
    return (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode()
