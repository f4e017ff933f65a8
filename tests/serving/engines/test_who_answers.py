"""References: kept in a model's folder under the manifest's hash, and compared with what its engine answers now."""

from __future__ import annotations

from pathlib import Path

import pytest

from serving.engines.address import ModelAddress
from serving.engines.arms import Endpoint
from serving.engines.identity_probes import TOKENS_OF_OURS, save_identity, take_identity
from serving.engines.references import keep_reference, reference_of
from serving.engines.who_answers import Served, attest_arms, attest_served
from serving.models.manifest import EngineOfOthers, attest, write_manifest
from serving.models.store import ModelStore, StoredModel
from telemetry.errors import AttestationError, EngineFailed
from tests.conftest import a_free_port
from tests.serving.engines.test_identity_probes import engine, model


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    for name in ("base", "lora"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "weights").write_text(name)
        write_manifest(folder, kind="base" if name == "base" else "adapter", name=name)
    return ModelStore(tmp_path)


def taken(store: ModelStore, name: str, voice: str) -> StoredModel:
    """The model after its reference was taken of one that speaks with that voice."""
    with engine(model(voice)) as address:
        keep_reference(store.get(name).folder, take_identity(address, TOKENS_OF_OURS))
    return store.get(name)


def test_a_reference_is_bound_by_its_hash_and_is_no_part_of_the_model(store: ModelStore) -> None:
    before = store.get("lora").manifest
    after = taken(store, "lora", "a")
    assert attest(after.folder).sha256 == before.sha256
    known = reference_of(after)
    assert known is not None
    assert (known.engine, known.tokens) == ("vllm 1.2.3", TOKENS_OF_OURS)
    assert reference_of(store.get("base")) is None


def test_a_reference_that_was_changed_or_removed_is_refused(store: ModelStore) -> None:
    lora = taken(store, "lora", "a")
    (file,) = lora.folder.glob(".identity-*.json")
    content = file.read_bytes()
    file.write_bytes(content.replace(b"-0.25", b"-0.26"))
    with pytest.raises(AttestationError, match="expected sha256") as refused:
        reference_of(lora)
    assert "belay audit lora" in refused.value.hint
    file.unlink()
    with pytest.raises(AttestationError, match="named by the manifest"):
        reference_of(lora)


def test_a_reference_that_is_taken_anew_leaves_readers_of_the_old_one_theirs(store: ModelStore) -> None:
    old = taken(store, "lora", "a")
    new = taken(store, "lora", "b")
    assert reference_of(old) != reference_of(new)


@pytest.mark.parametrize(("voice", "state"), [("a", "attested"), ("base", "refused"), ("other", "refused")])
def test_the_right_adapter_passes_and_base_or_another_one_in_its_place_does_not(
    voice: str, state: str, store: ModelStore
) -> None:
    lora, base = taken(store, "lora", "a"), taken(store, "base", "base")
    with engine(model(voice)) as address:
        found = attest_served(Served(lora, address, Served(base, address)))
    assert found.state == state
    assert ("base answers in its place" in found.told) == (voice == "base")


def test_without_references_base_is_asked_beside(store: ModelStore) -> None:
    lora, base = store.get("lora"), store.get("base")
    with engine(model("base")) as far, engine(model("a")) as other:
        assert attest_served(Served(lora, far, Served(base, far))).state == "refused"
        told = attest_served(Served(lora, other, Served(base, far)))
    assert told.state == "unknown"
    assert "nats from base's" in told.told


def test_a_reference_of_another_version_of_the_engine_is_told_with_the_refusal(store: ModelStore) -> None:
    lora = taken(store, "lora", "a")

    def newer(path: str, body: dict[str, object]) -> tuple[int, object]:
        return (200, {"version": "2.0"}) if path == "/version" else model("b")(path, body)

    with engine(newer) as address:
        told = attest_served(Served(lora, address)).told
    assert "vllm 1.2.3" in told
    assert "vllm 2.0" in told


def test_an_engine_without_a_model_of_that_name_is_refused_and_one_that_fails_is_not(
    store: ModelStore,
) -> None:
    lora = taken(store, "lora", "a")
    with engine(lambda _path, _body: (404, {"error": "no model m"})) as address:
        found = attest_served(Served(lora, address))
    assert found.state == "refused"
    assert "no model m" in found.told
    with engine(lambda _path, _body: (503, {})) as address, pytest.raises(EngineFailed):
        attest_served(Served(lora, address))


def test_every_replica_is_asked_and_one_that_is_away_is_unknown(store: ModelStore) -> None:
    lora, base = taken(store, "lora", "a"), taken(store, "base", "base")
    away = f"http://127.0.0.1:{a_free_port()}"
    with engine(model("a")) as right, engine(model("b")) as wrong, engine(model("base")) as beside:
        arms = (
            Endpoint(arm="control", url=beside.root),
            Endpoint(arm="candidate", urls=(right.root, wrong.root, away), model="lora@0"),
        )
        found = list(attest_arms(base, lora, arms, "alias"))
    states = [(one.arm, one.attestation.state) for one in found]
    assert states == [
        ("control", "attested"),
        ("candidate", "attested"),
        ("candidate", "refused"),
        ("candidate", "unknown"),
    ]
    assert [one.served.address.model for one in found] == ["alias", *["lora@0"] * 3]
    assert "could not be asked" in str(found[-1])


def test_a_model_that_others_run_is_known_by_what_it_answered_when_it_was_adopted(store: ModelStore) -> None:
    folder = store.folder / "far"
    folder.mkdir()
    with engine(model("a")) as address:
        save_identity(folder, take_identity(address))
        write_manifest(folder, kind="base", name="far", engine=EngineOfOthers(url=address.url, model="m"))
        assert attest_served(Served(store.get("far"), ModelAddress(address.url, "m"))).state == "attested"
