"""Which engine has which GPU, out of what the driver says; and the driver's answers, from a stand-in."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.engines import placement as placing
from serving.engines.placement import Card, Place, cards, driver_cards, parsed, placement, visible_cards
from telemetry.errors import UsageError

H200 = Card("0", "GPU-aa11", "NVIDIA H200", (9, 0))
A100 = Card("1", "GPU-bb22", "NVIDIA A100", (8, 0))
T4 = Card("2", "GPU-cc33", "Tesla T4", (7, 5))


def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")


def test_without_a_gpu_engines_are_on_the_cpu() -> None:
    assert placement(2, []) == [Place(), Place()]
    assert placement(1, [], 0.5)[0].device == "cpu"


def test_an_engine_alone_takes_what_vllm_takes() -> None:
    assert placement(1, [H200]) == [Place("cuda", "0", None, "bfloat16")]


def test_two_engines_divide_one_gpu() -> None:
    assert [(place.gpu, place.memory) for place in placement(2, [H200])] == [("0", 0.45), ("0", 0.45)]


def test_where_there_are_enough_each_engine_has_a_gpu() -> None:
    assert [(place.gpu, place.memory) for place in placement(2, [H200, A100, T4])] == [
        ("0", None),
        ("1", None),
    ]


def test_of_three_engines_on_two_gpus_two_share_and_one_does_not() -> None:
    found = placement(3, [H200, A100])
    assert [(place.gpu, place.memory) for place in found] == [("0", 0.45), ("1", None), ("0", 0.45)]


@pytest.mark.parametrize("engines", range(1, 9))
@pytest.mark.parametrize("count", range(1, 4))
def test_no_gpu_is_given_away_twice(engines: int, count: int) -> None:
    found = placement(engines, [H200, A100, T4][:count])
    for card in (H200, A100, T4)[:count]:
        assert sum(place.memory or 0.92 for place in found if place.gpu == card.token) <= 1.0


def test_a_share_that_was_said_is_kept_and_has_to_fit() -> None:
    assert [place.memory for place in placement(2, [H200], 0.3)] == [0.3, 0.3]
    assert [place.memory for place in placement(2, [H200, A100], 0.8)] == [0.8, 0.8]
    with pytest.raises(UsageError, match=r"2 engines with 0\.8.*do not fit GPU 0"):
        placement(2, [H200], 0.8)


def test_a_gpu_without_bfloat16_computes_in_float16_and_of_an_unknown_one_vllm_decides() -> None:
    assert [card.dtype for card in (H200, A100, T4)] == ["bfloat16", "bfloat16", "float16"]
    assert Card("0", "GPU-1", "new").dtype == "auto"


def test_the_drivers_answer_is_read_line_by_line() -> None:
    said = "0, GPU-aa11, NVIDIA H200, 9.0\n1, GPU-dd44, NVIDIA Old, [N/A]\nNo devices were found\n"
    assert parsed(said) == (H200, Card("1", "GPU-dd44", "NVIDIA Old", None))
    assert parsed("") == ()


@pytest.mark.parametrize(
    ("said", "tokens"),
    [
        (None, ["0", "1", "2"]),
        ("2,0", ["2", "0"]),
        ("GPU-bb", ["GPU-bb"]),
        ("0,7,1", ["0"]),
        ("0,-1,1", ["0"]),
        ("", []),
        ("NoDevFiles", []),
        ("MIG-77", ["MIG-77"]),
    ],
)
def test_what_is_visible_is_what_cuda_would_see(said: str | None, tokens: list[str]) -> None:
    assert [card.token for card in visible_cards([H200, A100, T4], said)] == tokens


def test_a_visible_gpu_keeps_what_it_can_do() -> None:
    (found,) = visible_cards([H200, A100, T4], "GPU-cc33")
    assert (found.name, found.dtype) == ("Tesla T4", "float16")


def test_the_driver_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver(
        tmp_path, monkeypatch, "echo '0, GPU-aa11, NVIDIA H200, 9.0'\necho '1, GPU-bb22, NVIDIA A100, 8.0'"
    )
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert cards() == (H200, A100)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert cards() == (A100,)


@pytest.mark.parametrize("script", ["exit 9", "exec sleep 30"])
def test_a_driver_that_does_not_answer_lists_none(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placing, "_DRIVER_S", 0.5)
    driver(tmp_path, monkeypatch, script)
    assert driver_cards() == ()


def test_without_a_driver_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert driver_cards() == ()
