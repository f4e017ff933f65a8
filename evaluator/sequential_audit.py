"""The audit at work: items in random order, both arms at once, each measure until its verdict is certain."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from evaluator.answering import Answers
from evaluator.asking import Progress, silent
from evaluator.audit_settings import GateSettings
from evaluator.audit_state import Asked, AuditState, Watched


def ask_until_certain(
    watched: Sequence[Watched],
    base: Answers,
    candidate: Answers,
    settings: GateSettings,
    progress: Progress = silent,
) -> tuple[Asked, ...]:
    """Ask every measure until its verdict is certain, or cannot become so; in the order of `watched`.

    A chunk of each open measure in turn, so that all come to an end at about the same time. Raises EngineFailed where
    an arm does not answer: what was answered before is in the cache, and the next run goes on where this one ended.
    """
    state = AuditState(watched, settings)
    threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="audit")
    try:
        while state.open:
            for run in state.open:
                if state.stop(run) is not None:  # another one's answers have settled it meanwhile
                    continue
                progress(*state.expected(), run.watched.label)
                items = run.next_items(state.level(run))
                both = [threads.submit(arm.answers, run.watched.measure, items) for arm in (base, candidate)]
                run.take(both[0].result(), both[1].result())
                state.settle()
    finally:
        # Without waiting: on Ctrl-C whoever runs the engines must come to stop them, which ends what is in flight.
        threads.shutdown(wait=False, cancel_futures=True)
    done, _ = state.expected()
    progress(done, done, "")
    return state.result()
