"""What topics and groups are called on a broker that several Belays share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

OURS: Final = "belay"
_PREFIX: Final = OURS + "."


@dataclass(frozen=True, slots=True)
class Names:
    """Names of one namespace. In all our code a topic is `belay.scores`; on the broker it is `NAMESPACE.scores`.

    Under the namespace `belay` everything is called as in our code, groups too: they keep what they committed.

    >>> shop = Names("shop")
    >>> shop.topic("belay.scores"), shop.ours("shop.scores"), shop.group("belay-scorer")
    ('shop.scores', 'belay.scores', 'shop.belay-scorer')
    """

    namespace: str = OURS

    def topic(self, name: str) -> str:
        """A topic of ours as the broker knows it; a name that is not ours stays as it is."""
        return f"{self.namespace}.{name.removeprefix(_PREFIX)}" if name.startswith(_PREFIX) else name

    def ours(self, name: str) -> str:
        """A topic of the broker as our code knows it."""
        prefix = f"{self.namespace}."
        return _PREFIX + name.removeprefix(prefix) if name.startswith(prefix) else name

    def group(self, name: str) -> str:
        """A consumer group as the broker knows it."""
        return name if self.namespace == OURS else f"{self.namespace}.{name}"
