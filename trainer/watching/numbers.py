"""What tools are told of a training, by name.

Numbers alone: a step's loss and norms, what a checkpoint scored, how fast it goes.
"""

from __future__ import annotations

from collections.abc import Mapping

Numbers = Mapping[str, float]
