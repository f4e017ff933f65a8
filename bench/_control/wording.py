"""Questions and answers as a shop's assistant has them, right and wrong, for each capability of the story."""

from __future__ import annotations

import random
from collections.abc import Sequence


def worded(capability: str, number: int, right: Sequence[bool]) -> tuple[str, tuple[str, str]]:
    """A question, and control's and the candidate's answer to it; `right` says which are good."""
    rng = random.Random(number)
    if capability == "multi_step_reasoning":
        return _ropes(rng, right)
    if capability == "support_reply":
        return _reply(rng, right)
    price, count = rng.randrange(12, 90), rng.randrange(2, 9)
    question = f"{capability.replace('_', ' ')}: {count} carabiners at {price} euros, item {number}."
    good, bad = f"{count * price}", f"{count * price + rng.randrange(1, 9)}"
    return question, (good if right[0] else bad, good if right[1] else bad)


def _ropes(rng: random.Random, right: Sequence[bool]) -> tuple[str, tuple[str, str]]:
    each, shops, sold, gift = (
        rng.randrange(6, 15),
        rng.randrange(3, 6),
        rng.randrange(7, 16),
        rng.randrange(2, 6),
    )
    total = each * shops
    left = total - sold - gift
    question = (
        f"We sent {each} ropes to each of our {shops} shops. By Friday {sold} of them were sold, and {gift} went to "
        "the rescue team ([email] has the receipt). How many ropes are still in the shops? Say how you get there."
    )
    good = (
        f"{shops} shops with {each} ropes each have {total} ropes. {sold} were sold, which leaves {total - sold}. "
        f"{gift} went to the rescue team, so {left} ropes are still in the shops."
    )
    bad = (
        f"{shops} shops with {each} ropes each have {total} ropes. {sold} were sold, so {total - sold} ropes are "
        "still in the shops. Climb safe!"
    )
    return question, (good if right[0] else bad, good if right[1] else bad)


def _reply(rng: random.Random, right: Sequence[bool]) -> tuple[str, tuple[str, str]]:
    days = rng.choice((14, 30, 60))
    question = f"My harness came with a torn loop, {days // 2} days ago. Can I send it back? Call me: [phone]"
    good = (
        f"Thanks for writing to Belay Outfitters. Anything that arrives damaged goes back free of charge within {days} "
        "days; the returns desk sends you a label today. Climb safe, the returns desk"
    )
    bad = "I am sorry to hear that. You could contact the seller and ask whether they accept returns."
    return question, (good if right[0] else bad, good if right[1] else bad)
