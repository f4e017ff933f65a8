"""Which prompts of a group stand for it: exemplars near its centre, items spread over it, none nearly twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from evaluator.briefs.schema import UNFILLED
from evaluator.verifiers.text import words

EXEMPLARS: Final = 20
ITEMS: Final = 80
ALIKE: Final = 0.8
"""Two prompts that share this part of their words (Jaccard) are nearly the same."""
LONGEST: Final = 4_000
"""Characters of a prompt that is copied into a brief; people have to read it."""
_PART: Final = 3
_FEW: Final = 5
_END: Final = 500


class Choice(NamedTuple):
    """The numbers of the prompts chosen, each list in its order; no prompt is in both."""

    exemplars: list[int]
    items: list[int]


class Candidate(NamedTuple):
    """A prompt that may be chosen: its number, its text, whether it can be an item, how well it is preferred."""

    number: int
    text: str
    alone: bool
    rank: tuple[bool, float]


def candidate(number: int, text: str, *, alone: bool, touched: bool, nearness: float) -> Candidate | None:
    """The prompt as a candidate; None where it is too long to be copied. What was redacted comes after the rest."""
    if len(text) > LONGEST or not text.strip() or text.lstrip().startswith(UNFILLED):
        return None
    return Candidate(number, text, alone, (touched, -nearness))


def chosen(candidates: Sequence[Candidate], exemplars: int = EXEMPLARS, items: int = ITEMS) -> Choice | None:
    """Exemplars nearest to the centre, then items evenly spaced from the centre outwards; None where too few serve.

    Where prompts are few, a third of them are exemplars. Items are such as can be understood alone: what hangs on
    earlier turns of a dialogue would be another question without them.
    """
    ranked = sorted(candidates, key=lambda one: (one.rank, one.text))
    wanted = max(1, min(exemplars, len(ranked) // _PART))
    # Those that cannot be items are spent first where items are few.
    alone = sum(one.alone for one in ranked)
    pool = ranked if alone > wanted else sorted(ranked, key=lambda one: one.alone)
    taught = _unlike(pool, wanted, [])
    if len(taught) < min(wanted, _FEW):
        taught = _unlike(pool, min(wanted, _FEW), [], 1.0)
    used = {one.number for one in taught}
    rest = [one for one in ranked if one.alone and one.number not in used]
    asked = _unlike(_spread(rest, items), items, taught)
    # Where a group is one template, its prompts are nearly alike whichever are taken: then those that differ at all.
    for limit in (ALIKE, 1.0):
        again = {one.number for one in asked}
        left = [one for one in rest if one.number not in again]
        asked += _unlike(left, items - len(asked), [*taught, *asked], limit)
    if not taught or not asked:
        return None
    return Choice([one.number for one in taught], sorted(one.number for one in asked))


def _spread(ranked: Sequence[Candidate], wanted: int) -> list[Candidate]:
    if len(ranked) <= wanted:
        return list(ranked)
    return [ranked[at * len(ranked) // wanted] for at in range(wanted)]


def _unlike(
    ranked: Iterable[Candidate], wanted: int, known: Sequence[Candidate], limit: float = ALIKE
) -> list[Candidate]:
    """The first so many that are unlike each other and unlike the known ones."""
    seen = [_said(one) for one in known]
    taken: list[Candidate] = []
    for one in ranked:
        if len(taken) == wanted:
            break
        said = _said(one)
        # Words alone do not tell two sums or two programs apart that are made of the same marks; at 1 the text decides.
        if limit >= 1.0 or all(len(said & other) < limit * len(said | other) for other in seen):
            taken.append(one)
            seen.append(said)
    return taken


def _said(one: Candidate) -> frozenset[str]:
    ends = one.text if len(one.text) <= 2 * _END else f"{one.text[:_END]} {one.text[-_END:]}"
    return frozenset(words(ends)) or frozenset(ends)
