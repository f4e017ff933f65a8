"""Every error Belay raises on purpose, in one tree; the command line maps `exit_code` to its exit status.

A message says what came, what was expected and where; `hint` says what to do about it.
"""

from __future__ import annotations

from typing import ClassVar


class BelayError(Exception):
    """Base of the tree.

    `exit_code` is what a command ends with (2 usage, 4 infrastructure); `retriable` says whether the
    same call may succeed later without anybody changing anything.
    """

    exit_code: ClassVar[int] = 4
    retriable: ClassVar[bool] = False

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}\n  {self.hint}" if self.hint else self.message


class UsageError(BelayError):
    """The caller's input is wrong: a file, a setting, an argument."""

    exit_code = 2


class BriefError(UsageError):
    """The capability brief cannot be used as it stands."""


class SettingsError(UsageError):
    """A settings file or option has a value that cannot be used."""


class AttestationError(UsageError):
    """A model folder is missing, incomplete, or does not match its manifest."""


class ModelPinned(UsageError):
    """A model folder may not be replaced or removed: a rollout needs it."""


class BaselineError(UsageError):
    """There is no baseline, or it was recorded under other conditions than those that it would be compared with."""


class InfrastructureError(BelayError):
    """Something that Belay runs or talks to is not there or failed."""


class PortTaken(InfrastructureError):
    """A port that a server of ours needs is in use."""


class BrokerUnavailable(InfrastructureError):
    """No broker answers, or it answers with an error that may pass."""

    retriable = True


class TopicMissing(BrokerUnavailable):
    """The broker has no such topic: never made, or deleted. `Bus.ensure_topics` makes it, so the error may pass."""


class EngineFailed(InfrastructureError):
    """An engine did not become healthy, or died."""


class SpoolError(InfrastructureError):
    """The spool's folder cannot be used."""


class UnreadableRecord(BelayError):
    """A record on the wire or on disk that cannot be decoded; it belongs in the dead letters."""


class RecordTooLarge(BelayError):
    """A record that no broker takes because of its size; it belongs in the dead letters."""


class TransitionRefused(UsageError):
    """The rollout's transition table has no row for this event in this status."""
