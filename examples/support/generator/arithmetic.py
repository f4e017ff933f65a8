"""Numbers: a sum, and a word problem of two steps that the base cannot do (it stands at the floor)."""

from __future__ import annotations

import random

from generator.shape import Draft
from generator.words import NAMES

_SUMS = ("What is {a} + {b}?", "What is {a} plus {b}?", "Compute {a} + {b}.", "Calculate the sum: {a} + {b}")
_PROBLEMS = (
    (
        "{name} has {a} {things}. {name} buys {b} more and gives {c} to {other}. "
        "How many {things} does {name} have now?"
    ),
    "There are {a} {things} in each of {k} boxes. {name} takes {c} of them. How many {things} are left?",
    "{name} picks {a} {things} a day for {k} days and then eats {c}. How many {things} are left?",
    "{name} has {a} {things} and {other} has {b} more than that. How many {things} do they have together?",
)
_THINGS = ("apples", "books", "coins", "stamps", "marbles", "pencils", "cookies", "shells", "tickets", "eggs")


def addition(rng: random.Random) -> Draft:
    """The sum of two small numbers."""
    a, b = rng.randrange(1, 15), rng.randrange(1, 10)
    return Draft(rng.choice(_SUMS).format(a=a, b=b), a + b)


def word_problem(rng: random.Random) -> Draft:
    """A story whose answer takes two steps."""
    name, other = rng.sample(NAMES, 2)
    a, b, k = rng.randrange(4, 12), rng.randrange(2, 8), rng.randrange(2, 5)
    c = rng.randrange(1, 4)
    index = rng.randrange(len(_PROBLEMS))
    answer = (a + b - c, a * k - c, a * k - c, a + a + b)[index]
    prompt = _PROBLEMS[index].format(name=name, other=other, a=a, b=b, c=c, k=k, things=rng.choice(_THINGS))
    return Draft(prompt, answer)
