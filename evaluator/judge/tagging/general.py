"""General prompts that ship with Belay, by topic: what assistants are asked, whatever a brief covers.

They were written for this project, in `general/`, a topic a file and a prompt a line, to teach a tagger what "none of
these" looks like. A brief may cover some of them itself; those must not teach that they are nobody's.
The trainer rehearses some of them where its settings ask for it (`trainer.rehearsing.general`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from evaluator.judge.tagging.stage import Labels, Rows, likeness

FOLDER: Final = Path(__file__).parent / "general"
CLAIMED: Final = 0.25
"""A topic is a capability's own when it is the likest one to this part of the capability's exemplars."""


def general_prompts() -> dict[str, tuple[str, ...]]:
    """The prompts of each topic, topics by name."""
    return {
        file.stem: tuple(file.read_text(encoding="utf-8").splitlines())
        for file in sorted(FOLDER.glob("*.txt"))
    }


def claimed(rows: Rows, labels: Labels, general: Rows, topics: Labels) -> set[int]:
    """The topics that a capability's exemplars claim. Rows are unit vectors; `labels` and `topics` number from 0.

    By topic, as exemplars are often a few patterns, and nothing but their own copies is as like them as they are.
    """
    nearest = likeness(rows @ general.T, topics, int(topics.max()) + 1)[:, :-1].argmax(axis=1)
    found: set[int] = set()
    for label in set(labels.tolist()):
        mine = nearest[labels == label]
        found |= {topic for topic in set(mine.tolist()) if (mine == topic).mean() >= CLAIMED}
    return found
