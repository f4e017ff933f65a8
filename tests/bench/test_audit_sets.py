import json
from pathlib import Path

import pytest
from _audit import sets

from evaluator.audit.benchmarks.lm_eval_measure import LmEvalMeasure

BY_NAME = {one.name: one for one in sets.SETS}
INSTRUCTIONS = {
    "easy": {
        "prompt": "Say it without commas.",
        "instruction_id_list": ["punctuation:no_comma"],
        "kwargs": [{}],
    },
    "unsupported": {
        "prompt": "Say it in Kannada.",
        "instruction_id_list": ["punctuation:no_comma", "language:response_language"],
        "kwargs": [{}, {"language": "kn"}],
    },
}


def _question(text, words, answers):
    spans = [[{"start": 0, "end": 1, "string": a}] for a in answers]
    return {"question_text": text, "paragraph_text": "word " * words, "original_nq_answers": spans}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """A few invented lines in the shape of every set's source."""
    folder = tmp_path_factory.mktemp("data")
    choice = {"choices": ["red", "green", "blue", "grey"], "gold": 1}
    lines = {
        "arc/arc_easy.jsonl": [{"query": "Question: Which colour is grass?", **choice}],
        "piqa/valid.jsonl": [{"goal": "open a door", "sol1": "push it", "sol2": "eat it"}],
        "commonsense_mc/openbook_qa.jsonl": [{"query": "Grass is", **choice}],
        "arithmetic/simple_arithmetic_withspaces.jsonl": [
            {"context": f"{n} + 1 =", "continuation": f" {n + 1}"} for n in range(7)
        ],
        "world_knowledge_gen/bigbench_qa_wikidata.even3000.jsonl": [
            {"context": f"The number after {n} is", "continuation": str(n + 1)} for n in range(5)
        ],
        "qed_dev/qed-dev.even700.jsonlines": [
            _question("who won", 20, ["Ada", "Ada L ."]),
            _question("too long", 301, ["Ada"]),
            _question("without an answer", 20, []),
        ],
        "ifeval/input_data.jsonl": list(INSTRUCTIONS.values()),
    }
    for name, docs in lines.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps(doc) + "\n" for doc in docs))
    (folder / "piqa" / "valid-labels.lst").write_text("0\n")
    (folder / "mmlu" / "test").mkdir(parents=True)
    for subject in ("anatomy", "virology", *sets.MMLU_LONG):
        rows = f'question,choice0,choice1,choice2,choice3,answer\n"Which, in {subject}?",a,b,c,d,2\n'
        (folder / "mmlu" / "test" / f"{subject}_test.csv").write_text(rows)
    return folder


def _docs(name, data):
    one = BY_NAME[name]
    return list(one.convert(data / one.source))


@pytest.fixture(scope="module")
def tasks(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tasks")
    sets.prepare(sets.SETS, data, folder)
    return folder


@pytest.mark.parametrize("one", sets.SETS, ids=lambda one: one.name)
def test_every_task_file_loads_offline_and_has_the_metric(one, data, tasks):
    measure = LmEvalMeasure(
        one.task, capability=one.name, include_path=tasks, metric=one.metric, threshold=one.threshold
    )
    assert len(measure.items) == len(_docs(one.name, data))
    assert measure.chance == {"arc_easy": 0.25, "openbookqa": 0.25, "mmlu": 0.25, "piqa": 0.5}.get(
        one.name, 0.0
    )


def test_solved_examples_stand_before_every_prompt_and_are_not_asked(data):
    docs = _docs("simple_arithmetic", data)
    assert [doc["continuation"] for doc in docs] == [" 6", " 7"]
    assert all(doc["context"].startswith("0 + 1 = 1\n1 + 1 = 2\n") for doc in docs)
    assert docs[0]["context"].endswith("4 + 1 = 5\n5 + 1 =")


def test_questions_without_an_answer_or_with_a_long_passage_are_left_out(data):
    assert [(doc["question"], doc["answers"]) for doc in _docs("qed", data)] == [
        ("who won", ["Ada", "Ada L ."])
    ]


def test_prompts_with_an_instruction_that_cannot_be_checked_are_left_out(data):
    (doc,) = _docs("ifeval", data)
    assert doc["prompt"] == INSTRUCTIONS["easy"]["prompt"]
    assert json.loads(doc["checks"]) == [["punctuation:no_comma", {}]]


def test_every_subject_is_asked_but_those_with_long_prompts(data):
    assert {doc["subject"] for doc in _docs("mmlu", data)} == {"anatomy", "virology"}


def test_a_changed_document_changes_the_fingerprint(data, tmp_path):
    one = BY_NAME["piqa"]
    before = sets.fingerprint(one, data)
    file = tmp_path / one.source
    file.parent.mkdir(parents=True)
    file.write_text((data / one.source).read_text().replace("push", "pull"))
    file.with_name("valid-labels.lst").write_text("0\n")
    assert sets.fingerprint(one, data) == before != sets.fingerprint(one, tmp_path)


def test_the_real_data_sets_convert_where_they_are():
    folder = sets.data_folder()
    if folder is None:
        pytest.skip("the data sets are not beside this checkout")
    for one in sets.SETS:
        docs = list(one.convert(folder / one.source))
        assert len(docs) >= 400, one.name
        assert all(0 <= doc["gold"] < len(doc["choices"]) for doc in docs if "gold" in doc), one.name


def test_data_and_cache_lie_outside_the_repository():
    for folder in (sets.cache_folder(), sets.data_folder() or Path("/")):
        assert sets.ROOT not in folder.resolve().parents
