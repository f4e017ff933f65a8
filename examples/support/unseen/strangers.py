"""Requests that belong to no capability of the brief: a tenth of what users send, and nobody promised them."""

from __future__ import annotations

import random

from unseen.shape import Ask
from unseen.words import NAMES, PLACES

_TOPICS = (
    "autumn", "the sea", "my grandmother", "a lazy cat", "night trains", "coffee", "a lighthouse", "old maps",
    "snow", "losing a key", "birthdays", "the first day of school", "a long ferry ride", "bread", "thunder",
)  # fmt: skip
_DISHES = (
    "lentil soup", "pancakes", "a vegetable curry", "focaccia", "goulash", "an apple crumble", "risotto",
    "shakshuka", "potato salad", "ramen", "hummus", "a tomato tart",
)  # fmt: skip
_TONGUES = ("French", "Spanish", "German", "Polish", "Dutch", "Portuguese", "Italian", "Turkish")
_LINES = (
    "Where can I park my van?", "The meeting starts after lunch.", "My suitcase is too heavy.",
    "We would love to see you again.", "It rains a lot here in spring.", "Could I have the bill, please?",
    "The shop around the corner sells stamps.", "I forgot my umbrella on the tram.",
)  # fmt: skip
_FORMS = (
    "Translate into {tongue}: {line}",
    'How would a local say "{line}" in {tongue}?',
    "Please put this into {tongue} for me: {line}",
    "Compose a four-line poem on {topic}.",
    "write me a haiku about {topic}",
    "Tell me a bedtime story about {topic}, a short one.",
    "How do I cook {dish} for two?",
    "got a recipe for {dish}? nothing fancy",
    "Suggest a wine that goes with {dish}.",
    "how are you doing today, friend?",
    "I feel a bit down since {topic} came up. Can we just chat?",
    "Do you ever get bored of talking to people from {place}?",
    "Plan me a free afternoon in {place}.",
    "I have one day in {place} with two children, what should we see first?",
    "Draft an e-mail to my landlord {name} about the broken heating.",
    "Make this politer: {name}, send me the slides now.",
    "Correct my grammar: {name} have went to {place} since two days.",
    "Tell me a joke about {topic}.",
    "Pretend you are a pirate and greet {name}.",
    "My knee hurts after running, should I be worried?",
    "Which is better for a beginner, the guitar or the ukulele?",
    "Help me think of a birthday surprise for {name} who adores {topic}.",
    "What should I wear to a wedding in {place}?",
    "Argue for and against working from home.",
    "Explain to a child why we dream about {topic}.",
    "Invent a slogan for a cafe in {place}.",
    "Is it fine to water cacti every day?",
    "Give {name} a pep talk before the driving test.",
    "What song should {name} play at a party in {place}?",
    "Guess my star sign: I adore {topic} and {dish}.",
)


def stranger(rng: random.Random) -> Ask:
    """A request outside the brief; there is nothing to hold an answer against."""
    text = rng.choice(_FORMS).format(
        tongue=rng.choice(_TONGUES),
        line=rng.choice(_LINES),
        topic=rng.choice(_TOPICS),
        dish=rng.choice(_DISHES),
        place=rng.choice(PLACES),
        name=rng.choice(NAMES),
    )
    return Ask(text, None)
