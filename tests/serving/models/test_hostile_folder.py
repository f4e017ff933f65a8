"""Model folders by somebody who means harm: nothing in them runs, and nothing outside of them is read."""

from __future__ import annotations

import ast
import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from serving.models.hf_folder import look_at
from serving.models.loading import probe_template
from serving.models.manifest import attest, write_manifest
from serving.models.pins import _path
from serving.models.tensors import header_of
from telemetry.errors import AttestationError
from telemetry.rollout_file import file_of
from tests.places import ROOT
from tests.serving.models.foreign import folder_of

OURS = ("telemetry", "serving", "router", "evaluator", "trainer", "belay")
NESTED = "[" * 200_000


@functools.cache
def calls() -> list[tuple[str, ast.Call, str]]:
    """Every call in our packages: where, what, and its name or that of its attribute."""
    return list(_calls())


def _calls() -> Iterator[tuple[str, ast.Call, str]]:
    for package in OURS:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    named = node.func
                    name = named.attr if isinstance(named, ast.Attribute) else getattr(named, "id", "")
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node, name


def set_to(call: ast.Call, keyword: str) -> object:
    return next((ast.literal_eval(k.value) for k in call.keywords if k.arg == keyword), None)


def test_no_model_is_loaded_that_could_bring_code_of_its_own() -> None:
    loading = [(where, call) for where, call, name in calls() if name == "from_pretrained"]
    assert len(loading) > 5
    # None, the default, would ask whoever sits at the terminal.
    assert [where for where, call in loading if set_to(call, "trust_remote_code") is not False] == []


def test_weights_are_safetensors_or_gguf_wherever_they_are_loaded() -> None:
    models = [
        (where, call)
        for where, call, name in calls()
        if name == "from_pretrained" and "Model" in ast.unparse(call.func)
    ]
    assert models
    assert [
        w
        for w, c in models
        if not (set_to(c, "use_safetensors") or any(k.arg == "gguf_file" for k in c.keywords))
    ] == []


def test_nothing_unpickles_evaluates_unpacks_or_reads_yaml_that_makes_objects() -> None:
    found = [
        (where, ast.unparse(call.func))
        for where, call, name in calls()
        if name in {"extractall", "unpack_archive", "unsafe_load", "full_load"}
        or ast.unparse(call.func) in {"eval", "exec"}
        or ast.unparse(call.func) in {"torch.load", "pickle.load", "pickle.loads", "yaml.load", "joblib.load"}
        or (ast.unparse(call.func) == "np.load" and set_to(call, "allow_pickle") is not False)
        or set_to(call, "shell") is True
    ]  # fmt: skip
    assert found == []


def test_no_engine_is_started_with_code_of_a_model() -> None:
    for package in OURS:
        for path in (ROOT / package).rglob("*.py"):
            assert "--trust-remote-code" not in path.read_text(encoding="utf-8"), path


def test_a_template_that_reaches_for_the_machine_is_stopped_and_told(tmp_path: Path) -> None:
    folder, proof = folder_of("llama", tmp_path / "llama"), tmp_path / "proof"
    reach = f"{{{{ cycler.__init__.__globals__.os.system('touch {proof}') }}}}"
    (folder / "chat_template.jinja").write_text(reach)
    config = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps({**config, "chat_template": reach}))
    assert "SecurityError" in probe_template(folder).problem or "Undefined" in probe_template(folder).problem
    assert not proof.exists()


def _shard_elsewhere(folder: Path) -> None:
    (folder.parent / "other.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    weights = {"weight_map": {"a": "../other.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(weights))


def _tokenizer_with_code(folder: Path) -> None:
    config = json.loads((folder / "tokenizer_config.json").read_text())
    harm = {**config, "auto_map": {"AutoTokenizer": ["harm.Tokenizer", None]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(harm))


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (_shard_elsewhere, r"outside of its folder: \.\./other\.safetensors"),
        (_tokenizer_with_code, "tokenizer_config.json names code of its own"),
        (lambda folder: (folder / "config.json").write_text(NESTED), "is no JSON"),
        (lambda folder: (folder / "config.json").write_text(" " * (17 << 20)), "expected at most"),
        (
            lambda folder: (folder / "model.safetensors.index.json").write_text(NESTED),
            "no index of weight files",
        ),
    ],
)
def test_a_folder_that_means_harm_is_refused(harm: Callable[[Path], None], told: str, tmp_path: Path) -> None:
    folder = folder_of("llama", tmp_path / "llama")
    harm(folder)
    with pytest.raises(AttestationError, match=told):
        look_at(folder)


def test_a_header_that_nests_without_end_or_is_longer_than_its_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.safetensors"
    for length, header in ((len(NESTED), NESTED), (1 << 60, "{}")):
        file.write_bytes(length.to_bytes(8, "little") + header.encode())
        with pytest.raises(AttestationError, match="no complete safetensors file"):
            header_of(file)


def test_a_manifest_that_names_files_elsewhere_attests_nothing(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    manifest = write_manifest(folder, kind="base", name="m")
    for name in ("../b", str(tmp_path / "b")):
        said = manifest.model_copy(update={"files": {**manifest.files, name: manifest.files["a"]}})
        (folder / "manifest.json").write_text(said.model_dump_json())
        with pytest.raises(AttestationError):
            attest(folder)


@pytest.mark.parametrize("name", ["../../x", "/etc/x", "..", "a/../../b", "%2e%2e/x", "x\0y"])
def test_no_name_of_a_route_or_a_rollout_leads_out_of_its_folder(name: str, tmp_path: Path) -> None:
    assert file_of(tmp_path / "rollout.json", name).parent == tmp_path
    assert _path(tmp_path, name).parent == _path(tmp_path, "r1").parent
