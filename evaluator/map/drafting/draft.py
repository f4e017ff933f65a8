"""A brief on its way: what has been answered so far, and what the rest becomes when it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from evaluator.audit.diff.paired import pairs_to_pass
from evaluator.audit.diff.settings import GateSettings
from evaluator.briefs.schema import SHARES_OFF, UNFILLED

CRITICAL: Final = 0.05
CRITICAL_REASONING: Final = 0.03
USUAL: Final = 0.10
BENCHMARK: Final = 0.02
ENDPOINT: Final = "endpoint"

_TOP: Final = (
    "name", "version", "owner", "summary", "system_prompt", "training", "lm_eval_tasks", "mt_bench_questions",
    "judge_suite",
)  # fmt: skip
_CAPABILITY: Final = (
    "name", "role", "why", "quality", "kind", "facts_change", "cites", "share", "at_5_percent_loss",
    "at_15_percent_loss", "threshold", "critical", "chance", "items", "exemplars", "judge", "max_tokens",
    "benchmarks",
)  # fmt: skip
_NEEDED: Final = ("why", "at_5_percent_loss", "at_15_percent_loss")


@dataclass(frozen=True, slots=True)
class Draft:
    """Answers by the brief's own keys. A key that is there has been answered, also where the answer is None."""

    top: Mapping[str, Any] = field(default_factory=dict)
    capabilities: tuple[Mapping[str, Any], ...] = ()
    complete: bool = False
    """Whether the last capability has been named."""

    def with_top(self, key: str, value: Any) -> Draft:
        """The draft with an answer about the whole brief."""
        return replace(self, top={**self.top, key: value})

    def with_capability(self, index: int, key: str, value: Any) -> Draft:
        """The draft with an answer about one capability; the first one that is named is the target."""
        listed = [dict(one) for one in self.capabilities]
        if index == len(listed):
            listed.append({"role": "adjacent" if index else "target"})
        listed[index][key] = value
        return replace(self, capabilities=tuple(listed))

    def without_shares(self) -> Draft:
        """The draft as it was before anybody spoke of shares."""
        kept = tuple({k: v for k, v in c.items() if k != "share"} for c in self.capabilities)
        return replace(self, capabilities=kept)


def share_trouble(shares: Sequence[float | None]) -> str:
    """Why these shares cannot stand, or nothing. None is a share that nobody knows."""
    known = [share for share in shares if share is not None]
    total, unknown = sum(known), len(shares) - len(known)
    if unknown and total >= 1.0 - SHARES_OFF:
        return f"the shares given add up to {total:.0%}, which leaves nothing for the {unknown} without one"
    if not unknown and abs(total - 1.0) > SHARES_OFF:
        return f"the shares add up to {total:.1%}, and should to 100%"
    return ""


def filled_shares(shares: Sequence[float | None]) -> list[float]:
    """Shares of which none is missing: what is left of 1 goes evenly to those that nobody knows.

    >>> filled_shares([0.5, None, None])
    [0.5, 0.25, 0.25]
    """
    known = [share for share in shares if share is not None]
    unknown = len(shares) - len(known)
    even = round(max(1.0 - sum(known), 0.0) / unknown, 4) if unknown else 0.0
    return [even if share is None else share for share in shares]


def default_threshold(capability: Mapping[str, Any]) -> tuple[float, str]:
    """The threshold that suits what was said of a capability, and why."""
    if capability.get("critical") is True and capability.get("kind") == "reasoning":
        value, why = CRITICAL_REASONING, "critical reasoning is held tighter: its losses come silently"
    elif capability.get("critical") is True:
        value, why = CRITICAL, "a loss is an incident: no more may go than what you described at 5%"
    else:
        value, why = USUAL, "halfway between what you described at 5% and at 15%"
    return value, f"{why}. Even a candidate that changes nothing passes it only with {items_for(value)} items"


def items_for(threshold: float) -> int:
    """How many items an audit with the usual settings takes to pass a candidate that changes nothing.

    A judge that errs makes it more; `belay brief check` says how many where the brief has a judge suite.

    >>> items_for(0.05), items_for(0.10)
    (110, 54)
    """
    return pairs_to_pass(threshold, GateSettings().alpha_pass)


def finished(draft: Draft) -> dict[str, Any]:
    """The brief that a draft becomes: defaults where they serve, `TODO` where somebody has to say."""
    top = {"version": "1", "training": "train.jsonl"} | {k: v for k, v in draft.top.items() if v is not None}
    for key in ("name", "owner", "summary"):
        top.setdefault(
            key, f"{UNFILLED}: {key} of this brief" if key != "summary" else f"{UNFILLED}: what it serves"
        )
    shares = filled_shares([_number(c.get("share")) for c in draft.capabilities])
    listed = [_capability(c, share) for c, share in zip(draft.capabilities, shares, strict=True)]
    return {key: top[key] for key in _TOP if key in top} | {"capabilities": listed}


def _capability(given: Mapping[str, Any], share: float) -> dict[str, Any]:
    one = {key: value for key, value in given.items() if value is not None and value != ""}
    name = one.setdefault("name", UNFILLED)
    for key in _NEEDED:
        one.setdefault(key, f"{UNFILLED}: {key.replace('_', ' ')}")
    if isinstance(one.get("judge"), str):
        one["judge"] = _judge(one)
    one["share"] = given["share"] if isinstance(given.get("share"), str) else share
    one.setdefault("threshold", default_threshold(one)[0])
    one.setdefault("items", f"items/{name}.jsonl")
    one.setdefault("exemplars", f"exemplars/{name}.txt")
    one.setdefault("judge", {"verifier": UNFILLED})
    one.setdefault("max_tokens", 64)
    return {key: one[key] for key in _CAPABILITY if key in one}


def _judge(given: Mapping[str, Any]) -> dict[str, Any]:
    """The judge's settings from answers that name it and its options one by one."""
    if given["judge"] == ENDPOINT:
        return {"endpoint": {key: given.get(key, UNFILLED) for key in ("url", "model", "rubric")}}
    options = {key: given[key] for key in ("labels", "opening", "closing") if key in given}
    return {"verifier": given["judge"]} | ({"options": options} if options else {})


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
