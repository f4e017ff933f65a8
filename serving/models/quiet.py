"""Keeps transformers off the terminal: progress is ours to show, in one place."""

from __future__ import annotations

import os


def quieten_transformers() -> None:
    """Switch off its bars and its advice; errors still come. Call before anything imports transformers."""
    # The bar over GGUF tensors ignores transformers' own switch; tqdm reads this when it is imported.
    os.environ.setdefault("TQDM_DISABLE", "1")
    from transformers.utils import logging  # noqa: PLC0415 - only now may tqdm be imported

    logging.disable_progress_bar()
    logging.set_verbosity_error()
