"""What every family of prompts gives."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any, NamedTuple


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


Family = Callable[[random.Random], Ask]
