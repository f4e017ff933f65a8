"""What each step is given: rows of the encoded sources in the mixture's order. The same for the same step, always.

Importing this loads torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from evaluator.briefs.items import normalised_prompt
from telemetry.events import Value
from trainer.data.dialogues import Source
from trainer.data.encoding import Example, encode_source
from trainer.data.formats import TARGET
from trainer.data.mixture import Draw, Ingredient, Mixture, drawn
from trainer.data.packing import PackedMixture


class UsedSource(Value):
    """A source of training data. `drawn` counts examples taken over the whole training, `too_long` those left out."""

    name: str
    sha256: str
    share: float
    examples: int
    drawn: int
    epochs: float
    too_long: int = 0


class Row(NamedTuple):
    """One example in a step: the `number`-th of its source, counted from 1, in the step's `sequence`-th sequence.

    `new_task` is False for what should be retained; `rehearsed` says that base itself wrote the answer.
    """

    example: Example
    source: str
    number: int
    sequence: int
    new_task: bool = True
    rehearsed: bool = False

    def __str__(self) -> str:
        return f"{self.source} {self.number}"


@dataclass(frozen=True, slots=True)
class EncodedSource:
    """Examples with their share of every batch."""

    name: str
    share: float
    examples: tuple[Example, ...]
    new_task: bool = True
    rehearsed: bool = False


@dataclass(frozen=True, slots=True)
class Encoded:
    """The sources as the model reads them; `too_long` counts dialogues that were left out, by source."""

    sources: tuple[EncodedSource, ...]
    origins: tuple[Source, ...]
    too_long: dict[str, int]

    @property
    def prompts(self) -> frozenset[str]:
        """What the users of all dialogues say, normalised: what must not be asked to tell how good a model is."""
        dialogues = (dialogue for source in self.origins for dialogue in source.dialogues)
        said = (m.content for dialogue in dialogues for m in dialogue.messages if m.role == "user")
        return frozenset(map(normalised_prompt, said))


class Feed:
    """The rows of step 1, 2, ...: `batch_size` sequences of an example each.

    With `packed_to`, sequences of at most so many tokens that are filled with examples.
    """

    def __init__(
        self, sources: Sequence[EncodedSource], batch_size: int, seed: int, packed_to: int | None = None
    ) -> None:
        self.sources = tuple(sources)
        self._batch_size = batch_size
        self._mixture = Mixture([Ingredient(s.name, s.share, len(s.examples)) for s in sources], seed)
        self._packed: PackedMixture | None = None
        if packed_to is not None:
            self._packed = PackedMixture(self._mixture, self._tokens, batch_size, packed_to)

    def rows(self, step: int) -> list[Row]:
        """What this step learns from."""
        return [self._row(draw, n) for n, draws in enumerate(self._sequences(step)) for draw in draws]

    def draws(self, steps: int) -> list[Draw]:
        """Everything that was taken in the first `steps` steps."""
        return [
            draw for step in range(1, steps + 1) for sequence in self._sequences(step) for draw in sequence
        ]

    @property
    def ingredients(self) -> tuple[Ingredient, ...]:
        """The sources as the mixture sees them."""
        return self._mixture.ingredients

    def _sequences(self, step: int) -> list[list[Draw]]:
        if self._packed is not None:
            return self._packed.step(step - 1)
        return [[draw] for draw in self._mixture.batch(step - 1, self._batch_size)]

    def _row(self, draw: Draw, sequence: int) -> Row:
        source = self.sources[draw.source]
        example = source.examples[draw.number]
        return Row(example, source.name, draw.number + 1, sequence, source.new_task, source.rehearsed)

    def _tokens(self, draw: Draw) -> int:
        return len(self.sources[draw.source].examples[draw.number].tokens)


def encode_data(sources: Sequence[Source], tokenizer: Any, max_length: int) -> Encoded:
    """Encode every source. In the target's a dialogue that is too long is an error, in others it is left out."""
    encoded, too_long = [], {}
    for source in sources:
        target = source.name == TARGET
        examples, left_out = encode_source(source, tokenizer, max_length, skip_long=not target)
        too_long[source.name] = left_out
        encoded.append(
            EncodedSource(
                source.name, source.share, tuple(examples), new_task=target, rehearsed=source.rehearsed
            )
        )
    return Encoded(tuple(encoded), tuple(sources), too_long)


def used(encoded: Encoded, feed: Feed, steps: int) -> tuple[UsedSource, ...]:
    """What the first `steps` steps took of each source."""
    rows = drawn(feed.ingredients, feed.draws(steps))
    return tuple(
        UsedSource(
            name=row.source,
            sha256=origin.sha256,
            share=row.share,
            examples=row.examples,
            drawn=row.drawn,
            epochs=row.epochs,
            too_long=encoded.too_long[row.source],
        )
        for row, origin in zip(rows, encoded.origins, strict=True)
    )
