"""A candidate that is dead, hangs, drips, garbles, runs out of memory or breaks off; base dead; another model."""

from __future__ import annotations

import time
from typing import Final

from tests.drills.drill import Drill, Runs
from tests.drills.scenario import Scenario
from tests.drills.traffic import Load
from tests.drills.world import ALIAS

MODES: Final = ("memory", "hang", "drip", "garble", "die")
FIRST_BYTE_S: Final = 1.0
ALLOWED: Final = {"cut", "status_503"}
"""What a client may get in place of an answer: a stream that broke off after its first byte; 503 where base is down."""


def engines_break(each_s: float) -> Scenario:
    """The candidate in every way in which it can fail, then base dead. The worker judges it all afterwards."""

    def breaks(drill: Drill) -> list[str]:
        # Or it would roll the candidate back within seconds, and none of the other failures would be seen.
        drill.parts.stop("worker")
        for mode in MODES:
            drill.tell("candidate", mode=mode)
            time.sleep(each_s)
        drill.tell("candidate", mode="well")
        drill.parts.kill("candidate")
        time.sleep(each_s)
        drill.parts.start("candidate")
        time.sleep(FIRST_BYTE_S)
        wrong = _while_base_is_dead(drill, each_s)
        reasons = drill.router()["fallback_reasons"]
        drill.notes.append(f"base answered for the candidate: {reasons}")
        missing = {"refused", "timeout", "died", "garbled", "status_500"} - set(reasons)
        wrong += [f"base never answered for a candidate that was {reason}" for reason in sorted(missing)]
        wrong += [f"clients got {what}" for what in drill.traffic.heard.failed if what not in ALLOWED]
        drill.parts.start("worker")
        if not drill.until(lambda: drill.status_in_file() == "rolled_back", 60.0):
            wrong.append("a candidate that failed in every way was not rolled back")
        return wrong

    timeouts = {"connect_s": 0.5, "candidate_first_byte_s": FIRST_BYTE_S, "total_s": 10.0}
    # Or the candidate would not be asked any more by the time it fails in the next way.
    breaker = {"open_s": 0.05, "most_open_s": 0.05}
    runs = Runs(load=Load(rate=100.0), settings={"router": {"timeouts": timeouts, "breaker": breaker}})
    return Scenario("candidate and base fail in every way", breaks, runs)


def _while_base_is_dead(drill: Drill, for_s: float) -> list[str]:
    before = drill.traffic.heard.failed["status_503"]
    drill.parts.kill("base")
    time.sleep(for_s)
    refused = drill.traffic.heard.failed["status_503"] - before
    drill.parts.start("base")
    answered = len(drill.traffic.heard.answered)
    came_back = drill.until(lambda: len(drill.traffic.heard.answered) > answered + 50, 20.0)
    wrong = [] if refused else ["base was dead, and nobody got a 503"]
    return wrong if came_back else [*wrong, "base is back, and nobody is answered"]


def another_model() -> Scenario:
    """The candidate's engine is given another model, and after the rollback base's is: neither goes unsaid."""

    def breaks(drill: Drill) -> list[str]:
        drill.must(lambda: drill.traffic.heard.by_arm["candidate"] > 100, "the candidate answers")
        drill.tell("candidate", model="somebody-else")
        wrong = []
        if not drill.until(lambda: drill.router()["fallback_reasons"].get("wrong_model"), 10.0):
            wrong.append("another model answers for the candidate, and base does not")
        before = drill.traffic.heard.by_arm["candidate"]
        if not drill.until(lambda: drill.status_in_file() == "rolled_back", 60.0):
            wrong.append("a candidate with another model was not rolled back")
        if more := drill.traffic.heard.by_arm["candidate"] - before:
            wrong.append(f"{more} clients were answered by the other model")
        drill.tell("control", model="somebody-else")
        answered = len(drill.traffic.heard.answered)
        if not drill.until(lambda: len(drill.traffic.heard.answered) > answered + 50, 20.0):
            wrong.append("base has another model, and nobody is answered")
        seen = drill.router()["wrong_model"]
        drill.notes.append(f"answers by another model: {seen}")
        wrong += [f"nobody counts that {arm} has another model" for arm, count in seen.items() if not count]
        wrong += [
            f"the router's log does not say that the engine of {arm} has another model"
            for arm in seen
            if not drill.parts.said(
                "router", f"the engine of {arm} has another model: it answers as 'somebody-else'"
            )
        ]
        return wrong

    arms = {arm: {"answers_as": ALIAS} for arm in ("control", "candidate")}
    runs = Runs(load=Load(rate=100.0), settings={"router": arms})
    return Scenario("another model at an engine", breaks, runs)
