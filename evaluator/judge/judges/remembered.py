"""What was asked already is not asked again: by content, bounded, and once for all who ask at the same time."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Remembered(Generic[T]):
    """The last `size` results by key. Thread-safe.

    Who asks for a key that somebody is asking for already waits for that result, and shares it, whatever it is. A
    result that is not `kept` is shared with them and then forgotten; so is an exception. `saved` counts who got a
    result without asking.
    """

    def __init__(self, size: int, kept: Callable[[T], bool]) -> None:
        self._size, self._keeps = size, kept
        self._lock = threading.Lock()
        self._found: OrderedDict[str, Future[T]] = OrderedDict()
        self.saved = 0

    def of(self, key: str, make: Callable[[], T]) -> T:
        """The result of the key, made by `make` where nobody has it."""
        with self._lock:
            future = self._found.get(key)
            mine = future is None
            if future is None:
                future = self._found[key] = Future()
            else:
                self._found.move_to_end(key)
                self.saved += 1
            if len(self._found) > self._size:
                self._found.popitem(last=False)
        if not mine:
            return future.result()
        try:
            result = make()
        except BaseException as error:
            self._forget(key, future)
            future.set_exception(error)
            raise
        if not self._keeps(result):
            self._forget(key, future)
        future.set_result(result)
        return result

    def _forget(self, key: str, future: Future[T]) -> None:
        with self._lock:
            if self._found.get(key) is future:
                del self._found[key]
