"""What transformers makes of a model folder: which tensors it expects, and how it renders chats. Loads torch."""

from __future__ import annotations

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from serving.models.hf_folder import HfFolder
from serving.models.quiet import quieten_transformers
from serving.models.tensors import Shapes
from telemetry.errors import AttestationError

_USER: Final[dict[str, str]] = {"role": "user", "content": "What is the capital of Norway?"}
_SYSTEM: Final[dict[str, str]] = {"role": "system", "content": "Answer in one word."}
_ASSISTANT: Final[dict[str, str]] = {"role": "assistant", "content": "Oslo."}
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Template:
    """What a chat template can do. `problem` says why chats cannot be rendered at all, and is empty where they can."""

    problem: str = ""
    system: bool = True
    turns: bool = True

    @property
    def notes(self) -> tuple[str, ...]:
        """What it lacks, for people."""
        found = []
        if self.problem:
            found.append(f"chat template: {self.problem}")
        if not self.problem and not self.system:
            found.append("chat template: it takes no system prompt; a brief with one cannot be asked")
        if not self.problem and not self.turns:
            found.append("chat template: it takes no earlier turns")
        return tuple(found)


def check_tensors(seen: HfFolder, found: Shapes) -> None:
    """Compare a folder's tensors with what its architecture has. Raises AttestationError with the first differences.

    The model is made without weights ("meta"), so this costs neither memory nor time.
    """
    quieten_transformers()
    import torch  # noqa: PLC0415 - seconds to load, and only adoption needs it
    from transformers import AutoConfig, AutoModelForCausalLM  # noqa: PLC0415 - likewise

    try:
        config = AutoConfig.from_pretrained(str(seen.folder), local_files_only=True, trust_remote_code=False)
        with torch.device("meta"):
            model: Any = AutoModelForCausalLM.from_config(config)
    except Exception as error:
        raise AttestationError(
            f"transformers cannot make a causal language model of {seen.folder}: {_first_line(error)}",
            hint=f"Its architecture is {seen.architecture}; is the installed transformers too old for it?",
        ) from error
    if seen.config.get("quantization_config"):
        return  # its tensors are packed, each method in its own way
    expected = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    tied = _tied(model)
    wrong = [f"{name} is missing" for name in expected if name not in found and name not in tied]
    wrong += [
        f"{name} is {found[name]}, expected {shape}"
        for name, shape in expected.items()
        if name in found and found[name] != shape
    ]
    if wrong:
        more = f"; and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else ""
        raise AttestationError(
            f"the weights in {seen.folder} are not those of its {seen.architecture}: "
            f"{'; '.join(wrong[:_SHOWN])}{more}",
            hint="Its config.json is of another model, or a part of its weights is missing.",
        )


def probe_template(folder: Path) -> Template:
    """Render chats as the folder's tokenizer does: one turn, a system prompt, several turns."""
    quieten_transformers()
    from transformers import AutoTokenizer  # noqa: PLC0415 - heavy: only adoption needs it here

    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False
        )
    except Exception as error:  # noqa: BLE001 - each tokenizer raises what it likes
        return Template(f"the tokenizer cannot be loaded ({_first_line(error)})")
    if not tokenizer.chat_template:
        return Template("there is none; give one with --chat-template FILE, or chats are refused")
    failed = _failure(tokenizer, [_USER])
    if failed:
        return Template(f"it cannot render a single question ({failed})")
    return Template(
        system=not _failure(tokenizer, [_SYSTEM, _USER]),
        turns=not _failure(tokenizer, [_USER, _ASSISTANT, _USER]),
    )


def served_by_vllm(architecture: str) -> bool | None:
    """Whether the installed vLLM lists the architecture; None where there is no vLLM. Its package is not imported."""
    spec = importlib.util.find_spec("vllm")
    if spec is None or not spec.submodule_search_locations:
        return None
    registry = Path(spec.submodule_search_locations[0]) / "model_executor" / "models" / "registry.py"
    if not registry.is_file():
        return None
    return re.search(rf'"{re.escape(architecture)}"', registry.read_text(encoding="utf-8")) is not None


def _tied(model: Any) -> set[str]:
    """Tensors that are another one's twin, and so need not be on disk."""
    keys = getattr(model, "all_tied_weights_keys", None) or getattr(model, "_tied_weights_keys", None) or ()
    return set(keys)


def _failure(tokenizer: Any, turns: list[dict[str, str]]) -> str:
    try:
        rendered = tokenizer.apply_chat_template(turns, add_generation_prompt=True, tokenize=False)
    except Exception as error:  # noqa: BLE001 - a template is a program, and may raise anything
        return _first_line(error)
    return "" if all(turn["content"] in rendered for turn in turns) else "it leaves a turn out"


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else 'no message'}"
