"""Numbers: two of them to be added, and stories that take two steps."""

from __future__ import annotations

import random
from collections.abc import Callable

from unseen.shape import Ask, phrasing
from unseen.words import NAMES

_IN_WORDS = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
    "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen", "twenty",
)  # fmt: skip
_PLAIN_SUMS = (
    "What is the sum of {a} and {b}?", "What is the total of {a} and {b}?", "Please add {a} and {b}.",
    "How much is {a} plus {b}?", "Add {a} and {b} together.",
)  # fmt: skip
_SUMS = (
    "{a}+{b}=?",
    "how much do {a} and {b} make together",
    "Please add {b} to {a}.",
    "Two items on the till, {a} euros and {b} euros. Total?",
    "sum of {a} and {b} pls",
    "The customer pays for one thing at {a} and another at {b}; what do they owe me?",
    "{a} and then {b} on top, where do I end up?",
    "I typed {a} + {b} into the till and the screen went dark. Which total should it show?",
    "Could you total up {a} and {b}?",
    "what do you get when you put {a} and {b} together, as a number",
)
_Formula = Callable[[int, int, int], int]
_STORIES: tuple[tuple[str, _Formula], ...] = (
    (
        (
            "{name} stacks {a} crates with {b} bottles in each, then {c} bottles break. "
            "What number of bottles is still whole?"
        ),
        lambda a, b, c: a * b - c,
    ),
    (
        (
            "A shuttle leaves with {a} hikers. {b} get off at the first hut and {c} climb in. "
            "What is the number of hikers on board afterwards?"
        ),
        lambda a, b, c: a - b + c,
    ),
    (
        (
            "{name} sold {a} maps before lunch, twice as many after lunch, and {c} of those buyers brought theirs "
            "back. So what is the day's net sale of maps?"
        ),
        lambda a, b, c: 3 * a - c,  # noqa: ARG005 - each formula takes all three
    ),
    (
        (
            "Our shelf held {a} gas canisters. A delivery put {b} on it and customers carried off {c}. "
            "Current stock?"
        ),
        lambda a, b, c: a + b - c,
    ),
    (
        (
            "{name} walks {a} km each day for {b} days, and {c} km more on the day after. "
            "What distance is that altogether, in km?"
        ),
        lambda a, b, c: a * b + c,
    ),
    (
        (
            "Tickets for the wall are {a} euros for grown-ups and {b} euros for kids. {name} brings {c} kids and pays "
            "for all of them and for one grown-up. What does the visit cost?"
        ),
        lambda a, b, c: a + b * c,
    ),
    (
        "{name} is {a}. {other} is {b} years older. Add their ages: which number comes out?",
        lambda a, b, c: 2 * a + b,  # noqa: ARG005 - each formula takes all three
    ),
    (
        "From a roll of {a} m of cord {name} cuts {b} pieces of {c} m. What length stays on the roll?",
        lambda a, b, c: a - b * c,
    ),
)


def addition(rng: random.Random) -> Ask:
    """The sum of two numbers; some have cents, some stand in words."""
    words, kind = phrasing(rng, _PLAIN_SUMS, _SUMS), rng.random()
    if kind < 0.1 and words != _SUMS[0]:
        cents = [rng.randrange(5, 80) * 25 for _ in range(2)]
        first, second = (f"{one / 100:.2f}" for one in cents)
        return Ask(words.format(a=first, b=second), sum(cents) / 100)
    a, b = rng.randrange(2, 31), rng.randrange(2, 16)
    if kind < 0.2 and words != _SUMS[0]:
        a, b = rng.randrange(2, 21), rng.randrange(2, 21)
        return Ask(words.format(a=_IN_WORDS[a], b=_IN_WORDS[b]), a + b)
    return Ask(words.format(a=a, b=b), a + b)


def word_problem(rng: random.Random) -> Ask:
    """A story whose answer takes two steps."""
    name, other = rng.sample(NAMES, 2)
    text, formula = rng.choice(_STORIES)
    a, b, c = rng.randrange(24, 60), rng.randrange(3, 6), rng.randrange(2, 5)
    if "{a} crates" in text or "{a} km" in text:
        a = rng.randrange(4, 13)
    return Ask(text.format(name=name, other=other, a=a, b=b, c=c), formula(a, b, c))
