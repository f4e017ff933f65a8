"""A decision's proof in plain words. Pure."""

from __future__ import annotations

from typing import Final

from router.control.board.told import Decision
from router.control.board.verdict import part, plain, signed
from telemetry.events import Action, CapabilityEvidence, DecisionMade, Proof

_DONE: Final[dict[Action, str]] = {
    "roll_back": "All traffic goes back to base.",
    "promote": "The candidate gets the next stage's share.",
    "hold": "Nothing changes: neither a rollback nor a promotion is proven.",
}


def told(decision: DecisionMade) -> Decision:
    """A decision as the page shows it."""
    proof = decision.proof
    return Decision(
        rollout_id=decision.rollout_id,
        decision_id=decision.event_id,
        at=decision.time,
        action=decision.action,
        stage=decision.stage,
        reason=decision.reason,
        words=in_words(decision),
        replay=f"belay replay {decision.event_id}",
        blamed=proof.blamed,
        evidence=proof.evidence,
        facts={
            "test": proof.test,
            "scores": f"{proof.topic}, partition {proof.partition}, "
            f"offsets {proof.first_offset:,} to {proof.last_offset:,}",
            "their hash": proof.scores_sha256,
            "brief": proof.brief_sha256,
            "settings": proof.settings_sha256,
            "judges": ", ".join(proof.judges) or "none",
            "deciding score": proof.deciding_score,
        },
        heaviest=proof.heaviest,
    )


def in_words(decision: DecisionMade) -> tuple[str, ...]:
    """What was done, on what numbers, how sure that is, and what it rests on: a sentence or two each."""
    proof = decision.proof
    by_name = {one.capability: one for one in proof.evidence}
    shown = [by_name[name] for name in proof.blamed if name in by_name]
    if not shown:
        shown = sorted((one for one in proof.evidence if one.watched), key=part, reverse=True)[:1]
    return (_DONE[decision.action], *(_capability(one) for one in shown), _sure(decision), _basis(proof))


def _capability(one: CapabilityEvidence) -> str:
    name, limit = plain(one.capability).capitalize(), 100 * (one.tolerated or one.threshold)
    said = []
    if one.control.mean is not None and one.candidate.mean is not None:
        said.append(
            f"{one.candidate.mean:.0%} of what was asked with the candidate ({one.candidate.n:,} units) against "
            f"{one.control.mean:.0%} with base ({one.control.n:,}): "
            f"{signed(100 * (one.candidate.mean - one.control.mean))} points"
        )
    if one.pairs and one.pair_gap is not None:
        said.append(f"{signed(-100 * one.pair_gap)} points over {one.pairs:,} requests that both answered")
    if (felt := _felt(one)) is not None:
        said.append(felt)
    if one.set_aside:
        said.append(f"{one.set_aside:,} more did not count, since one subject or API key weighs only so much")
    told = f"{name}: {'; '.join(said) or 'no score of both arms yet'}. At most {signed(-limit)} is tolerated."
    return told if one.people is None else f"{told} Judged by {one.judged_by}, {one.people.told()}."


def _felt(one: CapabilityEvidence) -> str | None:
    """Who feels it, where units and pairs have told them apart."""
    if one.apart is None:
        return None
    asked = one.apart.mostly(one.e_value)
    if asked == "traffic":
        return "most of the evidence is of what is asked, so those feel it who ask much"
    return "most of the evidence is of subjects, so those feel it who ask little" if asked else None


def _sure(decision: DecisionMade) -> str:
    proof = decision.proof
    reached = (
        f"The evidence of a drop is M = {proof.e_value:,.4g}, and a rollback is due at {proof.bar:,.0f}."
    )
    if decision.action != "roll_back":
        return reached
    return (
        f"{reached} A candidate that is no worse than tolerated gets there in at most one of "
        f"{proof.bar:,.0f} rollouts, however often one looks."
    )


def _basis(proof: Proof) -> str:
    return (
        f"It follows from the scores in {proof.topic} at offsets {proof.first_offset:,} to {proof.last_offset:,} "
        "and from nothing else: whoever folds them again gets the same bytes."
    )
