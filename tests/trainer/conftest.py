from __future__ import annotations

import pytest


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """The models here are so small that threads only wait for each other, more so beside other work."""
    import torch  # noqa: PLC0415 - only where this folder's tests run

    torch.set_num_threads(1)
