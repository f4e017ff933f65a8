"""How seldom Python looks for garbage while a worker works.

What one poll brings is some ten thousand values that live until their scores are published. CPython's collector looks
at the young ones after every 700 that are made, and ends up going through everything that the worker holds (brief,
tagger, libraries: hundreds of thousands) for nothing: values that do not refer to each other in a circle are let go
of without it. That took a sixth of a worker's time.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

SELDOM: Final = (20_000, 10, 10)
"""Values made before the young are looked at: what a poll brings. Circles of garbage wait as long, and that is all."""


@contextmanager
def seldom_collected() -> Iterator[None]:
    """Look for garbage seldom as long as a `with` lasts; then as before. It holds for the whole process."""
    before = gc.get_threshold()
    gc.set_threshold(*SELDOM)
    try:
        yield
    finally:
        gc.set_threshold(*before)
