"""Asks a judging model again about answers that it scored in the audit, so that it is seen where it changed.

An anchor is such an answer with its score of then. Whether one is asked about follows from an interaction's id alone
(`sampling.anchor_lot`), and each is asked about once a rollout, as far as this process knows: the evidence takes the
first that it meets of each (`evaluator.watch.evidence.anchors`). The question is one to the same client as all others,
so that it counts in its budget, and a judge that is away, or over its budget, gives no anchor.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from evaluator.briefs.brief import JudgeEndpoint, LoadedBrief
from evaluator.judge.judges.sampling import anchor_lot
from evaluator.verifiers import Judgement
from telemetry.events import AnchorJudged

log = logging.getLogger(__name__)

ROLLOUTS: Final = 64
"""Rollouts of which it is remembered what was asked; of one that was forgotten some anchors are asked about twice."""


class Anew(Protocol):
    """The part of `judge.Judge` that anchors need."""

    def judge_anew(self, capability: str, prompt: str, answer: str) -> Judgement:
        """What the capability's model says of an answer now."""
        ...


@dataclass(frozen=True, slots=True)
class Anchor:
    """An answer of the audit and its score of then.

    By the capability's own judge of items, or, `graded`, by the model that judges what users send of it.
    """

    capability: str
    prompt: str
    answer: str
    expected: float
    graded: bool = False

    @property
    def name(self) -> str:
        """The same for the same answer to the same prompt of the same capability."""
        texts = f"{self.capability}\x1f{self.prompt}\x1f{self.answer}"
        return hashlib.blake2b(texts.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


@dataclass(slots=True)
class _Asked:
    """What one rollout had of a model's anchors, and whether it was said that there are no more."""

    numbers: set[int]
    told: bool = False


class Anchors:
    """The anchors of a brief's judging models. Thread-safe.

    Only those that a model scored: where a verifier scores a capability's items, those that were graded as well.
    """

    def __init__(self, loaded: LoadedBrief, anchors: Iterable[Anchor], judge: Anew) -> None:
        capabilities = loaded.brief.capabilities
        self._endpoints = {c.name: c.judge.endpoint for c in capabilities if c.judge.endpoint is not None}
        by_model = {c.name for c in capabilities if c.judge.verifier is None}
        known = [one for one in anchors if one.capability in (self._endpoints if one.graded else by_model)]
        self._judge = judge
        self._of = _by_model(self._endpoints, known)
        self._scored = _capabilities(self._endpoints)
        self._asked: OrderedDict[tuple[str, str], _Asked] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))

    def beside(self, rollout: str, interaction: str, capability: str) -> AnchorJudged | None:
        """What the capability's model says of an anchor beside this interaction; None where it is not to be asked.

        None too where it could not be had or gave no grade, as the audit left such answers out.
        """
        endpoint = self._endpoints.get(capability)
        if endpoint is None:
            return None
        drawn = anchor_lot(interaction)
        if drawn >= endpoint.anchors:
            return None
        number = self._next(rollout, endpoint.model, drawn / endpoint.anchors)
        if number is None:
            return None
        anchor = self._of[endpoint.model][number]
        found = self._judge.judge_anew(anchor.capability, anchor.prompt, anchor.answer)
        if found.failure is not None:
            self._give_back(rollout, endpoint.model, number)
        if found.value is None or found.basis != "model":
            return None
        return AnchorJudged(
            name=anchor.name,
            judge=endpoint.model,
            expected=anchor.expected,
            value=found.value,
            capabilities=self._scored[endpoint.model],
        )

    def _next(self, rollout: str, model: str, part: float) -> int | None:
        """An anchor that this rollout has not had: the first from `part` (in [0, 1)) of them on."""
        count = len(self._of.get(model, ()))
        with self._lock:
            key = (rollout, model)
            asked = self._asked.setdefault(key, _Asked(set()))
            self._asked.move_to_end(key)
            if len(self._asked) > ROLLOUTS:
                self._asked.popitem(last=False)
            if len(asked.numbers) >= count:
                return None
            number = int(part * count) % count
            while number in asked.numbers:
                number = (number + 1) % count
            asked.numbers.add(number)
            if len(asked.numbers) == count and not asked.told:
                asked.told = True  # a judge that is away gives its last one back and is asked about it again
                log.warning(
                    "rollout %s: all %d known answers of %s were asked about; whether it changes is not seen any more",
                    rollout,
                    count,
                    model,
                )
            return number

    def _give_back(self, rollout: str, model: str, number: int) -> None:
        with self._lock:
            asked = self._asked.get((rollout, model))
            if asked is not None:
                asked.numbers.discard(number)


def _capabilities(endpoints: Mapping[str, JudgeEndpoint]) -> dict[str, tuple[str, ...]]:
    """Of each model the capabilities whose interactions it scores."""
    found: dict[str, list[str]] = {}
    for name, endpoint in sorted(endpoints.items()):
        found.setdefault(endpoint.model, []).append(name)
    return {model: tuple(names) for model, names in found.items()}


def _by_model(
    endpoints: Mapping[str, JudgeEndpoint], anchors: Sequence[Anchor]
) -> dict[str, tuple[Anchor, ...]]:
    """Each model's anchors, every answer once, in an order that says nothing: both arms' and all items' mixed."""
    found: dict[str, dict[str, Anchor]] = {}
    for one in anchors:
        if one.answer.strip():
            found.setdefault(endpoints[one.capability].model, {}).setdefault(one.name, one)
    return {model: tuple(own for _, own in sorted(named.items())) for model, named in found.items()}
