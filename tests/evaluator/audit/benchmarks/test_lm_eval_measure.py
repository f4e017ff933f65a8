"""An lm-eval task item by item: the same prompts and scores as lm-eval's own run, in any order, of any subset."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from evaluator.audit.benchmarks.lm_eval_measure import (
    LmEvalMeasure,
    lm_eval_measures,
    load_tasks,
    run_full,
)
from evaluator.audit.measures.measure import ServedModel
from evaluator.briefs.brief import LoadedBrief
from telemetry.errors import BriefError, EngineFailed
from tests.evaluator.support.briefs import brief, capability
from tests.evaluator.support.fake_openai import Fake, byte_tokenizer, completions, logprob, serving

CHOICES: dict[str, Any] = {
    "output_type": "multiple_choice",
    "doc_to_text": "Q: {{query}}\nA:",
    "doc_to_choice": "choices",
    "doc_to_target": "gold",
    "metric_list": [
        {"metric": "acc", "aggregation": "mean", "higher_is_better": True},
        {"metric": "acc_norm", "aggregation": "mean", "higher_is_better": True},
        {"metric": "mcc", "aggregation": "matthews_corrcoef", "higher_is_better": True},
    ],
}
WRITTEN: dict[str, Any] = {
    "output_type": "generate_until",
    "doc_to_text": "Q: {{query}}\nA:",
    "doc_to_target": "{{target}}",
    "fewshot_split": "train",
    "num_fewshot": 2,
    "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    "generation_kwargs": {"until": ["\n"], "max_gen_toks": 32},
    "filter_list": [
        {"name": name, "filter": [{"function": "regex", "regex_pattern": found}, {"function": "take_first"}]}
        for name, found in (("strict", "#### (\\d+)"), ("loose", "(\\d+)"))
    ],
}  # fmt: skip


def docs(count: int, start: int = 0) -> list[dict[str, Any]]:
    return [
        {
            "query": f"what is {n} times {n}?",
            "choices": [f"it is {n}", "nobody knows", f"{n * n}", "a much longer answer than the others"][: 3 + n % 2],
            "gold": n % 3,
            "target": str(n % 10),
            "passage": f"passage {n // 4}" if n < 8 else f"passage of {n} alone",
        }
        for n in range(start, start + count)
    ]  # fmt: skip


def task(folder: Path, name: str, settings: dict[str, Any], rows: list[dict[str, Any]] | None = None) -> Path:
    """Write a task file with its data beside it, named relatively."""
    folder.mkdir(parents=True, exist_ok=True)
    for split, content in (("test", rows or docs(24)), ("train", docs(9, start=100))):
        lines = "".join(json.dumps(row) + "\n" for row in content)
        (folder / f"{name}-{split}.jsonl").write_text(lines)
    files = {split: f"{name}-{split}.jsonl" for split in ("test", "train")}
    config = {
        "task": name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": files, "cache_dir": str(folder / "cache")},
        "training_split": "train",
        "test_split": "test",
        **settings,
    }
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(config))
    return folder


def said(prompt: str) -> str:
    """Something like an answer: sometimes in the asked form, sometimes right."""
    n = sum(prompt.encode()) % 10
    return f"I think 7 #### {n}" if n % 2 else f"perhaps {n}"


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tasks")
    task(folder, "chosen", CHOICES)
    task(folder, "written", WRITTEN)
    (folder / "both.yaml").write_text(yaml.safe_dump({"group": "both", "task": ["chosen", "written"]}))
    return folder


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return byte_tokenizer(tmp_path_factory.mktemp("model"))


@pytest.fixture
def fake() -> Iterator[Fake]:
    with serving(completions(text=said)) as server:
        yield server


@pytest.fixture
def model(fake: Fake, tokenizer: Path) -> ServedModel:
    return served(fake.url, tokenizer)


def served(url: str, folder: Path) -> ServedModel:
    def chat(*_: Any) -> list[str]:
        raise AssertionError("lm-eval's tasks are asked as completions")

    return ServedModel(url, "fake", "0" * 64, folder, chat)


def measure(tasks: Path, name: str, **settings: Any) -> LmEvalMeasure:
    return LmEvalMeasure(name, **{"capability": "facts", "include_path": tasks, "threshold": 0.05} | settings)


@pytest.mark.parametrize(
    ("name", "metric", "chat"),
    [
        ("chosen", "acc_norm", False),
        ("written", "exact_match,loose", True),
        pytest.param("chosen", "acc", True, marks=[pytest.mark.slow, pytest.mark.alone]),
        pytest.param("written", "exact_match,loose", False, marks=[pytest.mark.slow, pytest.mark.alone]),
    ],
)
def test_items_score_what_lm_evals_own_run_scores_them(
    tasks: Path, model: ServedModel, tmp_path: Path, name: str, metric: str, chat: bool
) -> None:
    ours = measure(tasks, name, metric=metric, chat_template=chat)
    figures = run_full([name], model, tmp_path, include_path=tasks, chat_template=chat)
    key, _, filtered = metric.partition(",")
    filtered = filtered or "none"
    kept = [
        json.loads(line)
        for file in tmp_path.rglob("samples_*.jsonl")
        for line in file.read_text().splitlines()
    ]
    theirs = {one["doc_id"]: one for one in kept if one["filter"] == filtered}
    assert len(theirs) == len(ours.items) == 24
    ids = [item.id for item in ours.items]
    random.Random(5).shuffle(ids)
    answers = [*ours.answer(model, ids[:7]), *ours.answer(model, ids[7:])]
    assert [answer.item for answer in answers] == ids
    for answer in answers:
        same = theirs[int(answer.item.rpartition("-")[2])]
        assert answer.value == same[key]
        assert answer.prompt == same["arguments"]["gen_args_0"]["arg_0"]
    mean = sum(answer.value or 0.0 for answer in answers) / len(answers)
    assert mean == pytest.approx(figures[name][f"{key},{filtered}"])
    assert 0.0 < mean < 1.0  # neither would tell the two apart
    (file,) = tmp_path.rglob("results_*.json")
    results = json.loads(file.read_text())
    assert results["n-samples"][name] == {"original": 24, "effective": 24}
    assert results["config"]["model_args"]["sha256"] == model.sha256


def test_gold_nll_is_the_mean_over_the_gold_answers_tokens(tasks: Path, model: ServedModel) -> None:
    found = measure(tasks, "chosen")
    (answer,) = found.answer(model, [found.items[3].id])
    doc = docs(24)[3]
    text = f"Q: {doc['query']}\nA:"
    whole = (text + " " + doc["choices"][doc["gold"]]).encode()
    scored = [logprob(whole[i - 1], whole[i]) for i in range(len(text), len(whole))]
    assert answer.gold_nll == pytest.approx(-sum(scored) / len(scored))
    assert measure(tasks, "written").answer(model, ["written-00003"])[0].gold_nll is None


def test_chance_is_one_in_so_many_choices(tasks: Path) -> None:
    assert measure(tasks, "chosen").chance == pytest.approx((1 / 3 + 1 / 4) / 2)
    assert measure(tasks, "written").chance == 0.0
    assert measure(tasks, "chosen", chance=0.4).chance == 0.4


def test_a_limit_draws_the_same_items_each_time(tasks: Path) -> None:
    whole, few, again = (measure(tasks, "chosen", limit=limit) for limit in (None, 6, 6))
    assert few.items == again.items
    assert len(few.items) == 6
    assert {item.id for item in few.items} < {item.id for item in whole.items}
    assert [item.id for item in few.items] != [item.id for item in whole.items[:6]]


def test_items_of_one_passage_are_one_cluster(tasks: Path) -> None:
    found = [item.cluster for item in measure(tasks, "chosen").items]
    assert found[0] == found[3] != found[4] == found[7]
    assert None not in found[:8]
    assert found[8:] == [None] * 16


def test_a_task_file_names_its_cluster_field(tmp_path: Path) -> None:
    rows = [{**doc, "topic": "same"} for doc in docs(5)]
    task(tmp_path, "topical", {**CHOICES, "metadata": {"cluster_field": "topic"}}, rows)
    assert len({item.cluster for item in measure(tmp_path, "topical").items}) == 1


def test_the_version_changes_with_what_a_score_depends_on_and_with_nothing_else(
    tasks: Path, tmp_path: Path
) -> None:
    first = measure(tasks, "written")
    elsewhere = measure(task(tmp_path / "a", "written", WRITTEN), "written", threshold=0.5, capability="sums")
    assert elsewhere.version == first.version
    other_words = {**WRITTEN, "doc_to_text": "Question: {{query}}\nA:"}
    other_shots = [{**doc, "query": doc["query"] + "?"} for doc in docs(24)]
    versions = {
        first.version,
        measure(tasks, "written", metric="exact_match,loose").version,
        measure(tasks, "written", fewshot=1).version,
        measure(tasks, "written", limit=5).version,
        measure(tasks, "written", chat_template=True).version,
        measure(task(tmp_path / "b", "written", other_words), "written").version,
        measure(task(tmp_path / "c", "written", WRITTEN, other_shots), "written").version,
    }
    assert len(versions) == 7


def test_few_shot_examples_are_the_tasks_own_number_unless_given(tasks: Path, model: ServedModel) -> None:
    def questions(**settings: Any) -> int:
        return measure(tasks, "written", **settings).answer(model, ["written-00000"])[0].prompt.count("Q:")

    assert [questions(), questions(fewshot=4), questions(fewshot=0)] == [3, 5, 1]


def test_a_task_that_forbids_few_shot_examples_keeps_none(tmp_path: Path, model: ServedModel) -> None:
    task(tmp_path, "bare", {**WRITTEN, "num_fewshot": 0})
    assert measure(tmp_path, "bare", fewshot=3).answer(model, ["bare-00000"])[0].prompt.count("Q:") == 1


def test_a_group_of_the_brief_is_one_measure_over_all_its_tasks(tasks: Path) -> None:
    entries = [
        {"lm_eval": "both", "limit": 4},
        {"lm_eval": "chosen", "threshold": 0.02, "metric": "acc_norm"},
    ]
    loaded = _with_tasks(
        brief(capability("support", role="target"), capability("facts", benchmarks=entries)), tasks
    )
    found = lm_eval_measures(loaded)
    assert [(m.capability, m.name, m.threshold, len(m.items)) for m in found] == [
        ("facts", "both", 0.1, 8),
        ("facts", "chosen", 0.02, 24),
    ]
    assert lm_eval_measures(brief()) == ()


def _with_tasks(loaded: LoadedBrief, tasks: Path) -> LoadedBrief:
    named = loaded.brief.model_copy(update={"lm_eval_tasks": tasks.name})
    return loaded.model_copy(update={"brief": named, "folder": tasks.parent})


@pytest.mark.parametrize(
    ("metric", "words"),
    [
        ("mcc", ["'mcc'", "Usable are: acc, acc_norm."]),
        ("acc,flexible", ["no filter 'flexible'", "none"]),
    ],
)
def test_a_metric_that_scores_no_single_item_is_refused_with_the_usable_ones(
    tasks: Path, metric: str, words: list[str]
) -> None:
    with pytest.raises(BriefError) as caught:
        measure(tasks, "chosen", metric=metric)
    assert all(word in str(caught.value) for word in words)


def test_a_task_that_runs_the_models_code_is_refused(tmp_path: Path) -> None:
    task(tmp_path, "runs_code", {**WRITTEN, "unsafe_code": True})
    with pytest.raises(BriefError, match="executes what the model writes"):
        measure(tmp_path, "runs_code")


def test_data_that_lie_on_a_hub_are_named_with_what_to_do(tmp_path: Path) -> None:
    task(tmp_path, "remote", {**CHOICES, "dataset_path": "nobody/nothing", "dataset_kwargs": None})
    with pytest.raises(BriefError) as caught:
        load_tasks("remote", tmp_path)
    assert all(word in str(caught.value) for word in ("'remote'", "'nobody/nothing'", "HF_HUB_OFFLINE=0"))
    assert caught.value.exit_code == 2


def test_a_data_file_that_is_missing_is_named(tmp_path: Path) -> None:
    task(tmp_path, "lost", CHOICES)
    (tmp_path / "lost-test.jsonl").unlink()
    with pytest.raises(BriefError, match=r"benchmark 'lost': its data cannot be read.*lost-test\.jsonl"):
        load_tasks("lost", tmp_path)


def test_a_package_that_a_task_needs_is_named(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("import package_that_nobody_has\n")
    task(tmp_path, "needy", CHOICES)
    config = (tmp_path / "needy.yaml").read_text()
    (tmp_path / "needy.yaml").write_text(config + "process_results: !function helper.process\n")
    with pytest.raises(BriefError, match=r"'needy' needs the package 'package_that_nobody_has'"):
        load_tasks("needy", tmp_path)


def test_an_endpoint_without_log_probabilities_is_an_engine_that_failed(tasks: Path, tokenizer: Path) -> None:
    def bare(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        status, said = completions()(path, body)
        for choice in said.get("choices", []):
            choice["logprobs"] = None
        return status, said

    found = measure(tasks, "chosen", limit=1)
    with serving(bare) as fake, pytest.raises(EngineFailed, match="log-probabilities"):
        found.answer(served(fake.url, tokenizer), [found.items[0].id])


@pytest.mark.parametrize("said", ["{not json", {"choices": []}, {"error": "no model is loaded"}, []])
def test_an_answer_that_is_no_completion_is_an_engine_that_failed(
    tasks: Path, tokenizer: Path, said: Any
) -> None:
    def garbage(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        return completions()(path, body) if path == "/v1/models" else (200, said)

    for name in ("chosen", "written"):
        found = measure(tasks, name, limit=1)
        with serving(garbage) as fake, pytest.raises(EngineFailed, match="fake"):
            found.answer(served(fake.url, tokenizer), [found.items[0].id])


def test_a_whole_run_without_completions_is_an_engine_that_failed_too(
    tasks: Path, tokenizer: Path, tmp_path: Path
) -> None:
    def none(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        return completions()(path, body) if path == "/v1/models" else (200, {"choices": []})

    with serving(none) as fake, pytest.raises(EngineFailed, match=r"'fake' at http.* answered .* unusably"):
        run_full(["chosen"], served(fake.url, tokenizer), tmp_path, include_path=tasks, limit=1)


def test_what_an_engine_says_to_a_refused_request_stands_in_the_error(
    tasks: Path, tokenizer: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        return completions()(path, body) if path == "/v1/models" else (500, {"error": "out of memory"})

    found = measure(tasks, "chosen", limit=1)
    with serving(broken) as fake, pytest.raises(EngineFailed, match=r"Status code: 500, .*out of memory"):
        found.answer(served(fake.url, tokenizer), [found.items[0].id])
    assert caplog.records == []  # lm-eval would say it for every attempt of every request


@pytest.mark.parametrize("name", ["chosen", "written"])
def test_a_prompt_that_is_cut_to_fit_is_said_to_be(tmp_path: Path, tokenizer: Path, name: str) -> None:
    settings = {
        "chosen": CHOICES,
        "written": {**WRITTEN, "num_fewshot": 0, "generation_kwargs": {"max_gen_toks": 8}},
    }
    rows = docs(2)
    rows[1] = {**rows[1], "query": "word " * 20}
    task(tmp_path, name, settings[name], rows)

    def small(path: str, body: dict[str, Any]) -> tuple[int, Any]:
        status, reply = completions(text=said)(path, body)
        return status, {"data": [{"id": "fake", "max_model_len": 64}]} if path == "/v1/models" else reply

    with serving(small) as fake:
        fits, cut = measure(tmp_path, name).answer(
            served(fake.url, tokenizer), [f"{name}-00000", f"{name}-00001"]
        )
    assert "cut to its last" not in fits.reason
    room = 63 if name == "chosen" else 63 - 8
    assert f"cut to its last {room} of" in cut.reason


def test_nobody_at_the_url_is_an_engine_that_failed(tasks: Path, tokenizer: Path) -> None:
    with serving(completions()) as fake:
        url = fake.url
    found = measure(tasks, "chosen", limit=1)
    with pytest.raises(EngineFailed, match="no engine lists its models"):
        found.answer(served(url, tokenizer), [found.items[0].id])


@pytest.mark.slow
@pytest.mark.alone
def test_lm_evals_own_tasks_are_found_by_name_and_by_near_name() -> None:
    with pytest.raises(BriefError, match=r"'mmlu_anatomy' needs the data set 'cais/mmlu'"):
        load_tasks("mmlu_anatomy")
    with pytest.raises(BriefError, match=r"no task 'arc_eazy'; did you mean .*'arc_easy'"):
        load_tasks("arc_eazy")
