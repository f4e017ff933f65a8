from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evaluator.watch.evidence.decide import RATIO_TEST, decide
from evaluator.watch.evidence.fold import RolloutEvidence
from serving.models.manifest import Manifest
from telemetry.errors import SettingsError, UsageError
from telemetry.events import DecisionMade, InteractionRecorded, Message, RolloutSpec, ScoreRecorded, now
from tests.evaluator.support.interactions import interaction
from tests.evaluator.support.scores import rollout, stream
from trainer.config import RehearsalSettings, SourceSettings, TrainSettings
from trainer.repairing.repair import fallen, harvest, repaired, settings_of

DROP = {"target": (0.3, 0.9), "facts": (0.9, 0.2), "json": (1.0, 0.95)}


def rolled_back() -> tuple[RolloutSpec, DecisionMade, list[ScoreRecorded]]:
    """A rollout in which `facts` fell, the decision that rolled it back, and the scores up to it."""
    spec, seen = rollout(), []
    evidence = RolloutEvidence(spec)
    for offset, score in enumerate(stream(900, seed=1, means=DROP)):
        seen.append(score)
        evidence.settle(score, 0, offset)
        decision = decide(evidence)
        if decision is not None and decision.action == "roll_back":
            return spec, decision, seen
    raise AssertionError("the rollout was not rolled back")


SPEC, DECISION, SCORES = rolled_back()


def interactions(
    policy: str = "full", prompt: str = "{capability} question {id}"
) -> dict[str, InteractionRecorded]:
    return {
        score.interaction_id: interaction(
            event_id=score.interaction_id,
            prompt=prompt.format(capability=score.capability, id=score.interaction_id),
            text_policy=policy,
        )
        for score in SCORES
    }


def blaming(*names: str, **proof: Any) -> DecisionMade:
    return DECISION.model_copy(update={"proof": DECISION.proof.model_copy(update={"blamed": names, **proof})})


def settings(**changes: Any) -> TrainSettings:
    given = {"base": "b", "data": "d", "output": "o", "name": "c", "brief": "brief.yaml", **changes}
    return TrainSettings.model_validate(given)


def test_the_prompts_are_those_of_the_blamed_capability_each_once() -> None:
    found = harvest(SPEC, DECISION, SCORES, interactions(), 1000)
    wanted = [score for score in SCORES if score.capability == "facts"]
    assert found.capabilities == ("facts",)
    assert {p.capability for p in found.prompts} == {"facts"}
    assert len({p.text for p in found.prompts}) == len(found.prompts) == len(wanted) == found.seen
    assert (found.missing, found.hashed, found.redacted) == (0, 0, 0)


def test_those_that_weighed_most_come_first_then_those_that_the_candidate_lost() -> None:
    found = harvest(SPEC, DECISION, SCORES, interactions(), 1000)
    ids = [prompt.text.split()[-1] for prompt in found.prompts]
    facts = [score for score in SCORES if score.capability == "facts"]
    heavy = [one for one in DECISION.proof.heaviest if one in {s.interaction_id for s in facts}]
    assert ids[: len(heavy)] == heavy
    lost = {s.interaction_id for s in facts if s.assignment.arm == "candidate" and s.value == 0.0} - set(
        heavy
    )
    assert lost
    assert set(ids[len(heavy) : len(heavy) + len(lost)]) == lost


def test_at_most_so_many_are_taken_and_the_same_prompt_counts_once() -> None:
    assert len(harvest(SPEC, DECISION, SCORES, interactions(), 5).prompts) == 5
    found = harvest(SPEC, DECISION, SCORES, interactions(prompt="  the same\n{capability}  "), 5)
    assert [p.text for p in found.prompts] == ["  the same\nfacts  "]


def test_the_last_thing_that_the_user_said_is_the_prompt() -> None:
    talk = (
        Message(role="user", content="first"),
        Message(role="assistant", content="yes"),
        Message(role="user", content="second"),
    )
    every = {name: one.model_copy(update={"messages": talk}) for name, one in interactions().items()}
    assert {p.text for p in harvest(SPEC, DECISION, SCORES, every, 9).prompts} == {"second"}


def test_hashed_text_is_refused_with_the_reason() -> None:
    with pytest.raises(UsageError, match=r"facts can be rehearsed: the text of \d+ interactions is hashed"):
        harvest(SPEC, DECISION, SCORES, interactions("hashed"), 9)


def test_redacted_prompts_are_counted_and_hashed_ones_among_them_left_out() -> None:
    every = interactions("redacted")
    facts = [s.interaction_id for s in SCORES if s.capability == "facts"]
    for name in facts[:3]:
        every[name] = every[name].model_copy(update={"text_policy": "hashed"})
    found = harvest(SPEC, DECISION, SCORES, every, 1000)
    assert found.hashed == 3
    assert found.redacted == len(found.prompts) == len(facts) - 3


def test_what_the_log_holds_no_more_is_counted_and_said() -> None:
    every = interactions()
    facts = [s.interaction_id for s in SCORES if s.capability == "facts"]
    some = {name: one for name, one in every.items() if name not in facts[:4]}
    assert harvest(SPEC, DECISION, SCORES, some, 1000).missing == 4
    with pytest.raises(UsageError, match="holds none of the"):
        harvest(SPEC, DECISION, SCORES, {}, 9)


def test_a_drop_that_is_spread_is_repaired_where_the_evidence_is() -> None:
    leading = {e.capability for e in DECISION.proof.evidence if e.e_value > 1.0} - {"target"}
    assert "facts" in leading
    assert set(fallen(SPEC, blaming())) == leading


@pytest.mark.parametrize("blamed", [("target",), ("latency",)])
def test_what_no_rehearsal_repairs_is_refused_with_the_decision_s_reason(blamed: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match=r"for what no rehearsal repairs: .*facts"):
        fallen(SPEC, blaming(*blamed))


def test_a_broken_assignment_is_no_drop_whatever_evidence_there_is_of_one() -> None:
    spread = blaming()
    broken = spread.model_copy(update={"proof": spread.proof.model_copy(update={"test": RATIO_TEST})})
    with pytest.raises(UsageError, match="for what no rehearsal repairs"):
        fallen(SPEC, broken)


def test_a_decision_that_rolled_nothing_back_is_refused() -> None:
    with pytest.raises(UsageError, match="is to promote"):
        fallen(SPEC, DECISION.model_copy(update={"action": "promote"}))


def test_a_training_that_rehearsed_nothing_rehearses_by_the_divergence_on_a_third() -> None:
    mixed = settings(mix=[{"path": "x.jsonl", "share": 0.2}])
    found = repaired(mixed, Path("replay.jsonl"), Path("new"), "c-repaired", 24)
    assert found.rehearsal is not None
    assert found.rehearsal.share == pytest.approx(0.8 / 3)
    assert (found.rehearsal.kl, found.rehearsal.learn) == (1.5, False)
    assert (found.rehearsal.prompts, found.rehearsal.max_new_tokens) == (Path("replay.jsonl"), 24)
    assert (found.output, found.name, found.mix) == (Path("new"), "c-repaired", mixed.mix)


def test_a_training_that_rehearsed_keeps_how_it_did() -> None:
    before = settings(rehearsal={"share": 0.3, "kl": 0.5, "self_generated": 4})
    found = repaired(before, Path("replay.jsonl"), Path("new"), "c2", 24).rehearsal
    assert found == RehearsalSettings(share=0.3, kl=0.5, self_generated=4, prompts=Path("replay.jsonl"))


def test_a_training_that_rehearsed_general_prompts_alone_rehearses_every_capability_too() -> None:
    before = settings(rehearsal={"exemplars": False, "general": 44})
    found = repaired(before, Path("replay.jsonl"), Path("new"), "c2", 24).rehearsal
    assert found == RehearsalSettings(exemplars=True, general=44, prompts=Path("replay.jsonl"))


def manifest(**changes: Any) -> Manifest:
    kept = {**settings(**changes).model_dump(mode="json", exclude={"base", "data", "output", "threads"})}
    kept["brief"] = "f" * 64
    return Manifest(kind="candidate", name="c", created=now(), files={}, sha256="0" * 64, settings=kept)


def test_settings_come_back_from_the_manifest_with_files_in_the_place_of_hashes() -> None:
    paths = [Path(name) for name in ("base", "data.jsonl", "brief.yaml", "out")]
    found = settings_of(manifest(steps=7, sam={"rho": 0.1}), *paths)
    assert (found.steps, found.sam.rho) == (7, 0.1)  # type: ignore[union-attr]
    assert [found.base, found.data, found.brief, found.output] == paths


@pytest.mark.parametrize(
    "changes",
    [
        {"mix": [SourceSettings(path=Path("x.jsonl"), share=0.2)]},
        {"rehearsal": {"prompts": "p.jsonl"}},
    ],
)
def test_files_that_the_manifest_knows_by_hash_only_are_asked_for(changes: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="by hash only") as caught:
        settings_of(manifest(**changes), *(Path(name) for name in "abcd"))
    assert "--run" in caught.value.hint
