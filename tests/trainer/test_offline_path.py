"""The offline path as a whole, on a tiny model that knows two things and is taught a third."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from evaluator.audit.baseline import Baseline, binding_of
from evaluator.briefs.brief import load_brief
from serving.models.manifest import attest, file_sha256, read_manifest
from telemetry.errors import BaselineError, SettingsError
from telemetry.events import AuditRef
from tests.trainer.tiny_shop import TRAFFIC, tiny_settings, tiny_shop
from trainer.config import CheckpointSettings, RehearsalSettings, TrainSettings
from trainer.loop.disk import DiskFull
from trainer.pipeline import Auditing, recipe, run
from trainer.scoring.records import Record
from trainer.watching.watch_log import read_rows


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_shop(tmp_path_factory.mktemp("shop"))


def record(folder: Path) -> Record:
    return Record.model_validate_json((folder / "training.json").read_bytes())


@pytest.fixture(scope="module")
def everything(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A candidate from a sweep, with checkpoints and a search over merge weights."""
    output = tmp_path_factory.mktemp("all") / "c"
    return run(
        tiny_settings(
            shop,
            output,
            checkpoints={"every": 10, "items": 24, "patience": 2},
            sweep={"learning_rates": [0.0001, 0.01], "steps": [10, 40], "items": 24},
            merge={"weights": [0.1, 0.4, 1.0], "items": 24},
            rehearsal={"share": 0.5, "max_new_tokens": 8},
            decontaminate={},
        )
    )


def test_the_sweep_takes_the_rate_and_the_steps_that_learn_the_target(everything: Path) -> None:
    found = record(everything)
    assert found.sweep is not None
    table = {(row.learning_rate, row.steps): row.target for row in found.sweep.rows}
    assert set(table) == {(0.0001, 10), (0.0001, 40), (0.01, 10), (0.01, 40)}
    assert (found.sweep.learning_rate, found.sweep.steps) == (0.01, 40)
    assert (table[0.01, 40] or 0) > 0.5 > (table[0.0001, 40] or 0)
    assert found.learning_rate == 0.01


def test_the_checkpoints_are_scored_and_the_best_one_is_merged(everything: Path) -> None:
    found = record(everything)
    assert [e.step for e in found.evaluations] == [10, 20, 30, 40][: len(found.evaluations)]
    best = next(e for e in found.evaluations if e.step == found.checkpoint)
    assert len(best.over) == min(len(e.over) for e in found.evaluations)


def test_the_merge_takes_the_heaviest_weight_that_keeps_every_capability(everything: Path) -> None:
    merge = record(everything).merge
    assert merge.trials[0].weights == (1.0,)
    keeping = [trial.weights for trial in merge.trials if not trial.fallen]
    assert merge.kept_all == bool(keeping)
    assert merge.weights == (max(keeping) if keeping else (0.1,))


def test_the_manifest_binds_data_checkpoint_merge_and_the_record(everything: Path) -> None:
    manifest, found = attest(everything), record(everything)
    assert manifest.training["checkpoint"] == found.checkpoint
    assert manifest.training["merge"]["weights"] == list(found.merge.weights)
    assert set(manifest.training["data"]) == {"target", "rehearsal/greetings", "rehearsal/manners"}
    assert manifest.training == json.loads(json.dumps(found.for_manifest()))
    assert manifest.files["training.json"]


def test_no_path_is_in_the_manifest_s_settings_and_files_are_named_by_content(
    shop: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(shop, tmp_path / "elsewhere")
    extra = {"mix": [{"path": "train.jsonl", "share": 0.2}], "ewc": {}, "rehearsal": {"prompts": "p.jsonl"}}
    for place in (shop, other):
        (place / "p.jsonl").write_text('{"capability": "greetings", "prompt": "you hello"}\n')

    def made(place: Path) -> Any:
        absolute = {
            "mix": [{**extra["mix"][0], "path": place / "train.jsonl"}],
            "ewc": {"sidecar": place / "fisher.safetensors"},
            "rehearsal": {"prompts": place / "p.jsonl"},
        }
        return recipe(tiny_settings(place, place / "out", **absolute))

    assert made(shop) == made(other)
    assert str(tmp_path) not in json.dumps(made(other))
    (other / "p.jsonl").write_text('{"capability": "greetings", "prompt": "my hello"}\n')
    assert made(shop) != made(other)


def test_the_report_opens_offline_and_shows_all_of_it(everything: Path) -> None:
    page = (everything / "training.html").read_text()
    assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//""", page)
    assert page.count("data:image/png;base64,") == 2
    for heading in ("Alarms", "Checkpoints", "Merging", "Sweep", "Layers", "Data", "Settings"):
        assert f"<h2>{heading}" in page
    assert (everything / "watch.png").read_bytes().startswith(b"\x89PNG")


def test_every_layer_is_logged_in_every_step(everything: Path) -> None:
    rows = read_rows(everything / "watch.parquet")
    steps = [json.loads(line)["step"] for line in (everything / "training.jsonl").read_text().splitlines()]
    assert {(row.step, row.layer) for row in rows} == {
        (step, layer) for step in steps for layer in ("layers.0", "layers.1")
    }
    assert any(row.interference is not None and row.drift_l2 is not None for row in rows)


def test_rehearsal_keeps_what_the_naive_fine_tune_forgets(shop: Path, tmp_path: Path) -> None:
    traffic = [{"capability": name, "prompt": prompt} for name, some in TRAFFIC.items() for prompt in some]
    (tmp_path / "traffic.jsonl").write_text("".join(json.dumps(row) + "\n" for row in traffic))
    asked = {"checkpoints": {"every": 40, "items": 24}, "steps": 40, "learning_rate": 0.01, "watch": None}
    naive = record(run(tiny_settings(shop, tmp_path / "naive", **asked))).evaluations[-1]
    rehearsal = {"share": 0.5, "max_new_tokens": 8, "prompts": tmp_path / "traffic.jsonl", "kl": 2.0}
    kept = record(run(tiny_settings(shop, tmp_path / "kept", rehearsal=rehearsal, **asked))).evaluations[-1]
    assert naive.over == ("greetings", "manners")
    # With four seeds, two rates and two kinds of processor: 1.0, and a target of .67 to 1.0.
    assert (kept.retention or 0.0) > (naive.retention or 0.0) + 0.7
    assert (kept.target or 0.0) > 0.5


def test_ewc_alone_takes_its_fisher_on_what_base_answers_and_replays_none(shop: Path, tmp_path: Path) -> None:
    sidecar = tmp_path / "fisher.safetensors"
    run(tiny_settings(shop, tmp_path / "c", ewc={"sidecar": sidecar, "samples": 8}, steps=3, watch=None))
    found = record(tmp_path / "c")
    assert [source.name for source in found.sources] == ["target"]
    assert found.fisher_sha256 == file_sha256(sidecar)
    assert found.rehearsal is None


def test_ewc_without_a_brief_or_anything_replayed_is_refused(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="there are none"):
        run(tiny_settings(shop, tmp_path / "c", ewc={}, brief=None, steps=3, watch=None))


def test_training_stops_early_once_nothing_new_is_gained(shop: Path, tmp_path: Path) -> None:
    # At this rate nothing is learnt, so that no checkpoint after the first is on the front.
    idle = tiny_settings(
        shop,
        tmp_path / "c",
        steps=20,
        learning_rate=1e-7,
        checkpoints={"every": 2, "items": 8, "patience": 2},
    )
    found = record(run(idle))
    assert (found.steps, found.checkpoint) == (6, 2)


FAR: dict[str, Any] = {"steps": 20, "learning_rate": 0.01, "watch": None}


def test_the_distance_from_base_grows_and_a_limit_on_it_ends_the_training_before(
    shop: Path, tmp_path: Path
) -> None:
    asked = {"every": 2, "items": 8, "patience": 10, "kl_prompts": 8}
    free = record(run(tiny_settings(shop, tmp_path / "free", checkpoints=asked, **FAR)))
    away = [one.kl or 0.0 for one in free.evaluations]
    assert away[-1] > away[0] > 0.0
    page = (tmp_path / "free" / "training.html").read_text()
    assert all(f"{kl:.3f}</td>" in page for kl in away)
    assert "Above" not in page.split("<h2>Checkpoints")[1].split("<table>")[0]
    limit = away[1] * 1.001
    limited = {"checkpoints": {**asked, "most_kl": limit}, "track": ["prometheus"], **FAR}
    held = record(run(tiny_settings(shop, tmp_path / "held", **limited)))
    last = next(step for step, kl in enumerate(away) if kl > limit)
    assert held.evaluations == free.evaluations[: last + 1]
    assert held.steps == free.evaluations[last].step
    assert (held.evaluations[held.checkpoint // 2 - 1].kl or 0.0) <= limit
    [tracked] = (tmp_path / ".training" / "tracked" / "prometheus").glob("*.prom")
    told = re.findall(r"^belay_training_target_kl\{.*\} (.+)$", tracked.read_text(), re.MULTILINE)
    assert [float(value) for value in told] == [held.evaluations[-1].kl]
    assert f"Above {limit} training stops" in (tmp_path / "held" / "training.html").read_text()


def test_osf_has_no_base_to_be_away_from(shop: Path, tmp_path: Path) -> None:
    found = record(
        run(
            tiny_settings(
                shop,
                tmp_path / "c",
                steps=2,
                lora={"rank": 4, "variant": "osf"},
                checkpoints={"items": 4},
                watch=None,
            )
        )
    )
    assert [one.kl for one in found.evaluations] == [None]
    assert "not measured" in (tmp_path / "c" / "training.html").read_text()


def test_a_training_that_an_older_version_began_goes_on_where_it_uses_nothing_new(shop: Path) -> None:
    """Its recipe, which names its folder, has none of the later keys."""
    blocks: dict[str, Any] = {"rehearsal": {"share": 0.5}, "checkpoints": {"items": 8}}
    plain = recipe(tiny_settings(shop, shop / "out", **blocks))[2]
    assert set(plain["rehearsal"]) == {
        *("share", "prompts", "exemplars", "self_generated", "max_new_tokens", "kl", "learn")
    }
    assert set(plain["checkpoints"]) == {"every", "items", "patience"}
    blocks["rehearsal"]["general"], blocks["checkpoints"]["most_kl"] = 44, 0.5
    newer = recipe(tiny_settings(shop, shop / "out", **blocks))[2]
    assert (newer["rehearsal"]["general"], newer["checkpoints"]["most_kl"]) == (44, 0.5)
    read_again = TrainSettings.model_validate(
        plain | {"base": shop, "data": shop, "output": shop, "brief": shop}
    )
    assert read_again.rehearsal == RehearsalSettings(share=0.5)
    assert read_again.checkpoints == CheckpointSettings(items=8)


def _auditing(shop: Path, base_sha256: str, **changes: Any) -> Auditing:
    loaded = load_brief(shop / "brief.yaml")
    binding = binding_of(loaded, (), base_sha256=base_sha256, judge_version="j", engine_version="e")
    given = {"audit": None, **changes}
    return Auditing(Baseline(binding=binding, measures=()), given["audit"])


def test_a_baseline_of_another_base_is_refused_before_anything_is_made(shop: Path, tmp_path: Path) -> None:
    with pytest.raises(BaselineError, match="the baseline is of base ffffffffffff"):
        run(tiny_settings(shop, tmp_path / "c"), auditing=_auditing(shop, "f" * 64))
    assert list(tmp_path.iterdir()) == []


def test_the_audit_is_of_the_finished_candidate_and_is_bound_into_its_manifest(
    shop: Path, tmp_path: Path
) -> None:
    seen: list[str] = []

    def audit(folder: Path) -> AuditRef:
        seen.append(attest(folder).sha256)
        return AuditRef(verdict="fail", sha256="a" * 64)

    auditing = _auditing(shop, read_manifest(shop / "base").sha256, audit=audit)
    folder = run(tiny_settings(shop, tmp_path / "c", steps=2), auditing=auditing)
    manifest = read_manifest(folder)
    assert manifest.audit == AuditRef(verdict="fail", sha256="a" * 64)
    assert seen == [manifest.sha256]


def test_too_little_room_is_told_before_training(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DiskFull, match="this training"):
        run(tiny_settings(shop, tmp_path / "c"))
    assert list(tmp_path.iterdir()) == []


def test_an_unfinished_training_with_other_settings_is_told_of(shop: Path, tmp_path: Path) -> None:
    left = tmp_path / ".training" / f"c-{'0' * 12}"
    left.mkdir(parents=True)
    told: list[str] = []
    run(tiny_settings(shop, tmp_path / "c", steps=2), notice=told.append)
    assert [str(left) in text for text in told] == [True]
    assert left.exists()
