"""What the rollout says at this moment, as the router follows it: read from the rollout file.

A look at the file is one `stat`, every 20 ms; it is read only when it changed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from telemetry.errors import UnreadableRecord
from telemetry.events import RolloutChanged
from telemetry.following import Followed, look_for_ever
from telemetry.rollout_file import parse_rollout

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 0.02
NO_ROLLOUT: Final = "none"


class InForce(NamedTuple):
    """What decides assignments now. `applied_at_ns` is when this router took it on (epoch nanoseconds).

    `fractions` are the chances of a shadow by capability, `otherwise` that of every other prompt, `most` the
    largest of them; without an allotment every prompt has `shadow`.
    """

    rollout_id: str
    status: str
    revision: int
    stage: int
    share: float
    salt: str
    shadow: float
    applied_at_ns: int
    fractions: Mapping[str, float] = {}
    otherwise: float = 0.0
    most: float = 0.0

    def fraction_of(self, capability: str | None) -> float:
        """The chance of a shadow that a prompt of this capability has; None is a prompt of none of them."""
        return self.otherwise if capability is None else self.fractions.get(capability, self.otherwise)


def in_force(changed: RolloutChanged | None, default_salt: str, at_ns: int) -> InForce:
    """What a rollout's state means for assignments.

    `share` is the state's, whatever the status (0 after a rollback and after a close). Without a rollout
    everybody is on base; only a live one is shadowed.
    """
    if changed is None:
        return InForce(NO_ROLLOUT, NO_ROLLOUT, 0, 0, 0.0, default_salt, 0.0, at_ns)
    allotment = changed.allotment if changed.live else None
    shadow = changed.spec.shadow if changed.live else 0.0
    fractions = allotment.by_capability if allotment is not None else {}
    otherwise = allotment.otherwise if allotment is not None else shadow
    return InForce(
        rollout_id=changed.spec.rollout_id,
        status=changed.status,
        revision=changed.revision,
        stage=changed.stage,
        share=changed.share,
        salt=changed.spec.salt,
        shadow=shadow,
        applied_at_ns=at_ns,
        fractions=fractions,
        otherwise=otherwise,
        most=max(otherwise, *fractions.values()) if fractions else otherwise,
    )


class RolloutWatch:
    """Follows one rollout file. A file that cannot be read changes nothing; one that is gone means base."""

    def __init__(self, path: Path, *, default_salt: str, clock_ns: Callable[[], int] = time.time_ns) -> None:
        self._file = Followed(path)
        self._salt = default_salt
        self._clock_ns = clock_ns
        self.current = in_force(None, default_salt, clock_ns())
        self.look()

    @property
    def unreadable(self) -> int:
        """How often the file could not be read, or held no rollout state."""
        return self._file.unreadable

    def look(self) -> None:
        """Take on what the file says, if it changed since it was last read."""
        news = self._file.news()
        if news is None:
            return
        try:
            changed = parse_rollout(news.content, self._file.path) if news.content is not None else None
        except UnreadableRecord as error:
            self._file.unreadable += 1
            log.error("the rollout stays at revision %d: %s", self.current.revision, error)  # noqa: TRY400 - the message says it all, and a trace would repeat the file
            return
        self.current = in_force(changed, self._salt, self._clock_ns())
        log.info(
            "rollout %s is %s: revision %d, stage %d, share %g",
            self.current.rollout_id,
            self.current.status,
            self.current.revision,
            self.current.stage,
            self.current.share,
            extra={"rollout_id": self.current.rollout_id},
        )

    async def follow(self) -> None:
        """Look for ever, whatever a look runs into."""
        await look_for_ever(
            self.look, LOOK_EVERY_S, "a look at the rollout file failed; the rollout stays as it is"
        )
