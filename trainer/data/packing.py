"""Several dialogues in one sequence, none of which sees another. Importing this loads torch.

Each dialogue has positions of its own from 0 on and attends to itself alone (a block-diagonal causal mask), so its
loss is what it would be in a sequence of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import torch

from telemetry.errors import UsageError
from trainer.data.encoding import IGNORED, Example
from trainer.data.mixture import Draw, Mixture

_PUT_OFF: Final = 8
"""So many draws that fit nowhere end a step; they come first in the next. More fill tighter and come later."""


class PackedMixture:
    """A mixture's draws packed into `rows` sequences of at most `length` tokens a step.

    Draws are taken in the mixture's order and put where the least room is left (best fit); what fits nowhere waits
    for the next step, so that after every step all but the last few slots have been taken and the shares hold. The
    steps are the same whatever was asked before: a resumed run packs them again from the first, which is quick.
    """

    def __init__(self, mixture: Mixture, tokens_of: Callable[[Draw], int], rows: int, length: int) -> None:
        self._mixture, self._tokens_of = mixture, tokens_of
        self._rows, self._length = rows, length
        self._steps: list[list[list[Draw]]] = []
        self._waiting: list[Draw] = []
        self._next_slot = 0

    def step(self, step: int) -> list[list[Draw]]:
        """What each sequence of step 0, 1, 2, ... holds. Raises UsageError where a draw fits no sequence."""
        while len(self._steps) <= step:
            self._steps.append(self._fill())
        return self._steps[step]

    def _fill(self) -> list[list[Draw]]:
        packs: list[list[Draw]] = [[] for _ in range(self._rows)]
        room = [self._length] * self._rows
        waited, self._waiting = self._waiting, []
        while len(self._waiting) < _PUT_OFF and max(room) > 0:
            draw = waited.pop(0) if waited else self._draw()
            tokens = self._tokens_of(draw)
            fits = [place for place, left in enumerate(room) if tokens <= left]
            if fits:
                place = min(fits, key=room.__getitem__)
                packs[place].append(draw)
                room[place] -= tokens
            elif tokens > self._length:
                raise UsageError(f"an example of {tokens} tokens does not fit a sequence of {self._length}")
            else:
                self._waiting.append(draw)
        self._waiting += waited
        return packs

    def _draw(self) -> Draw:
        self._next_slot += 1
        return self._mixture.draw(self._next_slot - 1)


def packed_tensors(
    packs: Sequence[Sequence[Example]], padding: int, dtype: torch.dtype
) -> dict[str, torch.Tensor]:
    """One sequence for each pack, filled up on the right to the longest.

    `input_ids`, `labels`, `position_ids`: (packs, tokens). `attention_mask`: (packs, 1, tokens, tokens) of the
    model's `dtype`, 0 where a token is seen and the lowest number elsewhere, which sdpa and eager attention add to
    their scores; flash attention takes no such mask. Filling sees only itself and is not learnt.
    """
    width = max(sum(len(example.tokens) for example in pack) for pack in packs)
    tokens = torch.full((len(packs), width), padding)
    labels = torch.full((len(packs), width), IGNORED)
    positions = torch.zeros((len(packs), width), dtype=torch.long)
    owner = torch.full((len(packs), width), -1)
    for row, pack in enumerate(packs):
        first = 0
        for number, example in enumerate(pack):
            last = first + len(example.tokens)
            tokens[row, first:last] = torch.tensor(example.tokens)
            # Nothing in its own sequence predicts a dialogue's first token.
            labels[row, first + 1 : last] = torch.tensor(example.labels[1:])
            positions[row, first:last] = torch.arange(last - first)
            owner[row, first:last] = number
            first = last
    return {
        "input_ids": tokens,
        "labels": labels,
        "position_ids": positions,
        "attention_mask": _block_diagonal(owner, dtype),
    }


def _block_diagonal(owner: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Who sees whom, (rows, 1, tokens, tokens): itself, and what stands before it in the same dialogue."""
    width = owner.shape[1]
    same = owner[:, :, None] == owner[:, None, :]
    real = (owner >= 0)[:, None, :]
    before = torch.ones(width, width, dtype=torch.bool).tril()
    itself = torch.eye(width, dtype=torch.bool)
    seen = (same & real & before) | itself
    return torch.zeros(seen.shape, dtype=dtype).masked_fill(~seen, torch.finfo(dtype).min)[:, None]
