"""`belay repair`: a rollout that was rolled back, its interactions from Kafka, and a training that rehearses them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import yaml
from rich.console import Console

from belay.home import Home
from belay.progress import bar
from belay.steps.brief_loading import judges_here
from evaluator.audit.baseline import load_baseline
from evaluator.briefs.brief import LoadedBrief, load_brief
from evaluator.briefs.items import normalised_prompt
from evaluator.watch.worker.replay import collect_proof
from serving.models.manifest import MANIFEST, Manifest, read_manifest
from serving.models.store import ModelStore, StoredModel
from telemetry.bus.protocols import Bus
from telemetry.errors import BelayError, SettingsError, UsageError
from telemetry.files import write_renamed
from telemetry.reading import Unreadable
from trainer.config import TrainSettings, beside, load_train_settings
from trainer.data.dialogues import load_dialogues
from trainer.rehearsing.general import shipped_prompts
from trainer.rehearsing.prompts import read_prompts
from trainer.repairing.log import gathered, rolled_back
from trainer.repairing.repair import Harvest, repaired, settings_of
from trainer.repairing.result import AFTER, BEFORE, Repair, RepairedCapability, told


@dataclass(frozen=True)
class RepairSettings:
    """What a repair is asked for.

    `run` are the settings that the candidate was trained with, where they name files that its manifest knows by hash
    only. `name` is the new candidate's. At most `prompts` of a capability are rehearsed, `items` of it compared on.
    """

    rollback: str
    brief: Path
    run: Path | None = None
    name: str | None = None
    prompts: int = 200
    items: int = 48


def repair(home: Home, settings: RepairSettings, bus: Bus, console: Console) -> Repair:
    """Gather what sank the rollout, train again with it rehearsed, and compare. Raises UsageError where it cannot.

    All of it lies in `repairs/<rollout>/`: replay.jsonl (as private as the log that it comes from), run.yaml, with
    which `belay train` does the same again, and repair.json.
    """
    from trainer.pipeline import Auditing, run  # noqa: PLC0415 - torch takes seconds to import; other commands need none

    loaded = load_brief(settings.brief, judges_here())
    unreadable = Unreadable()
    try:
        proof = collect_proof(bus, rolled_back(bus, settings.rollback, unreadable).event_id, unreadable)
        rollout, decision = proof.spec.rollout_id, proof.decision
        console.print(f"   rollout {rollout} was rolled back: {decision.reason}")
        found = gathered(bus, proof, settings.prompts, unreadable)
    finally:  # said where nothing was found as well: it may have been in there
        for line in unreadable.told():
            console.print(f"   {line}")
    for line in told(found):
        console.print(f"   {line}")
    candidate = candidate_of(home, proof.spec.candidate.sha256)
    trained = _trained_with(home, settings, loaded, candidate)
    baseline = load_baseline(home.baselines, read_manifest(trained.base).sha256)
    folder = home.root / "repairs" / rollout
    name = settings.name or f"{read_manifest(candidate).name}-repaired"
    longest = max(c.max_tokens for c in loaded.brief.capabilities if c.role == "adjacent")
    again = repaired(trained, _written(folder, found, trained), home.model(name), name, longest)
    write_renamed(folder / "run.yaml", _yaml(again))
    with bar(console, f"   training {name}") as report:
        run(again, report, auditing=Auditing(baseline, None), notice=lambda text: console.print(f"   {text}"))
    result = Repair(
        rollout_id=rollout,
        decision_id=decision.event_id,
        reason=decision.reason,
        capabilities=found.capabilities,
        prompts=len(found.prompts),
        seen=found.seen,
        missing=found.missing,
        unreadable=len(unreadable),
        hashed=found.hashed,
        redacted=found.redacted,
        before=read_manifest(candidate).name,
        after=again.name,
        scores=_scores(home, settings, loaded, again, candidate, found, console),
    )
    write_renamed(folder / "repair.json", (result.model_dump_json(indent=1) + "\n").encode())
    return result


def candidate_of(home: Home, sha256: str) -> Path:
    """The folder of the candidate with this hash. UsageError where it is not in the home any more."""
    for file in sorted(home.models.glob(f"*/{MANIFEST}")):
        try:
            if read_manifest(file.parent).sha256 == sha256:
                return file.parent
        except BelayError:
            continue
    raise UsageError(
        f"no candidate with sha256 {sha256[:12]} in {home.models}, which the rollout was of",
        hint="Its manifest says how it was trained. Give the home in which it lies: --home.",
    )


def _trained_with(
    home: Home, settings: RepairSettings, loaded: LoadedBrief, candidate: Path
) -> TrainSettings:
    """The settings that the candidate was trained with. SettingsError where they cannot be had, or are others."""
    from trainer.pipeline import recipe  # noqa: PLC0415 - as above

    manifest = read_manifest(candidate)
    base = ModelStore(home.models).base_of(StoredModel.at(candidate))
    if settings.run is not None:
        found = load_train_settings(settings.run)
    else:
        found = settings_of(manifest, base.folder, loaded.training_file, settings.brief, candidate)
    found = found.model_copy(update={"judges": judges_here()}) if not found.judges else found
    asked = found if settings.run is not None or manifest.settings.get("brief") else _without_brief(found)
    if differing := _differences(manifest, recipe(asked)):
        raise SettingsError(
            f"candidate {manifest.name} was trained otherwise: {', '.join(differing)} differ",
            hint="Give the settings, the data and the brief that it was trained with: --run run.yaml.",
        )
    return found.model_copy(update={"brief": found.brief or settings.brief})


def _without_brief(settings: TrainSettings) -> TrainSettings:
    return settings.model_copy(update={"brief": None})


def _differences(manifest: Manifest, wanted: tuple[str, str, dict[str, object]]) -> list[str]:
    base, data, settings = wanted
    found = ["the base"] if base != manifest.base_sha256 else []
    found += ["the target's data"] if data != manifest.data_sha256 else []
    keys = {*settings, *manifest.settings} - {"name"}
    return found + sorted(key for key in keys if settings.get(key) != manifest.settings.get(key))


def _written(folder: Path, found: Harvest, trained: TrainSettings) -> Path:
    """The prompts file: what the training rehearsed before, and what was gathered. For its owner's eyes only."""
    before = trained.rehearsal.prompts if trained.rehearsal is not None else None
    prompts = [*(read_prompts(before) if before is not None else []), *found.prompts]
    lines = "".join(json.dumps({"capability": p.capability, "prompt": p.text}) + "\n" for p in prompts)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "replay.jsonl"
    write_renamed(path, lines.encode())
    path.chmod(0o600)
    return path


def _scores(
    home: Home,
    settings: RepairSettings,
    loaded: LoadedBrief,
    again: TrainSettings,
    candidate: Path,
    found: Harvest,
    console: Console,
) -> tuple[RepairedCapability, ...]:
    from trainer.repairing.compare import compare  # noqa: PLC0415 - as above

    with bar(console, "   before and after") as report:
        compared = compare(
            loaded,
            again.base,
            {BEFORE: candidate, AFTER: again.output},
            settings.items,
            trained_on=_trained_on(again, loaded),
            answers=home.root / "models" / ".training" / "answers.sqlite",
            report=report,
            dtype=again.dtype,
            seed=again.seed,
        )
    return tuple(
        RepairedCapability(
            name=c.name,
            role=c.role,
            repaired=c.name in found.capabilities,
            threshold=c.threshold,
            n=c.n,
            base=c.base,
            before=c.models[BEFORE],
            after=c.models[AFTER],
        )
        for c in compared
    )


def _trained_on(settings: TrainSettings, loaded: LoadedBrief) -> set[str]:
    """The prompts that the repaired candidate has seen, normalised: its scores on them would say little."""
    said = [m.content for d in load_dialogues(settings.data) for m in d.messages if m.role == "user"]
    if settings.rehearsal is not None and settings.rehearsal.prompts is not None:
        said += [prompt.text for prompt in read_prompts(settings.rehearsal.prompts)]
    if settings.rehearsal is not None and settings.rehearsal.general:
        said += shipped_prompts()
    said += [text for c in loaded.brief.capabilities for text in c.exemplars]
    return {normalised_prompt(text) for text in said}


def _yaml(settings: TrainSettings) -> bytes:
    """As a run file that means the same wherever it lies."""
    found = beside(settings, Path.cwd())
    return yaml.safe_dump(found.model_dump(mode="json", exclude_defaults=True), sort_keys=False).encode()
