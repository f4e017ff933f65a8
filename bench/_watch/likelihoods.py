"""How likely base finds answers, from its real engine; kept, since neither model nor answers change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from _shape import say

from evaluator.judge.judges.case import Case, conversation_of
from evaluator.judge.judges.client import JudgeClient
from evaluator.judge.judges.likelihood import Likelihood, Likelihoods, Told
from serving.engines.vllm_engine import EngineSettings, VllmEngine
from serving.server import free_port
from telemetry.files import write_renamed

AT_ONCE = 16
DEADLINE_S = 600.0
_EVERY = 500


class Kept:
    """What base's engine told of answers, by their text and conversation."""

    def __init__(self, file: Path) -> None:
        self._file = file
        lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
        self._known: dict[str, Told] = {}
        for line in lines:
            key, likelihood, why = json.loads(line)
            self._known[key] = Told(Likelihood(**likelihood) if likelihood else None, why)

    def of(self, case: Case) -> Told:
        """What was told of a case's answer; nothing of one that was never asked about."""
        return self._known.get(_key(case), Told(None, "it was not asked"))

    def ask(self, base: Path, cases: Iterable[Case], cores: str) -> None:
        """Ask about those of which nothing is known, on an engine started for it. What it told is kept as it comes."""
        missing = list({_key(case): case for case in cases if _key(case) not in self._known}.values())
        if not missing:
            return
        log = self._file.with_suffix(".log")
        settings = EngineSettings(
            folder=base, served_name="base", port=free_port(), log_file=log, threads_bind=cores
        )
        with VllmEngine(settings) as engine, ThreadPoolExecutor(AT_ONCE) as threads:
            engine.wait_healthy()
            asks = Likelihoods(JudgeClient(engine.url, "base", deadline_s=DEADLINE_S))
            for begin in range(0, len(missing), _EVERY):
                part = missing[begin : begin + _EVERY]
                told = list(threads.map(asks.of, part))
                if failed := [one.why for one in told if one.failure is not None]:
                    raise RuntimeError(f"base's engine failed: {failed[0]}")
                self._known |= zip(map(_key, part), told, strict=True)
                self._write()
                say(f"likelihoods: {begin + len(part)} of {len(missing)}")

    def _write(self) -> None:
        rows = [
            [key, asdict(one.likelihood) if one.likelihood else None, one.why]
            for key, one in self._known.items()
        ]
        write_renamed(self._file, "".join(json.dumps(row) + "\n" for row in rows).encode())


def _key(case: Case) -> str:
    said = json.dumps([[m.model_dump() for m in conversation_of(case)], case.answer])
    return hashlib.sha256(said.encode()).hexdigest()[:24]
