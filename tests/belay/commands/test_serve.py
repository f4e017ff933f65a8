"""Where `belay serve` puts its engine, out of what is said and which GPUs there are."""

from __future__ import annotations

import pytest

from belay.commands import serve
from serving.engines.placement import Card, Place
from telemetry.errors import UsageError

TWO = (Card("0", "GPU-aa", "H200", (9, 0)), Card("1", "GPU-bb", "T4", (7, 5)))


def test_without_a_gpu_it_is_on_the_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "engine_cards", tuple)
    assert serve._place(None, None) == Place()
    with pytest.raises(UsageError, match="no GPU '0'"):
        serve._place("0", None)


def test_it_takes_the_gpu_that_was_said_else_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "engine_cards", lambda: TWO)
    assert serve._place(None, 0.3) == Place("cuda", "0", 0.3, "bfloat16")
    assert serve._place("1", None) == Place("cuda", "1", None, "float16")
    assert serve._place("GPU-bb", None).gpu == "GPU-bb"
    with pytest.raises(UsageError, match="no GPU '2'") as caught:
        serve._place("2", None)
    assert "0, 1" in caught.value.hint
