"""What every family of prompts gives."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple


class Ask(NamedTuple):
    """One thing that somebody wants.

    `words` is how they put it; `{it}` in them is where `material` stands, if there is any. Only the words are ever
    misspelt or written in small letters, never the material. `later` asks for the same where the material was sent in
    an earlier turn. `reference` is what the capability's verifier needs.
    """

    words: str
    reference: Any
    material: str = ""
    later: str = ""

    @property
    def prompt(self) -> str:
        """Words and material as one message."""
        return self.words.replace("{it}", self.material)


PLAIN: Final = 0.8
"""How many people ask plainly. A small model understands hardly anything else, and users learn that soon."""


def phrasing(rng: random.Random, plain: Sequence[str], odd: Sequence[str]) -> str:
    """One way to ask, mostly a plain one."""
    return rng.choice(plain if rng.random() < PLAIN else odd)


Family = Callable[[random.Random], Ask]
