"""Between two models: the weights that lie on the way from base (0) to fine-tuned (1), tensor by tensor.

linear: W0 + t (W1 - W0). For a low-rank change this scales the adapter by t.

slerp, on the arc instead of the chord (Shoemake, 1985, doi:10.1145/325334.325242), each tensor taken as one vector:

    sin((1 - t) a) / sin a * W0 + sin(t a) / sin a * W1,    a the angle between W0 and W1

Where a tensor is zero there is no angle, where both point the same way the arc is the chord, and where they point
opposite ways there is no one arc: linear then. A fine-tune's weights lie within a few degrees of base's, and there
the two methods differ by terms of a^2 only: slerp is not expected to choose otherwise than linear.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from typing import Final, Literal

import torch

Method = Literal["linear", "slerp"]
Weights = tuple[float, ...]  # one for all, or one for each third of the layers
THIRDS: Final = 3
_TINY_ANGLE: Final = 1e-7  # below it the sines are as good as linear, and their quotient loses digits
_BLOCK = re.compile(r"(?:^|\.)(?:layers|h|blocks)\.(\d+)\.")


def between(start: torch.Tensor, end: torch.Tensor, weight: float, method: Method) -> torch.Tensor:
    """The tensor at `weight`, in float32; weight 0 gives `start` and 1 gives `end` exactly, with both methods."""
    start, end = start.float(), end.float()
    if method == "slerp" and 0.0 < weight < 1.0:
        a = angle(start, end)
        if _TINY_ANGLE < a < math.pi - _TINY_ANGLE:
            whole = math.sin(a)
            return start * (math.sin((1.0 - weight) * a) / whole) + end * (math.sin(weight * a) / whole)
    return torch.lerp(start, end, weight)


def angle(one: torch.Tensor, other: torch.Tensor) -> float:
    """The angle in radians between two tensors as vectors; 0 where one of them is zero.

    2 atan2(|u - v|, |u + v|) of the unit vectors u, v: exact for small angles too, where the arc cosine of the
    scalar product has lost them (Kahan, "How futile are mindless assessments of roundoff", 2006, section 12).
    """
    u, v = one.double(), other.double()
    lengths = float(u.norm()), float(v.norm())
    if min(lengths) == 0.0:
        return 0.0
    u, v = u / lengths[0], v / lengths[1]
    return 2.0 * math.atan2(float((u - v).norm()), float((u + v).norm()))


def layer_count(names: Iterable[str]) -> int:
    """How many transformer layers the tensors of these names make up."""
    found = [int(match[1]) for name in names if (match := _BLOCK.search(name))]
    return max(found, default=-1) + 1


def weight_of(name: str, layers: int, weights: Weights) -> float:
    """The weight that a tensor of this name gets, in a model of `layers` transformer layers.

    Three weights belong to the first, middle and last third. What is no layer's (embeddings, head) goes with the
    first third where it comes before the layers and with the last where it comes after.
    """
    if len(weights) == 1:
        return weights[0]
    found = _BLOCK.search(name)
    if found:
        return weights[min(int(found[1]) * THIRDS // layers, THIRDS - 1)]
    return weights[0] if "embed" in name or "wte" in name or "wpe" in name else weights[-1]
