"""The probe: a candidate that answers as base does is none; chats must be rendered as the folder says."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from evaluator.audit.asking.probe import (
    CHATS,
    PROBES,
    Fingerprint,
    ProbeFailed,
    check_candidate,
    check_models,
    take_fingerprint,
)
from evaluator.audit.measures.measure import ServedModel
from telemetry.errors import EngineFailed, InfrastructureError
from tests.evaluator.support.fake_openai import byte_tokenizer, completions, serving

Server = Callable[..., str]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return byte_tokenizer(tmp_path_factory.mktemp("model"))


@pytest.fixture
def server() -> Iterator[Server]:
    """Starts engines with made-up weights, the name's; `noise` moves every third request's log-probabilities."""
    with ExitStack() as running:

        def start(weights: str, *, noise: float = 0.0, logprobs: bool = True, tokens: Any = None) -> str:
            answer, asked = completions(weights), 0

            def engine(path: str, body: dict[str, Any]) -> tuple[int, Any]:
                nonlocal asked
                if path == "/tokenize":
                    return tokens(body["messages"]) if tokens else (404, {"detail": "Not Found"})
                status, said = answer(path, body)
                for choice in said.get("choices", []) if path == "/v1/completions" else []:
                    asked += 1
                    found = choice["logprobs"]["token_logprobs"]
                    moved = [None, *(value + noise * (asked % 3 == 1) for value in found[1:])]
                    choice["logprobs"] = {"token_logprobs": moved} if logprobs else None
                return status, said

            return running.enter_context(serving(engine)).url

        yield start


def model(url: str, folder: Path, sha256: str, name: str = "fake") -> ServedModel:
    return ServedModel(url, name, sha256 * 64, folder, lambda *_: [])


def rendered(chat: list[dict[str, str]]) -> list[int]:
    """The fake tokenizer's chat template, written once more by hand."""
    text = "".join(f"<{m['role']}>{m['content'].strip()}\n" for m in chat) + "<assistant>"
    return list(text.encode())


def test_a_candidate_that_differs_somewhere_passes(server: Server, tmp_path: Path) -> None:
    report = check_models(model(server("a"), tmp_path, "a"), model(server("b"), tmp_path, "b"))
    assert report.adapter.state == "ok"
    assert "nats" in report.adapter.note


def test_a_candidate_that_answers_exactly_as_base_fails(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ProbeFailed, match=r"answers exactly as base.*adapter not loaded") as caught:
        check_models(model(server("a"), tmp_path, "a"), model(server("a"), tmp_path, "b"))
    assert isinstance(caught.value, InfrastructureError)
    assert caught.value.exit_code == 4


def test_what_was_kept_of_base_probes_a_candidate_as_well_as_base_itself(
    server: Server, tmp_path: Path
) -> None:
    kept = take_fingerprint(model(server("a"), tmp_path, "a"))
    assert kept is not None
    kept = Fingerprint.model_validate_json(kept.model_dump_json())
    assert check_candidate(kept, "a" * 64, model(server("b"), tmp_path, "b")).adapter.state == "ok"
    with pytest.raises(ProbeFailed, match="adapter not loaded"):
        check_candidate(kept, "a" * 64, model(server("a"), tmp_path, "b"))


def test_without_base_or_anything_kept_of_it_nothing_is_called_fine(server: Server, tmp_path: Path) -> None:
    assert take_fingerprint(model(server("a", logprobs=False), tmp_path, "a")) is None
    report = check_candidate(None, "a" * 64, model(server("b"), tmp_path, "b"))
    assert (report.adapter.state, report.base_template.state) == ("not checked", "not checked")


def test_the_same_model_in_both_arms_is_not_checked_rather_than_refused(
    server: Server, tmp_path: Path
) -> None:
    url = server("a")
    assert check_models(model(url, tmp_path, "a"), model(url, tmp_path, "a")).adapter.state == "not checked"


def test_an_engines_own_noise_is_no_difference(server: Server, tmp_path: Path) -> None:
    noisy = [server("a", noise=1e-3) for _ in range(2)]
    with pytest.raises(ProbeFailed, match=r"base to itself 0\.001"):
        check_models(model(noisy[0], tmp_path, "a"), model(noisy[1], tmp_path, "b"))
    other = server("b", noise=1e-3)
    assert check_models(model(noisy[0], tmp_path, "a"), model(other, tmp_path, "b")).adapter.state == "ok"


def test_an_endpoint_without_log_probabilities_is_reported_as_not_checked(
    server: Server, tmp_path: Path
) -> None:
    base, bare = server("a"), server("a", logprobs=False)
    report = check_models(model(base, tmp_path, "a"), model(bare, tmp_path, "b"))
    assert report.adapter.state == "not checked"
    assert "log-probabilities" in report.adapter.note


def test_a_model_that_the_endpoint_does_not_list_fails(server: Server, tmp_path: Path) -> None:
    url = server("a")
    with pytest.raises(
        ProbeFailed, match=r"candidate's endpoint .* serves no model 'adapter'; it lists fake"
    ):
        check_models(model(url, tmp_path, "a"), model(url, tmp_path, "b", name="adapter"))


def test_an_endpoint_that_is_away_is_an_engine_that_failed(server: Server, tmp_path: Path) -> None:
    with serving(completions()) as gone:
        url = gone.url
    with pytest.raises(EngineFailed, match="no engine answers"):
        check_models(model(server("a"), tmp_path, "a"), model(url, tmp_path, "b"))


def test_chats_rendered_as_the_folders_template_does_are_ok(server: Server, folder: Path) -> None:
    url = server("a", tokens=lambda chat: (200, {"tokens": rendered(chat)}))
    report = check_models(model(url, folder, "a"), model(url, folder, "a"))
    assert report.base_template.state == report.candidate_template.state == "ok"
    assert len(report.lines) == 3


def test_chats_rendered_otherwise_fail_with_the_place(server: Server, folder: Path) -> None:
    right = server("a", tokens=lambda chat: (200, {"tokens": rendered(chat)}))
    wrong = server("b", tokens=lambda chat: (200, {"tokens": rendered(chat)[:-1]}))
    tokens = len(rendered(CHATS[0]))
    with pytest.raises(ProbeFailed, match=f"candidate's endpoint .*{tokens - 1} tokens instead of {tokens}"):
        check_models(model(right, folder, "a"), model(wrong, folder, "b"))


def test_an_endpoint_without_tokenize_and_a_folder_without_template_are_not_checked(
    server: Server, folder: Path, tmp_path: Path
) -> None:
    url = server("a")
    report = check_models(model(url, folder, "a"), model(url, tmp_path, "a"))
    assert (report.base_template.state, report.candidate_template.state) == ("not checked", "not checked")
    assert "/tokenize" in report.base_template.note
    assert str(tmp_path) in report.candidate_template.note


def test_the_probes_are_different_texts_and_chats() -> None:
    assert len(set(PROBES)) == len(PROBES) >= 8
    assert any(m["role"] == "system" for chat in CHATS for m in chat)


@pytest.mark.parametrize("status", [401, 429, 500])
def test_an_endpoint_that_fails_is_not_said_to_offer_no_log_probabilities(status: int, folder: Path) -> None:
    with serving(lambda path, body: (status, {"error": "not now"})) as fake, pytest.raises(EngineFailed):  # noqa: ARG005
        take_fingerprint(model(fake.url, folder, "a"))
