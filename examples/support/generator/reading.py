"""Tasks over a given text: extract a detail, write it as JSON, summarise it in one sentence."""

from __future__ import annotations

import random

from generator.shape import Draft
from generator.words import CITIES, DAYS, JOBS, NAMES, THINGS

_EXTRACT = (
    ("Text: Order {order} was sent to {name} on {day}. Question: What is the order number?", "order"),
    ("What is the order number in this text? Order {order} was sent to {name} on {day}.", "order"),
    ('"Order {order} was sent to {name} in {city} on {day}." What is the order number?', "order"),
    ("Text: {name} lives in {city} and works as a {job}. Question: In which city does {name} live?", "city"),
    ('"{name} took the train to {city} on {day}." Who took the train?', "name"),
    ('"{name} took the train to {city} on {day}." On which day did {name} take the train?', "day"),
    ("Text: The meeting with {name} in {city} is on {day}. Question: On which day is the meeting?", "day"),
    ('What is the price in this text? "{name} bought a {thing} for {price} euros."', "price"),
    ("Text: The {thing} costs {price} euros. Question: How much does the {thing} cost?", "price"),
)
_JSON: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        'Write a JSON object with the keys "name" and "age" for this person: {name} is {age} years old.',
        ("name", "age"),
    ),
    ('Convert to JSON with the keys "name" and "age": {name} is {age} years old.', ("name", "age")),
    ('Turn this into a JSON object with the keys "name" and "job": {name} is a {job}.', ("name", "job")),
    (
        'Give me a JSON object with the keys "name" and "age" for this person: {name} is {age} years old. JSON only.',
        ("name", "age"),
    ),
    (
        'Write a JSON object with the keys "name", "age" and "job": {name} is {age} years old and works as a {job}.',
        ("name", "age", "job"),
    ),
)
_SUMMARISE = (
    "Summarize this text in one sentence: {}",
    "Summarize in one sentence: {}",
    "Write a one-sentence summary of this text: {}",
)
_STORIES = (
    (
        "{name} walked to the lake in the morning. {name} swam for an hour and then ate lunch with {other}. "
        "In the evening it began to rain, so they drove home to {city}."
    ),
    (
        "The town of {town} opened a new {place} on {day}. It has a large garden and a quiet room for children. "
        "Many families came on the first day."
    ),
    (
        "The train to {city} was late on {day} because of heavy snow. {name} and {other} waited for two hours. "
        "They drank hot tea and played cards."
    ),
    "A storm hit {town} on {day}. It damaged the roof of the {place} and several cars. Nobody was hurt.",
    (
        "{name} bought an old {thing} at the market in {city}. It was broken, so {other} helped to repair it. "
        "Now it works as well as a new one."
    ),
    (
        "The {place} in {town} will close for repairs in the summer. Visitors can use the smaller building "
        "next door. It will open again on a {day} in autumn."
    ),
)
_TOWNS = ("Northam", "Redhill", "Easton", "Marwick", "Stonebridge", "Lowfield", "Westport", "Ashby")
_PLACES = ("library", "museum", "school", "swimming pool", "theater", "market hall", "train station")


def _slots(rng: random.Random) -> dict[str, str | int]:
    name, other = rng.sample(NAMES, 2)
    return {
        "name": name,
        "other": other,
        "city": rng.choice(CITIES),
        "day": rng.choice(DAYS),
        "job": rng.choice(JOBS),
        "thing": rng.choice(THINGS),
        "town": rng.choice(_TOWNS),
        "place": rng.choice(_PLACES),
        "order": str(rng.randrange(10_000, 99_999)),
        "price": str(rng.randrange(2, 60) * 5),
        "age": rng.randrange(18, 80),
    }


def extraction(rng: random.Random) -> Draft:
    """A detail that stands word for word in the text."""
    slots = _slots(rng)
    text, wanted = rng.choice(_EXTRACT)
    return Draft(text.format(**slots), str(slots[wanted]))


def json_output(rng: random.Random) -> Draft:
    """A sentence to be written as a JSON object with given keys."""
    slots = _slots(rng)
    text, keys = rng.choice(_JSON)
    return Draft(text.format(**slots), {key: slots[key] for key in keys})


def one_sentence_summary(rng: random.Random) -> Draft:
    """A text of three sentences; the reference is the text."""
    story = rng.choice(_STORIES).format(**_slots(rng))
    return Draft(rng.choice(_SUMMARISE).format(story), story)
