"""What bench/fidelity.py takes for the same result, and what it does not; running clients is the benchmark's own."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from _environments import NotHere
from _fidelity import clients, figures
from _fidelity.clients import Client, Modes
from _shape import Result

ENGINE, ROUTER = "http://engine", "http://router"


def answering(monkeypatch: pytest.MonkeyPatch, engine: list[Modes], router: list[Modes]) -> None:
    """Have both say these in turn, the last one again and again."""

    def run(_: Client, __: str, url: str, ___: Path) -> Modes:
        said = engine if url == ENGINE else router
        return said.pop(0) if len(said) > 1 else said[0]

    monkeypatch.setattr(figures, "run", run)
    monkeypatch.setattr(figures, "CLIENTS", (Client("one", lambda _: []),))


def tallied(monkeypatch: pytest.MonkeyPatch, engine: list[Modes], router: list[Modes]) -> figures.Tally:
    answering(monkeypatch, engine, router)
    tally = figures.Tally()
    figures.clients(
        tally, Result("fidelity", True, 7), "generating", ENGINE, {"candidate": ROUTER}, Path("model")
    )
    return tally


def mode(value: object, *, ok: bool = True) -> Modes:
    return {"chat": {"ok": ok, "value": value}}


@pytest.mark.parametrize(
    ("engine", "router", "wrong"),
    [
        ([mode("a")], [mode("a")], None),
        ([mode("a"), mode("b")], [mode("c"), mode("a")], None),
        ([mode("a")], [mode("b")], "became"),
        ([mode("a")], [mode("a", ok=False)], "became"),
        ([mode("a", ok=False)], [mode("a", ok=False)], "fails at both"),
    ],
)
def test_a_mode_is_right_where_it_works_and_came_to_what_vllm_once_came_to(
    monkeypatch: pytest.MonkeyPatch, engine: list[Modes], router: list[Modes], wrong: str | None
) -> None:
    tally = tallied(monkeypatch, engine, router)
    assert tally.modes == {"one": 1}
    assert [why.partition(": ")[0] for why in tally.wrong["one"]] == (
        [] if wrong is None else ["chat by candidate"]
    )
    assert all(wrong is not None and wrong in why for why in tally.wrong["one"])


def test_ids_times_and_where_it_was_asked_are_no_part_of_a_result(tmp_path: Path) -> None:
    said = '{"chat": {"ok": true, "value": {"id": "chatcmpl-%s", "created": %s, "said": "at %s"}}}'
    program = tmp_path / "client.py"
    program.write_text(f"import sys; print({said!r} % (len(sys.argv[-3]), len(sys.argv[-3]), sys.argv[-3]))")
    client = Client("one", lambda _: [sys.executable, str(program)])
    assert clients.run(client, "generating", "http://a", tmp_path) == clients.run(
        client, "generating", "http://abc", tmp_path
    )


def test_a_client_that_cannot_run_is_missing_and_not_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object) -> Modes:
        raise NotHere("no such program")

    monkeypatch.setattr(figures, "run", run)
    tally, result = figures.Tally(), Result("fidelity", True, 7)
    figures.clients(tally, result, "generating", ENGINE, {"candidate": ROUTER}, Path("model"))
    assert tally.modes == {}
    assert len(result.missing) == len(clients.CLIENTS)
    assert result.missing[0]["reason"] == "no such program"
