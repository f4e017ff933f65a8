"""The audit at work: items in random order, both arms at once, each measure until its verdict is certain."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from evaluator.audit.asking.answering import Answers
from evaluator.audit.diff.settings import GateSettings
from evaluator.audit.measures.answers import ItemAnswer, Progress, silent
from evaluator.audit.state import Asked, AuditState, Run, Watched
from evaluator.judge.judges.failed import JudgeFailed, Lost


def ask_until_certain(
    watched: Sequence[Watched],
    base: Answers,
    candidate: Answers,
    settings: GateSettings,
    progress: Progress = silent,
    *,
    at_once: int = 1,
) -> tuple[Asked, ...]:
    """Ask every measure until its verdict is certain, or cannot become so; in the order of `watched`.

    A chunk of each open measure in turn, so that all come to an end at about the same time; those of `at_once`
    measures are asked together, which keeps an engine busy whose chunks have a slow last answer. Arms are then asked
    by several threads. What is asked follows from answers, never from which of them came first.

    Raises EngineFailed where an arm does not answer, JudgeFailed where answers could not be judged, when all that was
    being asked has ended: what was answered before is in the cache, and the next run goes on where this one ended.
    """
    state = AuditState(watched, settings)
    threads = ThreadPoolExecutor(max_workers=2 * at_once, thread_name_prefix="audit")
    try:
        while state.open:
            turns = state.open
            for start in range(0, len(turns), at_once):
                # Another one's answers may have settled some of them meanwhile.
                group = [run for run in turns[start : start + at_once] if state.stop(run) is None]
                _ask(group, state, (base, candidate), threads, progress)
    except Exception:
        threads.shutdown(wait=True, cancel_futures=True)  # what the others are being answered is kept
        raise
    finally:
        # Without waiting: on Ctrl-C whoever runs the engines must come to stop them, which ends what is in flight.
        threads.shutdown(wait=False, cancel_futures=True)
    done, _ = state.expected()
    progress(done, done, "")
    return state.result()


def _ask(
    group: Sequence[Run],
    state: AuditState,
    arms: tuple[Answers, Answers],
    threads: ThreadPoolExecutor,
    progress: Progress,
) -> None:
    """Ask both arms the next items of each run of the group, and take their answers in, in the group's order."""
    asked: list[tuple[Run, list[Future[list[ItemAnswer]]]]] = []
    for run in group:
        items = run.next_items(state.level(run))
        asked.append((run, [threads.submit(arm.answers, run.watched.measure, items) for arm in arms]))
    lost: list[Lost] = []
    for run, arms_answers in asked:
        progress(*state.expected(), run.watched.label)
        answers = [_answers(one, lost) for one in arms_answers]
        if not lost:
            run.take(*answers)
    if lost:
        raise JudgeFailed(lost)
    state.settle()


def _answers(asked: Future[list[ItemAnswer]], lost: list[Lost]) -> list[ItemAnswer]:
    """What one arm answered; of answers that could not be judged, what is missing is added to `lost`."""
    try:
        return asked.result()
    except JudgeFailed as failed:
        lost += failed.lost
        return []
