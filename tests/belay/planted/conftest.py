"""The router runs here, so on uvloop as everywhere else."""

from tests.router.conftest import pytest_asyncio_loop_factories

__all__ = ["pytest_asyncio_loop_factories"]
