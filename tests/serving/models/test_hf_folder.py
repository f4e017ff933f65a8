"""Folders from elsewhere: what is told of one that cannot be used."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from serving.models.hf_folder import look_at
from serving.models.loading import check_tensors, probe_template
from serving.models.tensors import shapes_in
from telemetry.errors import AttestationError
from tests.serving.models.foreign import folder_of, model


@pytest.mark.parametrize("architecture", ["llama", "mistral", "qwen2", "gpt2"])
def test_every_architecture_that_transformers_loads_is_taken(architecture: str, tmp_path: Path) -> None:
    folder = folder_of(architecture, tmp_path / architecture)
    seen = look_at(folder)
    check_tensors(seen, shapes_in(folder))
    assert seen.has_tokenizer
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {path.name for path in seen.files}


def test_the_shapes_in_a_header_are_those_of_the_model(tmp_path: Path) -> None:
    folder = folder_of("llama", tmp_path / "llama")
    expected = {name: tuple(tensor.shape) for name, tensor in model("llama").state_dict().items()}
    assert shapes_in(folder) == expected


def _without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _cut(folder: Path) -> None:
    whole = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(whole[: len(whole) // 2])


def _pointer(folder: Path) -> None:
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:ab\n")


def _pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def _gguf(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model.gguf")


def _own_code(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "auto_map": {"AutoModel": "modeling.py"}}))


def _lost_shard(folder: Path) -> None:
    weights = {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(weights))


def _no_json(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def _two_sets(folder: Path) -> None:
    (folder / "second.safetensors").write_bytes((folder / "model.safetensors").read_bytes())


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (_without("config.json"), "no config.json"),
        (_without("model.safetensors"), r"no \*.safetensors"),
        (_cut, "no complete safetensors file"),
        (_pointer, "no complete safetensors file"),
        (_pickled, "pickles"),
        (_gguf, "GGUF"),
        (_own_code, "code of its own"),
        (_lost_shard, "model-00001-of-00002.safetensors"),
        (_no_json, "no JSON"),
        (_two_sets, "another file"),
    ],
)
def test_a_folder_that_cannot_be_used_says_what_is_wrong_with_it(
    harm: Callable[[Path], None], told: str, tmp_path: Path
) -> None:
    folder = folder_of("llama", tmp_path / "llama")
    harm(folder)
    with pytest.raises(AttestationError, match=told) as raised:
        look_at(folder)
    assert raised.value.hint


def test_weights_of_another_size_than_the_config_says_are_refused(tmp_path: Path) -> None:
    folder = folder_of("llama", tmp_path / "llama")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "intermediate_size": 40}))
    with pytest.raises(AttestationError, match=r"expected \(40, 16\)|expected \(16, 40\)"):
        check_tensors(look_at(folder), shapes_in(folder))


def test_a_layer_that_is_missing_is_named(tmp_path: Path) -> None:
    folder = folder_of("llama", tmp_path / "llama")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(AttestationError, match=r"model\.layers\.2\.\S+ is missing"):
        check_tensors(look_at(folder), shapes_in(folder))


def test_a_template_without_system_prompts_is_told(tmp_path: Path) -> None:
    folder = folder_of("llama", tmp_path / "llama")
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system here') }}{% endif %}"
        "{{ m.content }}{% endfor %}"
    )
    template = probe_template(folder)
    assert (template.problem, template.system, template.turns) == ("", False, True)
    assert "no system prompt" in template.notes[0]


def test_a_folder_without_a_template_is_told(tmp_path: Path) -> None:
    folder = folder_of("llama", tmp_path / "llama")
    (folder / "chat_template.jinja").unlink()
    assert "--chat-template" in probe_template(folder).notes[0]
