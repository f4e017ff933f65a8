"""Base as a run asks it: in memory from its first question until it is forgotten, and asked nothing twice."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer

from serving.progress import Report, silent
from trainer.methods import lora
from trainer.methods.devices import dtype_on
from trainer.rehearsing.base_answers import Asking, asking, in_process, remembered, remembered_conversations
from trainer.scoring.suite import Answering


class LazyBase:
    """The model in `folder`, loaded in `dtype` onto `device` where it has to answer what is not in the file `answers`.

    `tokenizer` is there from the start; a candidate reads and writes with the same one.
    """

    def __init__(self, folder: Path, sha256: str, dtype: str, device: Any, answers: Path) -> None:
        self.sha256 = sha256
        self.tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
        self._folder, self._device, self._answers = folder, device, answers
        self._dtype = dtype_on(dtype, device)

    def conversations(self, report: Report = silent) -> Asking:
        """How base is asked conversations."""
        return remembered_conversations(
            lambda: asking(self._model, self.tokenizer, report), self._answers, self.sha256, self._dtype
        )

    def questions(self, system_prompt: str | None, report: Report = silent) -> Answering:
        """How base is asked the capability suite."""
        return remembered(
            lambda: in_process(self._model, self.tokenizer, system_prompt, report),
            self._answers,
            self.sha256,
            self._dtype,
            system_prompt,
        )

    def forget(self) -> None:
        """Let go of the model, so that there is no second one beside the one in training."""
        self.__dict__.pop("_model", None)

    @cached_property
    def _model(self) -> Any:
        return lora.load_onto(self._folder, self._dtype, self._device)
