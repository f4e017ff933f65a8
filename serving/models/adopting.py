"""Taking in a model from elsewhere: links or copies into the home, and a manifest. Its own folder stays as it is."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from serving.models.adapter import CONFIG as ADAPTER_CONFIG
from serving.models.adapter import WEIGHTS, Adapter, misfits
from serving.models.hf_folder import TEMPLATE, TOKENIZERS, HfFolder
from serving.models.manifest import MANIFEST, Kind, Manifest, Origin, write_manifest
from serving.models.staging import staged_folder
from serving.models.store import StoredModel
from serving.models.tensors import shapes_in
from telemetry.errors import AttestationError, UsageError


def adopt_folder(
    seen: HfFolder,
    final: Path,
    *,
    kind: Kind,
    base: StoredModel | None = None,
    copy: bool = False,
    template: Path | None = None,
    check: Callable[[Path], None] = lambda _folder: None,
) -> Manifest:
    """Make `final` the model that lies in `seen`'s folder; by links, or by copies with `copy`.

    A candidate without a tokenizer gets its base's, and `template` stands in for the chat template. `check` sees
    the folder before it appears, and may refuse it by raising.
    """
    with staged_folder(final) as beside:
        place(seen.files, beside, copy=copy)
        if not seen.has_tokenizer:
            _take_tokenizer(seen, base, beside, copy=copy)
        if template is not None:
            (beside / TEMPLATE).unlink(missing_ok=True)
            shutil.copyfile(template, beside / TEMPLATE)
        check(beside)
        return write_manifest(
            beside,
            kind=kind,
            name=final.name,
            base_sha256=base.manifest.sha256 if base is not None else None,
            settings={"architecture": seen.architecture},
            origin=Origin(how="adopted", source=str(seen.folder), linked=not copy),
        )


def adopt_adapter(adapter: Adapter, final: Path, base: StoredModel, *, copy: bool = False) -> Manifest:
    """Make `final` the adapter, of `base`. Raises AttestationError where it does not fit, or cannot be served."""
    if adapter.dora:
        raise AttestationError(
            f"{adapter.folder} is a DoRA adapter, which vLLM does not serve beside its base",
            hint="Adopt it as a candidate: `belay adopt FOLDER --as candidate` merges it into its base.",
        )
    with staged_folder(final) as beside:
        place([adapter.folder / ADAPTER_CONFIG, adapter.folder / WEIGHTS], beside, copy=copy)
        return write_manifest(
            beside,
            kind="adapter",
            name=final.name,
            base_sha256=base.manifest.sha256,
            settings={"rank": adapter.rank, "layers": len(adapter.layers)},
            origin=Origin(how="adopted", source=str(adapter.folder), linked=not copy),
        )


def base_for(adapter: Adapter, bases: Sequence[StoredModel], named: bool) -> StoredModel:
    """The base among `bases` that the adapter's tensors fit; `named` says that a person chose it.

    What the adapter's config claims is told, never believed. Raises AttestationError where none fits, and UsageError
    where several do and nobody said which.
    """
    fitting, reasons = [], []
    for base in bases:
        wrong = (
            misfits(adapter, shapes_in(base.folder)) if base.manifest.engine is None else ["it has no files"]
        )
        if wrong:
            reasons.append(f"{base.name}: {wrong[0]}" + (f" and {len(wrong) - 1} more" if wrong[1:] else ""))
        else:
            fitting.append(base)
    claimed = f" (its config says {adapter.claimed_base!r})" if adapter.claimed_base else ""
    if not fitting:
        raise AttestationError(
            f"{adapter.folder} is no adapter of {'that base' if named else 'any base here'}{claimed}: "
            f"{'; '.join(reasons) or 'there is no base'}",
            hint="Adopt its base first: `belay adopt FOLDER --as base`.",
        )
    if len(fitting) > 1:
        raise UsageError(
            f"{adapter.folder} fits several bases by names and shapes: {', '.join(b.name for b in fitting)}{claimed}",
            hint="Say on which it was trained: --base NAME.",
        )
    return fitting[0]


def place(files: Iterable[Path], folder: Path, *, copy: bool) -> None:
    """Link or copy `files` into `folder` under their own names. A manifest of another home stays behind."""
    for path in files:
        if path.name == MANIFEST:
            continue
        if copy:
            shutil.copyfile(path, folder / path.name)
        else:
            (folder / path.name).symlink_to(path.resolve())


def _take_tokenizer(seen: HfFolder, base: StoredModel | None, beside: Path, *, copy: bool) -> None:
    if base is None or base.manifest.engine is not None:
        raise AttestationError(
            f"{seen.folder} has no tokenizer (none of {', '.join(TOKENIZERS)})",
            hint="Put the tokenizer's files beside the weights.",
        )
    wanted = ("tokenizer*", "special_tokens_map.json", "vocab.*", "merges.txt", "chat_template*")
    place([path for pattern in wanted for path in base.folder.glob(pattern)], beside, copy=copy)
