"""The model that is asked: the one that the options name, else the stub."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from _judge import stubs
from evaluator.briefs.brief import JudgeEndpoint
from evaluator.judge.judges.client import JudgeClient
from evaluator.judge.judges.clients import Clients
from evaluator.judge.judges.endpoint_judge import EndpointJudge
from evaluator.judge.judges.pairwise import PairJudge


@dataclass(frozen=True, slots=True)
class Judging:
    """A judge at a URL; `name` is as the report calls it."""

    url: str
    model: str
    key_env: str | None
    name: str
    is_stub: bool
    at_once: int = 8

    def settings(self, rubric: str) -> JudgeEndpoint:
        """It, as a brief would have it."""
        return JudgeEndpoint(url=self.url, model=self.model, rubric=rubric, api_key_env=self.key_env)

    def client(self) -> JudgeClient:
        """A client of it."""
        return Clients().of(self.settings("-"))

    def judge(self, rubric: str) -> EndpointJudge:
        """It, grading single answers."""
        return EndpointJudge(self.settings(rubric), self.client())

    def pairs(self, rubric: str) -> PairJudge:
        """It, comparing two."""
        return PairJudge(self.settings(rubric), self.client())


def options(parser: argparse.ArgumentParser) -> None:
    """The options that name a model."""
    parser.add_argument("--judge-url", help="an OpenAI-shaped endpoint; a stub on this machine without it")
    parser.add_argument("--judge-model", default="judge")
    parser.add_argument("--judge-key-env", help="the environment variable that holds the key")


@contextmanager
def judging(given: argparse.Namespace) -> Iterator[Judging]:
    """The judge of the options while the block lasts."""
    if given.judge_url:
        yield Judging(
            given.judge_url, given.judge_model, given.judge_key_env, given.judge_model, is_stub=False
        )
        return
    with stubs.served() as url:
        yield Judging(url, "stub", None, stubs.NAME, is_stub=True)
