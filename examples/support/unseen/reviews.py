"""Reviews that are plainly for or against."""

from __future__ import annotations

import random

from unseen.shape import Ask, phrasing

_GLAD = (
    "Best {thing} I have had in ages, would come back tomorrow.",
    "Can't fault the {thing}. Five stars from the whole family.",
    "My {thing} exceeded every hope, simply delightful!",
    "Superb {thing}, and the people behind it could not have been kinder.",
    "I was sceptical, yet the {thing} won me over completely. Love it.",
    "What a joy this {thing} is, worth every cent.",
    "Fantastic {thing}: comfortable, quick, and a pleasure from start to finish.",
    "We are thrilled with the {thing} and have told all our friends.",
    "Perfect {thing}. Could not be more pleased.",
)
_CROSS = (
    "Worst {thing} I have come across, avoid at all costs.",
    "The {thing} broke my patience within a day. One star is one too many.",
    "My {thing} let us down badly, I want nothing more to do with it.",
    "Dreadful {thing}, and the people behind it could not have cared less.",
    "I had high hopes, but the {thing} is useless. Pure frustration.",
    "What a letdown this {thing} is, not worth a cent.",
    "Miserable {thing}: uncomfortable, slow, and a pain from start to finish.",
    "We regret the {thing} and have warned all our friends.",
    "Rubbish {thing}. Could not be more annoyed.",
)
_THINGS = (
    "campsite", "haircut", "vacuum cleaner", "ferry crossing", "language course", "mattress", "breakfast buffet",
    "guided tour", "app update", "dentist visit", "pair of earphones", "gym", "delivery service", "cottage",
    "coffee machine", "yoga class", "podcast", "car rental", "spa weekend", "keyboard",
)  # fmt: skip
_PLAIN = (
    'Does this review sound positive or negative? "{it}"',
    'Tell me the sentiment of the following review: "{it}"',
    'Is the sentiment here positive or negative? "{it}"',
    'Review: "{it}" What is its sentiment?',
    'Classify the sentiment of "{it}"',
    'What sentiment does this review have? "{it}"',
    'Which sentiment is expressed by "{it}"?',
)
_ASKS = (
    "Positive or negative? {it}",
    "Happy customer or unhappy customer (say positive or negative): {it}",
    "Sort this review into positive or negative.\n{it}",
    "{it}\nWould you file that under positive or negative?",
    "Is the person who wrote the following pleased? Reply positive or negative.\n\n{it}",
    "For the weekly tally, tag as positive/negative: {it}",
    "How does the author feel here, positive or negative? >> {it}",
    "{it} <- positive or negative",
)
_LATER = (
    "So, positive or negative?",
    "Is that one positive or negative?",
    "How should I file it, positive or negative?",
)


def sentiment(rng: random.Random) -> Ask:
    """A review to be called positive or negative, half of each."""
    label, made = rng.choice((("positive", _GLAD), ("negative", _CROSS)))
    review = rng.choice(made).format(thing=rng.choice(_THINGS))
    return Ask(phrasing(rng, _PLAIN, _ASKS), label, review, later=rng.choice(_LATER))
