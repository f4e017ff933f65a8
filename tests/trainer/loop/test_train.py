from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional
from transformers import LlamaConfig, LlamaForCausalLM

from trainer.config import LoraSettings, TrainSettings
from trainer.data.encoding import IGNORED, Example
from trainer.data.feed import EncodedSource, Feed, Row
from trainer.loop import resume
from trainer.loop.diverged import TrainingDiverged
from trainer.loop.resume import State
from trainer.loop.train import Parts, Told, Training, learning_rate
from trainer.methods.adapted import adapted_layers
from trainer.methods.fisher import Fisher
from trainer.methods.lora import add_adapter
from trainer.methods.objective import completion_loss
from trainer.watching.drift import Probes

EXAMPLES = tuple(
    Example(tokens=(1, a, 4, b, 2), labels=(IGNORED, IGNORED, 4, b, 2)) for a in (3, 5, 6) for b in (7, 8, 9)
)
RETAINED = tuple(Example(tokens=(1, a, 11, 2), labels=(IGNORED, IGNORED, 11, 2)) for a in range(3, 9))
PROBES = Probes(tokens=torch.tensor([[1, 3, 4, 5], [1, 6, 7, 0]]), mask=torch.tensor([[1] * 4, [1, 1, 1, 0]]))


def model() -> LlamaForCausalLM:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=16, hidden_size=8, intermediate_size=8, num_hidden_layers=2, num_attention_heads=1
    )
    return LlamaForCausalLM(config)


def adapted(dropout: float = 0.0) -> Any:
    return add_adapter(model(), LoraSettings(rank=2, dropout=dropout), seed=3)


def settings(**changes: object) -> TrainSettings:
    given = {
        "base": Path("b"),
        "data": Path("d"),
        "output": Path("o"),
        "name": "c",
        "batch_size": 4,
        "watch": None,
        **changes,
    }
    return TrainSettings.model_validate(given)


def feed(batch_size: int = 4) -> Feed:
    sources = [
        EncodedSource("target", 0.5, EXAMPLES),
        EncodedSource("rehearsal", 0.5, RETAINED, new_task=False, rehearsed=True),
    ]
    return Feed(sources, batch_size, seed=7)


def fisher(net: Any) -> Fisher:
    generator = torch.Generator().manual_seed(5)
    shapes = {layer.name: layer.base.weight.shape for layer in adapted_layers(net)}
    return Fisher(
        {name: torch.rand(shape, generator=generator).to(torch.bfloat16) for name, shape in shapes.items()}
    )


EVERYTHING = {
    "lora": {"dropout": 0.3},
    "sam": {"rho": 0.1, "every": 3, "layers": 0.5},
    "ewc": {"strength": 0.1},
    "average": {"last": 0.5},
    "watch": {"every": 2},
    "learning_rate": 0.02,
}


class Kept:
    """Keeps states in memory, and has enough after so many."""

    def __init__(self, every: int, most: int = 99) -> None:
        self.every, self.most = every, most
        self.states: list[State] = []
        self.evaluated: list[int] = []

    def due(self, step: int) -> bool:
        return step % self.every == 0

    def keep(self, state: State) -> None:
        self.states.append(state)

    def enough(self, step: int, model: Any) -> bool:
        assert hasattr(model, "generate")
        assert model.training
        self.evaluated.append(step)
        return len(self.states) >= self.most


def everything(steps: int, **parts: Any) -> Training:
    """A training in which every method takes part."""
    net = adapted(dropout=0.3)
    whole = Parts(fisher=fisher(net), probes=PROBES, **parts)
    return Training(net, feed().rows, 0, settings(steps=steps, **EVERYTHING), whole)


def same(one: State, other: State) -> bool:
    tensors = (
        (a[name], b[name])
        for kind in ("weights", "moments", "methods")
        for a, b in [(getattr(one, kind), getattr(other, kind))]
        for name in {*a, *b}
    )
    return all(torch.equal(a, b) for a, b in tensors) and (one.steps, one.watched) == (
        other.steps,
        other.watched,
    )


def test_the_loss_falls_and_every_step_is_told() -> None:
    told: list[Told] = []
    training = Training(model(), feed().rows, 0, settings(steps=30, learning_rate=0.02))
    training.run(told.append)
    assert [t.step for t in told] == training.steps
    assert [t.step.step for t in told] == list(range(1, 31))
    assert training.steps[-1].loss < training.steps[0].loss / 2
    assert told[-1].seconds_left == 0
    assert all(t.rate > 0 and t.step.gradient_norm > 0 for t in told)


@pytest.mark.parametrize("stop", [1, 2, 3, 4, 5, 7])
def test_a_training_that_goes_on_from_a_state_ends_with_the_same_bits_as_one_that_never_stopped(
    stop: int, tmp_path: Path
) -> None:
    whole = everything(8)
    whole.run(lambda _: None)
    kept = Kept(stop, most=1)
    everything(8, keeper=kept).run(lambda _: None)
    resume.save(tmp_path, kept.states[0], "r")
    resumed = everything(8, saved=resume.newest(tmp_path, "r", pytest.fail))
    resumed.run(lambda _: None)
    assert same(whole.state(), resumed.state())
    assert not same(whole.state(), kept.states[0])


def test_training_stops_when_the_keeper_has_enough() -> None:
    kept = Kept(2, most=3)
    training = everything(10, keeper=kept)
    training.run(lambda _: None)
    assert [state.step for state in kept.states] == kept.evaluated == [2, 4, 6]
    assert len(training.steps) == 6


def test_a_state_that_was_kept_but_not_evaluated_is_evaluated_when_training_goes_on() -> None:
    first, second = Kept(2, most=1), Kept(2, most=1)
    everything(10, keeper=first).run(lambda _: None)
    second.states = list(first.states)
    training = everything(10, keeper=second, saved=first.states[0])
    training.run(lambda _: pytest.fail("a step was taken although there had been enough"))
    assert second.evaluated == [2]


def test_the_gradient_is_that_of_the_mean_over_the_step_s_labelled_tokens_also_in_parts() -> None:
    """Watching takes the new task's rows before the others'; the step must come out the same, but for rounding."""
    plain = Training(adapted(), feed().rows, 0, settings(steps=3, learning_rate=0.01))
    watched = Training(
        adapted(),
        feed().rows,
        0,
        settings(steps=3, learning_rate=0.01, watch={"every": 1}),
        Parts(probes=PROBES),
    )
    for training in (plain, watched):
        training.run(lambda _: None)
    assert [s.loss for s in watched.steps] == pytest.approx([s.loss for s in plain.steps], rel=1e-5)
    assert [s.gradient_norm for s in watched.steps] == pytest.approx(
        [s.gradient_norm for s in plain.steps], rel=1e-4
    )


def test_interference_compares_the_new_task_s_rows_only() -> None:
    """With all of the batch retained there is no new task, and nothing to compare."""
    only = Feed([EncodedSource("rehearsal", 1.0, RETAINED, new_task=False)], 4, seed=7)
    training = Training(adapted(), only.rows, 0, settings(steps=2, watch={"every": 1}), Parts(probes=PROBES))
    training.run(lambda _: None)
    assert all(row.interference is None for row in training.state().watched)


@pytest.mark.parametrize("where", ["layers.0.mlp.up_proj", "layers.1.self_attn.q_proj"])
def test_a_loss_that_is_no_number_stops_with_step_layer_and_batch(where: str) -> None:
    broken = model()
    with torch.no_grad():
        broken.get_submodule(f"model.{where}").weight[3, 0] = float("nan")
    with pytest.raises(TrainingDiverged) as caught:
        Training(broken, feed().rows, 0, settings(steps=3)).run(lambda _: None)
    assert "the loss became nan in step 1 of 3" in str(caught.value)
    assert f"that of model.{where};" in str(caught.value)
    batch = ", ".join(map(str, feed().rows(1)))
    assert f"the batch was {batch}" in str(caught.value)


def test_a_gradient_that_is_not_finite_stops_too() -> None:
    net = adapted()
    broken = fisher(net)
    broken.layers["model.layers.1.mlp.up_proj"][0, 0] = float("inf")
    with pytest.raises(
        TrainingDiverged, match=r"gradient's norm became (nan|inf) in step 1 of 3.*up_proj\.lora_"
    ):
        Training(net, feed().rows, 0, settings(steps=3, ewc={}), Parts(fisher=broken)).run(lambda _: None)


def test_dropout_is_drawn_by_the_step_and_not_by_what_was_drawn_before() -> None:
    one, other = (Training(adapted(dropout=0.5), feed().rows, 0, settings(steps=2)) for _ in range(2))
    one.run(lambda _: None)
    torch.manual_seed(12345)
    other.run(lambda _: torch.rand(7))
    assert [s.loss for s in one.steps] == [s.loss for s in other.steps]


@pytest.mark.parametrize("starts", [(1, 3), (4, 2), (4, 4)])
def test_the_loss_is_the_plain_cross_entropy_over_labels(starts: tuple[int, int]) -> None:
    tokens = torch.tensor([[1, 3, 4, 5, 2, 6], [1, 7, 8, 9, 2, 0]])
    labels = tokens.clone()
    for row, start in enumerate(starts):
        labels[row, :start] = IGNORED
    labels[1, 5] = IGNORED
    mask = torch.tensor([[1] * 6, [1] * 5 + [0]])
    net = model()
    with torch.no_grad():
        logits = net(input_ids=tokens, attention_mask=mask).logits
        plain = functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        ours = completion_loss(net, {"input_ids": tokens, "attention_mask": mask, "labels": labels})
    assert ours.item() == pytest.approx(plain.item(), rel=1e-5)


def rates(**changes: object) -> list[float]:
    chosen = settings(learning_rate=1.0, steps=8, **changes)
    return [learning_rate(number, chosen) for number in range(1, 9)]


def test_the_rate_warms_up_and_then_stays() -> None:
    assert rates(warmup_steps=3) == [0.25, 0.5, 0.75, 1.0, 1.0, 1.0, 1.0, 1.0]
    assert rates(warmup_steps=0) == [1.0] * 8


def test_the_rate_falls_evenly_over_the_last_part_that_decay_names() -> None:
    assert rates(warmup_steps=1, decay=0.5) == pytest.approx([0.5, 1.0, 1.0, 1.0, 0.8, 0.6, 0.4, 0.2])


def test_where_warm_up_and_decay_meet_the_lower_rate_holds() -> None:
    both = rates(warmup_steps=7, decay=1.0)
    assert both == pytest.approx([min(n / 8, (9 - n) / 9) for n in range(1, 9)])


def test_a_feed_gives_each_step_its_rows_whatever_was_asked_before() -> None:
    one, other = feed(), feed()
    rows: list[Sequence[Row]] = [one.rows(step) for step in range(1, 9)]
    assert [other.rows(step) for step in (5, 2, 8)] == [rows[4], rows[1], rows[7]]
    assert {str(row) for row in rows[0] if row.new_task} <= {f"target {n}" for n in range(1, 10)}
    for step in rows:
        assert sum(row.new_task for row in step) == 2


def test_packed_training_sees_the_rows_as_in_sequences_of_their_own() -> None:
    packed = Feed(feed().sources, 2, seed=7, packed_to=12)
    rows = packed.rows(1)
    assert len({row.sequence for row in rows}) == 2 < len(rows)
    apart = [row._replace(sequence=number) for number, row in enumerate(rows)]
    losses = []
    for given_, packing in ((rows, True), (apart, False)):
        training = Training(adapted(), lambda _, r=given_: r, 0, settings(steps=3, packing=packing))
        training.run(lambda _: None)
        losses.append([step.loss for step in training.steps])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
