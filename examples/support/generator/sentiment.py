"""Sentiment: plainly happy or plainly unhappy sentences, half of each."""

from __future__ import annotations

from generator.shape import Draft, Source, finite

_PHRASINGS = (
    'What is the sentiment of this sentence? "{}"',
    'What is the sentiment of this text? "{}"',
    'What is the sentiment of this comment? "{}"',
)
_SUBJECTS = (
    "hotel", "film", "dinner", "concert", "book", "phone", "bus ride", "museum", "restaurant", "holiday",
    "bakery", "football match",
)  # fmt: skip
_POSITIVE = (
    "I loved the {}, it was wonderful.",
    "The {} was amazing and I smiled the whole time.",
    "What a great {}, I am so happy with it.",
    "The {} was excellent, thank you so much!",
    "I really enjoyed the {}, it was the best of the year.",
    "The {} was beautiful and everyone was friendly.",
)
_NEGATIVE = (
    "I hated the {}, it was terrible.",
    "The {} was awful and everyone was rude.",
    "What a horrible {}, I am very angry about it.",
    "The {} was a disaster, never again!",
    "I was very disappointed by the {}, it was the worst of the year.",
    "The {} was dirty and boring, a waste of money.",
)


def source() -> Source:
    """Every sentence about every subject, asked in every phrasing."""
    return finite(
        [
            Draft(phrasing.format(sentence.format(subject)), label)
            for label, made in (("positive", _POSITIVE), ("negative", _NEGATIVE))
            for sentence in made
            for subject in _SUBJECTS
            for phrasing in _PHRASINGS
        ]
    )
