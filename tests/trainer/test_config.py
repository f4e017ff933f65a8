from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from telemetry.errors import SettingsError
from trainer.config import load_train_settings

GOOD = "base: base\ndata: train.jsonl\noutput: out\nname: c\n"


def write(folder: Path, text: str) -> Path:
    path = folder / "train.yaml"
    path.write_text(text)
    return path


def test_relative_paths_count_from_the_file(tmp_path: Path) -> None:
    settings = load_train_settings(write(tmp_path, GOOD + "lora: {rank: 4}\nsteps: 5\n"))
    assert settings.base == tmp_path / "base"
    assert (settings.lora.rank, settings.steps) == (4, 5)


@pytest.mark.parametrize(
    ("extra", "near"),
    [("learning_rat: 0.1\n", "learning_rate"), ("lora: {rnak: 4}\n", "rank"), ("stepz: 3\n", "steps")],
)
def test_an_unknown_key_suggests_the_near_one(tmp_path: Path, extra: str, near: str) -> None:
    with pytest.raises(SettingsError, match=f"did you mean '{near}'"):
        load_train_settings(write(tmp_path, GOOD + extra))


def test_a_wrong_value_is_shown_with_its_key(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"steps: .*found -1"):
        load_train_settings(write(tmp_path, GOOD + "steps: -1\n"))


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", ""])
def test_a_file_that_is_no_mapping_is_refused_with_its_path(tmp_path: Path, text: str) -> None:
    with pytest.raises(SettingsError, match=r"train\.yaml"):
        load_train_settings(write(tmp_path, text))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no settings file"):
        load_train_settings(tmp_path / "no.yaml")


def test_a_name_that_would_leave_the_models_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="name"):
        load_train_settings(write(tmp_path, GOOD.replace("name: c", "name: ../c")))


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ("mix: [{path: a.tsv, share: 0.6}]\nrehearsal: {share: 0.5}\nbrief: b\n", "take 1.1 of every batch"),
        ("rehearsal: {exemplars: false}\nbrief: b\n", "nothing to rehearse"),
        ("rehearsal: {share: 0.5}\n", "rehearsal: needs the capability brief"),
        ("rehearsal: {kl: 1}\nlora: {variant: osf}\nbrief: b\n", "kl: needs base under the adapter"),
        ("target: {kl: 1}\nlora: {variant: osf}\n", "target.kl: needs base under the adapter"),
        ("rehearsal: {learn: false}\nbrief: b\n", "set it above 0"),
        ("rehearsal: {general: 9}\n", "rehearsal: needs the capability brief"),
        ("rehearsal: {general: -1}\nbrief: b\n", "rehearsal.general"),
        ("rehearsal: {general: 9, general_share: 1}\nbrief: b\n", "rehearsal.general_share"),
        ("rehearsal: {exemplars: false, general: 9, self_generated: 2}\n", "follow those of capabilities"),
        ("checkpoints: {most_kl: 0.5}\n", "set 'items' above 0"),
        ("checkpoints: {items: 8, most_kl: 0}\nbrief: b\n", "checkpoints.most_kl"),
        (
            "checkpoints: {items: 8, most_kl: 1}\nlora: {variant: osf}\nbrief: b\n",
            "most_kl: needs base under",
        ),
        ("decontaminate: {}\n", "decontaminate: needs the capability brief"),
        ("mix: [{path: a.tsv, share: 0.1, answer_phrase: So.}]\n", "answer_phrase"),
    ],
)
def test_data_that_make_no_sense_together_are_refused(tmp_path: Path, extra: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why):
        load_train_settings(write(tmp_path, GOOD + extra))


def test_general_prompts_alone_are_something_to_rehearse_and_need_no_brief(tmp_path: Path) -> None:
    settings = load_train_settings(write(tmp_path, GOOD + "rehearsal: {exemplars: false, general: 88}\n"))
    assert settings.rehearsal is not None
    assert (settings.rehearsal.general, settings.rehearsal.named, settings.brief) == (88, False, None)


def test_settings_and_pipeline_import_without_torch() -> None:
    code = "import sys, trainer.config, trainer.pipeline; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("variant", ["dora", "osf"])
def test_ewc_is_refused_where_the_adapter_s_change_is_no_product(tmp_path: Path, variant: str) -> None:
    with pytest.raises(SettingsError, match=f"the product BA, which {variant}'s is not"):
        load_train_settings(write(tmp_path, GOOD + f"ewc: {{}}\nlora: {{variant: {variant}}}\n"))
