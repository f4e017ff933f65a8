"""What the watching saw: a row for each layer and step, on disk as Parquet. Imports no torch.

Columns: `step`, `layer`, `gradient_norm`, `update_norm` of every step; `interference`, `drift_cosine`, `drift_l2` where
they were measured, else null; `runs_away` names the norm that raised the alarm, else null.
"""

from __future__ import annotations

import io
import math
from bisect import insort
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from telemetry.errors import UsageError
from telemetry.files import write_renamed

ENOUGH: Final = 5
"""Steps before a layer can run away: the median of fewer says little, and the warm-up moves it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One layer in one step.

    `gradient_norm` is taken before clipping; `update_norm` is the length of what the optimiser added to the layer's
    trained weights. `interference` is the cosine between the gradients of new task and retention: below 0 the step
    undoes what should be retained. Drift is that of the hidden states on the probes, from base's: 1 - cosine, and the
    length of the difference relative to base's, each a mean over tokens.
    """

    step: int
    layer: str
    gradient_norm: float
    update_norm: float
    interference: float | None = None
    drift_cosine: float | None = None
    drift_l2: float | None = None
    runs_away: str | None = None


_TYPES: Final = {"step": "int32", "layer": "string", "runs_away": "string"}


@dataclass(slots=True)
class Typical:
    """The median of one norm of one layer over all steps so far.

    All steps, not the last few: gradients shrink as the loss does, and against the median of the smallest ones any
    harder batch would look like a runaway.
    """

    seen: list[float] = field(default_factory=list)

    def runs_away(self, norm: float, factor: float) -> bool:
        """Whether `norm` exceeds `factor` times the median of what came before; then take it in.

        Never before `ENOUGH` norms were seen, and never against a median of 0 (a layer that only begins to move).
        A norm that is no number is not taken in: the loop stops on it.
        """
        away = len(self.seen) >= ENOUGH and 0.0 < factor * self.median < norm
        if not math.isnan(norm):  # which has no place in a sorted list
            insort(self.seen, norm)
        return away

    @property
    def median(self) -> float:
        """The middle one; the lower of two."""
        return self.seen[(len(self.seen) - 1) // 2]


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write the rows as Parquet, renamed into place. The same rows give the same bytes."""
    write_renamed(path, encode_rows(rows))


def encode_rows(rows: Sequence[Row]) -> bytes:
    """The rows as a Parquet file's content."""
    import pyarrow as pa  # noqa: PLC0415 - heavy, and light commands import the settings' neighbours
    from pyarrow import parquet  # noqa: PLC0415 - as above

    schema = pa.schema([(f.name, getattr(pa, _TYPES.get(f.name, "float64"))()) for f in fields(Row)])
    table = pa.Table.from_pylist([asdict(row) for row in rows], schema=schema)
    buffer = io.BytesIO()
    parquet.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def read_rows(path: Path) -> list[Row]:
    """The rows of a Parquet file that `write_rows` wrote. Raises UsageError where it is none."""
    import pyarrow as pa  # noqa: PLC0415 - as above
    from pyarrow import parquet  # noqa: PLC0415 - as above

    try:
        found: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
        return [Row(**row) for row in found]
    except (OSError, pa.ArrowInvalid, TypeError) as error:
        raise UsageError(f"{path} is no log of the watching: {error}") from error
