"""`belay adopt`: a folder, an adapter, a hub's name or a URL becomes a model of this home."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console

from belay.home import Home
from serving.engines.address import ModelAddress
from serving.engines.identity_probes import save_identity, take_identity
from serving.models.adapter import WEIGHTS, Adapter, is_adapter, lora_rank, read_adapter
from serving.models.adopting import adopt_adapter, adopt_folder, base_for
from serving.models.hf_folder import look_at
from serving.models.loading import check_tensors, probe_template, served_by_vllm
from serving.models.manifest import (
    MANIFEST,
    EngineOfOthers,
    Origin,
    file_sha256,
    read_manifest,
    write_manifest,
)
from serving.models.staging import staged_folder
from serving.models.store import ModelStore, StoredModel
from serving.models.tensors import shapes_in
from telemetry.errors import AttestationError, UsageError

Role = Literal["base", "candidate", "adapter"]


@dataclass(frozen=True, slots=True)
class Adoption:
    """What a person said of the model that is adopted. `role` None is told from what lies there.

    `base` names the base of a candidate or an adapter; `model`, `key_env` and `tokenizer` are of a URL.
    """

    source: str
    role: Role | None = None
    name: str | None = None
    base: str | None = None
    copy: bool = False
    template: Path | None = None
    download: bool = False
    model: str | None = None
    key_env: str | None = None
    tokenizer: Path | None = None


def adopt(home: Home, asked: Adoption, console: Console) -> StoredModel:
    """Take the model in. Raises AttestationError, UsageError and EngineFailed; nothing half-made stays."""
    store = ModelStore(home.models)
    if asked.name is not None:
        _name(asked, asked.name)
    if "://" in asked.source and not asked.source.startswith(("http://", "https://")):
        raise UsageError(
            f"{asked.source!r} is neither a folder nor an engine's URL",
            hint="URLs begin with http:// or https://.",
        )
    if re.match(r"https?://", asked.source):
        return _from_url(store, asked, console)
    folder = _downloaded(home, asked, console) if asked.download else Path(asked.source).expanduser()
    if is_adapter(folder) and asked.role != "base":
        return _from_adapter(store, asked, folder, console)
    return _from_folder(store, asked, folder, console)


def _from_folder(store: ModelStore, asked: Adoption, folder: Path, console: Console) -> StoredModel:
    if asked.role == "adapter":
        read_adapter(folder)  # says what is missing
    role = asked.role or ("candidate" if asked.base else "base")
    seen = look_at(folder)
    base = store.base(asked.base) if role == "candidate" else None
    console.print(f"   {seen.architecture}, {_size(seen.files)}")
    shapes = shapes_in(folder)
    check_tensors(seen, shapes)
    final = store.folder / _name(asked, folder.resolve().name)
    notes = list(seen.notes)
    adopt_folder(
        seen,
        final,
        kind=role,
        base=base,
        copy=asked.copy,
        template=asked.template,
        check=lambda beside: notes.extend(probe_template(beside).notes),
    )
    adopted = StoredModel.at(final)
    if base is not None:
        notes += _beside_base(adopted, base)
    if served_by_vllm(seen.architecture) is False:
        notes.append(f"the installed vLLM does not list {seen.architecture}: it may not be servable")
    return _told(adopted, notes, console)


def _from_adapter(store: ModelStore, asked: Adoption, folder: Path, console: Console) -> StoredModel:
    adapter = read_adapter(folder)
    bases = [store.base(asked.base)] if asked.base else list(store.every("base"))
    base = base_for(adapter, bases, named=asked.base is not None)
    console.print(
        f"   LoRA of rank {adapter.rank} on {len(adapter.layers)} layers of {base.name}; names and shapes fit"
    )
    final = store.folder / _name(asked, folder.resolve().name)
    if asked.role == "candidate":
        _merged(adapter, base, final)
    else:
        lora_rank(folder)  # refuses what vLLM has no room for
        adopt_adapter(adapter, final, base, copy=asked.copy)
    notes = _before_pruning(folder)
    if adapter.claimed_base:
        notes.append(
            f"its config says that it was trained on {adapter.claimed_base!r}; that cannot be checked"
        )
    return _told(StoredModel.at(final), notes, console)


def _before_pruning(folder: Path) -> list[str]:
    """What to know of an adapter that lies in one of our candidates whose merge pruned its change."""
    if not (folder.resolve().parent / MANIFEST).is_file():
        return []
    try:
        candidate = read_manifest(folder.resolve().parent)
    except AttestationError:
        return []  # somebody else's file of that name
    prune = (candidate.settings.get("merge") or {}).get("prune")
    if not prune:
        return []
    part = f"{100 * prune['keep']:g}% of its change"
    return [
        f"the candidate {candidate.name} was merged with {part}; this adapter has all of it: audit it by itself"
    ]


def _merged(adapter: Adapter, base: StoredModel, final: Path) -> None:
    """Write base with the adapter merged into it, in base's own precision."""
    from trainer.merging.writing import merge_adapter  # noqa: PLC0415 - brings torch, which takes seconds

    with staged_folder(final) as beside:
        merge_adapter(base.folder, adapter.folder, beside)
        write_manifest(
            beside,
            kind="candidate",
            name=final.name,
            base_sha256=base.manifest.sha256,
            settings={"adapter_sha256": file_sha256(adapter.folder / WEIGHTS), "rank": adapter.rank},
            origin=Origin(how="adopted", source=str(adapter.folder)),
        )


def _from_url(store: ModelStore, asked: Adoption, console: Console) -> StoredModel:
    if asked.role == "adapter":
        raise UsageError(
            "an adapter at a URL is a model under its own name",
            hint="Adopt it as a candidate: `belay adopt URL --as candidate --model NAME`.",
        )
    role: Literal["base", "candidate"] = "candidate" if asked.role == "candidate" or asked.base else "base"
    if asked.model is None:
        raise UsageError(f"which model at {asked.source}?", hint="Give its name there: --model NAME.")
    base = store.base(asked.base) if role == "candidate" else None
    address = ModelAddress(asked.source, asked.model, asked.key_env)
    identity = take_identity(address)
    final = store.folder / _name(asked, asked.model.rpartition("/")[2])
    with staged_folder(final) as beside:
        save_identity(beside, identity)
        write_manifest(
            beside,
            kind=role,
            name=final.name,
            base_sha256=base.manifest.sha256 if base else None,
            settings={"engine": identity.engine},
            origin=Origin(how="adopted", source=address.root),
            engine=EngineOfOthers(
                url=address.root,
                model=asked.model,
                key_env=asked.key_env,
                tokenizer=str(asked.tokenizer.resolve()) if asked.tokenizer else None,
            ),
        )
    known = (
        f"first tokens within {identity.tolerance:.3g} nats"
        if identity.tells_logprobs
        else "greedy answers alone, since the engine tells no log-probabilities"
    )
    console.print(f"   {identity.engine}; known again by {known}")
    notes = (
        [] if asked.tokenizer else ["no --tokenizer: its chat template and lm-eval's tasks cannot be checked"]
    )
    return _told(StoredModel.at(final), notes, console)


def _beside_base(adopted: StoredModel, base: StoredModel) -> list[str]:
    """How a candidate from elsewhere stands to the base that a person gave it."""
    if base.manifest.engine is not None:
        return [f"{base.name} is run by others: the candidate's tensors were not compared with its"]
    mine, theirs = shapes_in(adopted.folder), shapes_in(base.folder)
    differing = [name for name in theirs if mine.get(name) != theirs[name]]
    if differing:
        return [f"{len(differing)} of {base.name}'s {len(theirs)} tensors have another shape here, or none"]
    weights = {n: h for n, h in base.manifest.files.items() if n.endswith(".safetensors")}
    if weights and all(adopted.manifest.files.get(n) == h for n, h in weights.items()):
        return [f"its weights are {base.name}'s, bit by bit"]
    return []


def _downloaded(home: Home, asked: Adoption, console: Console) -> Path:
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - only those who ask for the hub load it
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError  # noqa: PLC0415 - as above
    from requests import ConnectionError as NoConnection  # noqa: PLC0415 - as above

    console.print(f"   fetching {asked.source} from the hub")
    try:
        return Path(snapshot_download(asked.source, cache_dir=home.root / "hub"))
    except (HfHubHTTPError, HFValidationError, NoConnection, OSError, ValueError) as error:
        raise UsageError(
            f"the hub gave no {asked.source!r}: {str(error).splitlines()[0]}",
            hint="Is the name OWNER/MODEL, the hub reachable, HF_HUB_OFFLINE unset, and HF_TOKEN set if it is gated?",
        ) from error


def _name(asked: Adoption, found: str) -> str:
    """The model's name in the home: what a person said, or what it is called where it lies."""
    name = asked.name or re.sub(r"[^A-Za-z0-9._-]+", "-", found).strip("-.").lower()
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", name):
        raise UsageError(
            f"{name!r} cannot be a model's name: letters, digits, '.', '_' and '-', at most 64",
            hint="Say one: --name NAME.",
        )
    return name


def _told(model: StoredModel, notes: list[str], console: Console) -> StoredModel:
    for note in notes:
        console.print(f"   note: {note}", soft_wrap=True, markup=False)
    manifest = model.manifest
    what = "an adapter" if manifest.kind == "adapter" else f"a {manifest.kind}"
    said = f"   {model.name} is {what}, sha256 {manifest.sha256[:12]}, in {model.folder}"
    console.print(said, soft_wrap=True, markup=False)
    return model


def _size(files: tuple[Path, ...]) -> str:
    total = sum(path.stat().st_size for path in files)
    return f"{total / 1e9:.1f} GB" if total >= 1e9 else f"{total / 1e6:.0f} MB"
