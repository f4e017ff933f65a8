"""Keeps what a training has come to on disk, and evaluates it: the part beside the loop that touches files.

states/               the newest states, to go on from (`trainer.loop.resume`)
evaluations.json      what each checkpoint scored, and the hash of each file in front/
front/                the trained weights of the checkpoints on the Pareto front, one file each
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from safetensors.torch import load_file, save_file

from serving.models.manifest import file_sha256
from telemetry.errors import UsageError
from telemetry.events import Value
from telemetry.files import write_renamed
from trainer.loop import resume
from trainer.loop.disk import require_room
from trainer.loop.resume import State, Tensors
from trainer.scoring.checkpoints import Evaluation, best, eligible, enough, front

Evaluate = Callable[[int, Any], Evaluation]
"""Asks the capability suite of a model at a step."""
_STATES: Final = "states"
_FRONT: Final = "front"
_EVALUATIONS: Final = "evaluations.json"
_BYTES: Final = 4  # of a float32, which all that is kept is


class _Evaluated(Value):
    recipe: str
    evaluations: tuple[Evaluation, ...]
    weights: dict[int, str]


class Checkpoints:
    """Saves the state after each step of `at`, evaluates it, and says when nothing new is gained.

    `evaluate` of None saves without asking, `patience` of None never has enough, `most_kl` of None takes any
    checkpoint. Only a process that is `main` writes; the others follow.
    """

    def __init__(
        self,
        folder: Path,
        recipe: str,
        at: Collection[int],
        evaluate: Evaluate | None,
        patience: int | None = None,
        most_kl: float | None = None,
        *,
        main: bool = True,
    ) -> None:
        self.evaluations: list[Evaluation] = []
        self._folder, self._recipe, self._at = folder, recipe, frozenset(at)
        self._evaluate, self._main = evaluate, main
        self._patience, self._most_kl = patience, most_kl
        self._files: dict[int, str] = {}
        self._last: State | None = None

    def saved(self, on_damage: Callable[[str], None]) -> State | None:
        """The newest whole state and what was evaluated up to it; None where there is none to go on from.

        `on_damage` is told of what was refused.
        """
        self._last = resume.newest(self._folder / _STATES, self._recipe, on_damage)
        known = self._read(on_damage) if self._last is not None else None
        if self._last is not None and known is not None:
            self.evaluations = [e for e in known.evaluations if e.step <= self._last.step]
            self._files = {step: digest for step, digest in known.weights.items() if step <= self._last.step}
        return self._last

    def due(self, step: int) -> bool:
        """Whether this step's state is kept."""
        return step in self._at

    def keep(self, state: State) -> None:
        """Write the state. Raises DiskFull where there is no room for it; what was kept before stays."""
        numbers = sum(
            t.numel() for kind in (state.weights, state.moments, state.methods) for t in kind.values()
        )
        require_room(
            self._folder,
            numbers * _BYTES,
            f"the training's state after step {state.step}",
            hint=f"Make room and run it again: it goes on from the last state in {self._folder}.",
        )
        resume.save(self._folder / _STATES, state, self._recipe)
        self._last = state

    def enough(self, step: int, model: Any) -> bool:
        """Evaluate the checkpoint unless it was; whether the last ones have brought nothing new, or it is too far."""
        if self._evaluate is None:
            return False
        if step not in {e.step for e in self.evaluations}:
            self.evaluations.append(self._evaluate(step, model))
            if self._main and self._last is not None:
                self._write_front(self._last)
        return enough(self.evaluations, self._patience, self._most_kl)

    def chosen(self) -> tuple[int, Tensors] | None:
        """Step and weights of the best checkpoint by the rule; None where none was evaluated.

        Raises UsageError where its weights are not what was written.
        """
        if not self.evaluations:
            return None
        step = best(self.evaluations, self._most_kl).step
        if self._last is not None and self._last.step == step:
            return step, self._last.shipped
        path = self._weights_file(step)
        if not path.is_file() or file_sha256(path) != self._files.get(step):
            raise UsageError(
                f"the best checkpoint's weights {path} are damaged",
                hint=f"Remove {self._folder} and train again.",
            )
        return step, load_file(str(path))

    def _write_front(self, state: State) -> None:
        """Keep the weights where they are on the front, drop those that are not any more."""
        on_front = {e.step for e in front(eligible(self.evaluations, self._most_kl))}
        path = self._weights_file(state.step)
        if state.step in on_front:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside = path.with_suffix(".new")
            save_file(state.shipped, str(beside))
            self._files[state.step] = file_sha256(beside)
            beside.replace(path)
        self._files = {step: digest for step, digest in self._files.items() if step in on_front}
        content = _Evaluated(
            recipe=self._recipe,
            evaluations=tuple(self.evaluations),
            weights=dict(sorted(self._files.items())),
        )
        write_renamed(self._folder / _EVALUATIONS, content.model_dump_json(indent=1).encode())
        # After the index, so that a kill in between leaves a file too many, never one too few.
        for file in path.parent.glob("step-*.safetensors"):
            if file not in {self._weights_file(step) for step in self._files}:
                file.unlink()

    def _read(self, on_damage: Callable[[str], None]) -> _Evaluated | None:
        path = self._folder / _EVALUATIONS
        if not path.is_file():
            return None
        try:
            found = _Evaluated.model_validate_json(path.read_bytes())
        except ValidationError as error:
            on_damage(f"{path} is damaged, so the checkpoints before are not compared any more: {error}")
            return None
        return found if found.recipe == self._recipe else None

    def _weights_file(self, step: int) -> Path:
        return self._folder / _FRONT / f"step-{step:06d}.safetensors"
