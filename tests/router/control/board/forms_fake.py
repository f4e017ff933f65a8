"""Drafts for a browser: one candidate that passed, one that did not, and the brief's ten capabilities."""

from __future__ import annotations

from _control.story import spec

from router.control.drafting_api import Candidate, Choices, DraftAsked, Drafted, WrongField

TERMS = (
    "facts: judged by program, threshold 5 points",
    "one_sentence_summary: judged by judge support-judge-3, threshold 5 points",
)


class FakeDrafting:
    """A home with two candidates."""

    def choices(self) -> Choices:
        """What there is."""
        return Choices(
            candidates=(
                Candidate(name="support-3", audit="pass"),
                Candidate(name="support-naive", audit="fail"),
            ),
            model="support",
            stages="5%:2000,25%:4000,50%",
            advance="evidence",
            shadow=0.1,
        )

    def draft(self, asked: DraftAsked, by: str) -> Drafted:  # noqa: ARG002 -- the shape of Drafting
        """The rollout, where the stages can be read."""
        if "%" not in asked.stages:
            raise WrongField(
                "stages", f"has {asked.stages!r}, expected a share and interactions such as 5%:2000"
            )
        made = spec("r-3", candidate=asked.candidate, route=asked.route)
        return Drafted(spec=made, terms=TERMS)
