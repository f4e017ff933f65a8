"""How much the router has to do at a time: beyond a bound it says so at once, and shadows are given up before."""

from __future__ import annotations


class Load:
    """Requests being answered. `most` is how many may be, `with_shadows` up to how many of them shadows are drawn."""

    __slots__ = ("in_flight", "most", "overloaded", "with_shadows")

    def __init__(self, most: int, shadows_until: float) -> None:
        self.most = most
        self.with_shadows = most * shadows_until
        self.in_flight = 0
        self.overloaded = 0

    def is_too_much(self) -> bool:
        """Whether the request that was counted last is one too many; it is counted as such."""
        if self.in_flight <= self.most:
            return False
        self.overloaded += 1
        return True

    def bears_shadows(self) -> bool:
        """Whether there is room for requests that nobody waits for."""
        return self.in_flight <= self.with_shadows
