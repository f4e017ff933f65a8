"""A task that lacks a package or data of NLTK is told as that, with what to do; nothing is downloaded for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from evaluator.audit.benchmarks.lm_eval_measure import LmEvalMeasure, load_tasks
from evaluator.audit.benchmarks.needs import NltkDataMissing, keep_nltk_offline, wanting
from telemetry.errors import BriefError

IFEVAL = "lm_eval.tasks.ifeval"


def needy(folder: Path, helper: str, function: str = "helper.process") -> Path:
    """A folder with the task `needy`, whose scores come from `function` of the module `helper`."""
    (folder / "helper.py").write_text(helper, encoding="utf-8")
    (folder / "docs.jsonl").write_text(
        json.dumps({"query": "2 + 2?", "target": "4"}) + "\n", encoding="utf-8"
    )
    settings = {
        "task": "needy",
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": {"test": "docs.jsonl"}},
        "test_split": "test",
        "output_type": "generate_until",
        "doc_to_text": "query",
        "doc_to_target": "target",
        "metric_list": [{"metric": "right", "aggregation": "mean", "higher_is_better": True}],
    }
    text = yaml.safe_dump(settings) + f"process_results: !function {function}\n"
    (folder / "needy.yaml").write_text(text, encoding="utf-8")
    return folder


def scoring(body: str) -> str:
    return f"def process(doc, results):\n    {body}\n    return {{'right': 0.0}}\n"


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The only folder in which NLTK looks for data, empty."""
    import nltk  # noqa: PLC0415 - seconds to load

    folder = tmp_path / "nltk_data"
    folder.mkdir()
    monkeypatch.setattr(nltk.data, "path", [str(folder)])
    return folder


def test_a_package_that_only_scoring_needs_is_named_before_any_model_is_asked(tmp_path: Path) -> None:
    folder = needy(tmp_path, scoring("import package_that_nobody_has"))
    with pytest.raises(BriefError, match="'needy' needs the package 'package_that_nobody_has'"):
        LmEvalMeasure("needy", capability="facts", include_path=folder, threshold=0.1)


def test_the_package_behind_a_tasks_own_error_is_named(tmp_path: Path) -> None:
    wrapped = (
        "try:\n    import package_that_nobody_has\n"
        "except ModuleNotFoundError as e:\n    raise ModuleNotFoundError('please install this and that') from e\n"
    )
    with pytest.raises(BriefError, match="'needy' needs the package 'package_that_nobody_has'"):
        load_tasks("needy", needy(tmp_path, wrapped))


def test_an_import_error_without_a_name_is_told_in_its_own_words(tmp_path: Path) -> None:
    with pytest.raises(BriefError, match="'needy' lacks a package: please install this and that"):
        load_tasks("needy", needy(tmp_path, "raise ImportError('please install this and that')\n"))


def test_a_version_that_a_task_refuses_is_told(tmp_path: Path) -> None:
    with pytest.raises(BriefError, match="'needy' cannot be used here: too old"):
        load_tasks("needy", needy(tmp_path, "assert False, 'too old'\n"))


def test_what_ifeval_lacks_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _forget_ifeval(monkeypatch)
    monkeypatch.setitem(sys.modules, "langdetect", None)  # as if it were not installed
    with pytest.raises(BriefError, match="'needy' needs the package 'langdetect'") as caught:
        load_tasks("needy", needy(tmp_path, "", f"{IFEVAL}.utils.process_results"))
    assert "lm_eval[ifeval]" in str(caught.value.hint)
    assert caught.value.exit_code == 2


@pytest.mark.usefixtures("no_data")
def test_nltks_data_that_ifeval_lacks_are_named_and_not_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("langdetect")
    pytest.importorskip("immutabledict")
    _forget_ifeval(monkeypatch)
    with pytest.raises(BriefError, match="'needy' needs NLTK's data 'punkt_tab'") as caught:
        load_tasks("needy", needy(tmp_path, "", f"{IFEVAL}.utils.process_results"))
    assert all(
        word in str(caught.value.hint) for word in ("NLTK_DATA", "nltk.downloader", "HF_HUB_OFFLINE=0")
    )


@pytest.mark.usefixtures("no_data")
def test_data_that_only_scoring_looks_for_are_named_before_any_model_is_asked(tmp_path: Path) -> None:
    folder = needy(tmp_path, "import nltk\n" + scoring("nltk.data.find('tokenizers/no_such_data')"))
    with pytest.raises(BriefError, match="'needy' needs NLTK's data 'no_such_data'"):
        LmEvalMeasure("needy", capability="facts", include_path=folder, threshold=0.1)


@pytest.mark.parametrize("there", ["tokenizers/punkt_tab", "tokenizers/punkt_tab.zip"])
def test_data_that_are_here_need_no_download(no_data: Path, there: str) -> None:
    import nltk  # noqa: PLC0415 - seconds to load

    keep_nltk_offline()
    (no_data / there).mkdir(parents=True)
    assert nltk.download("punkt_tab") is True
    with pytest.raises(NltkDataMissing, match="punkt"):
        nltk.download("punkt")


def test_whoever_imports_nltk_later_downloads_nothing_either_and_nobodys_imports_are_changed(
    tmp_path: Path,
) -> None:
    package = tmp_path / "nltk"
    package.mkdir()
    (package / "__init__.py").write_text("from nltk.downloader import download\n", encoding="utf-8")
    (package / "data.py").write_text("path = []\n", encoding="utf-8")
    (package / "downloader.py").write_text(
        "def download(*_):\n    raise SystemExit('reached the internet')\n", encoding="utf-8"
    )
    script = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from evaluator.audit.benchmarks.needs import NltkDataMissing, keep_nltk_offline\n"
        "finders = list(sys.meta_path)\n"
        "keep_nltk_offline(); keep_nltk_offline()\n"
        "assert sys.meta_path == finders\n"
        "import nltk\n"
        "from nltk.downloader import download\n"
        "for ask in (nltk.download, download):\n"
        "    try:\n        ask('punkt_tab')\n"
        "    except NltkDataMissing as error:\n        print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.returncode) == (["punkt_tab", "punkt_tab"], 0), done.stderr


def test_without_nltk_nothing_is_kept_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nltk", None)  # as if it were not installed
    keep_nltk_offline()


def test_another_lookup_that_fails_is_no_lack_of_data() -> None:
    with pytest.raises(KeyError), wanting("needy"):
        raise KeyError("x")


def _forget_ifeval(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [one for one in sys.modules if one.startswith(IFEVAL)]:
        monkeypatch.delitem(sys.modules, name)
