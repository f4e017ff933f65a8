"""`belay artifacts`: pushed once, pulled whole and compared, and what is another is not replaced unasked."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from belay.artifacts.entry import ArtifactError, StoredFile
from belay.artifacts.store import ArtifactStore
from belay.cli import app
from serving.models.manifest import attest, bytes_sha256, whole_sha256
from serving.models.pins import Pin, write_pin
from telemetry.errors import AttestationError, BelayError, ModelPinned, UsageError
from telemetry.events import ModelRef, now
from tests.belay.artifacts.conftest import filled


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BELAY_ARTIFACTS", "store")
    return tmp_path


def run(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["artifacts", *arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def push(home: Path, *what: str) -> str:
    return run("push", *what, "--home", str(home))


def pull(home: str, *what: str) -> str:
    return run("pull", *what, "--home", home)


def files(home: Path) -> dict[str, bytes]:
    return {str(path.relative_to(home)): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_what_one_machine_pushed_another_pulls_as_it_was(home: Path) -> None:
    said = push(home, "models/mine", "audits", "baselines", "taggers")
    assert "models/mine@" in said
    assert "4 of 4 files sent" in said
    pull("other", "models", "audits/mine", "baselines", "taggers/tagger-1.npz")
    assert files(Path("other")) == {k: v for k, v in files(home).items() if not k.endswith(".new")}
    assert attest(Path("other/models/mine")).name == "mine"


def test_what_is_there_is_neither_sent_nor_fetched_again(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    push(home, "models/mine")
    pull("other", "models/mine")
    before = {path: path.stat().st_mtime_ns for path in Path("store").rglob("*")}

    def never(*_given: object) -> None:
        raise AssertionError("moved again")

    monkeypatch.setattr(ArtifactStore, "send", never)
    monkeypatch.setattr(ArtifactStore, "fetch", never)
    assert "there already, 4 files" in push(home, "models/mine")
    assert "here already, 4 files" in pull("other", "models/mine")
    assert {path: path.stat().st_mtime_ns for path in Path("store").rglob("*")} == before


def test_a_push_that_is_cut_off_shows_nothing_and_the_next_goes_on(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, sent = ArtifactStore.send, []

    def cut(self: ArtifactStore, source: Path, file: StoredFile, *_rest: object) -> None:
        if sent:
            raise KeyboardInterrupt
        sent.append(file)
        really(self, source, file)

    with monkeypatch.context() as patched:
        patched.setattr(ArtifactStore, "send", cut)
        assert CliRunner().invoke(app, ["artifacts", "push", "models", "--home", str(home)]).exit_code != 0
    assert json.loads(run("list", "--json"))["artifacts"] == []
    assert "3 of 4 files sent" in push(home, "models")


def test_another_of_the_same_name_is_replaced_only_when_asked(home: Path, tmp_path: Path) -> None:
    push(home, "models/mine")
    pull("here", "models/mine")
    newer = filled(tmp_path / "newer", weights=b"other weights")
    with pytest.raises(ArtifactError, match="has another models/mine"):
        push(newer, "models/mine")
    assert "2 of 4 files sent" in push(newer, "models/mine", "--replace")
    with pytest.raises(ArtifactError, match="is another than models/mine"):
        pull("here", "models/mine")
    assert Path("here/models/mine/model.safetensors").read_bytes() == b"weights"
    pull("here", "models/mine", "--replace")
    assert Path("here/models/mine/model.safetensors").read_bytes() == b"other weights"


def test_a_model_that_a_rollout_needs_is_not_replaced(home: Path, tmp_path: Path) -> None:
    push(filled(tmp_path / "newer", weights=b"other weights"), "models/mine")
    found = attest(home / "models" / "mine")
    model = ModelRef(name="mine", sha256=found.sha256)
    write_pin(home / "models", Pin(rollout_id="r", models=(model,), since=now()))
    with pytest.raises(ModelPinned):
        pull(str(home), "models/mine", "--replace")


def test_a_content_that_was_changed_in_the_store_reaches_no_home(home: Path) -> None:
    push(home, "models/mine")
    sha256 = bytes_sha256(b"weights")
    Path("store/objects", sha256[:2], sha256).write_bytes(b"Weights")
    with pytest.raises(ArtifactError, match=f"expected 7 bytes of sha256 {sha256}") as caught:
        pull("other", "models/mine")
    assert caught.value.exit_code == 2
    assert files(Path("other")) == {}


def forged(kind: str, name: str, contents: dict[str, bytes]) -> None:
    """An entry and contents as somebody who may write to the store would make them, hashes and all."""
    hashes = {path: bytes_sha256(content) for path, content in contents.items()}
    for path, content in contents.items():
        place = Path("store/objects", hashes[path][:2], hashes[path])
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    said = {
        "kind": kind,
        "name": name,
        "sha256": whole_sha256(hashes),
        "pushed": now().isoformat(),
        "files": {
            path: {"sha256": hashes[path], "bytes": len(content)} for path, content in contents.items()
        },
    }
    entry = Path("store/entries", kind, f"{name}.json")
    entry.parent.mkdir(parents=True, exist_ok=True)
    entry.write_text(json.dumps(said))


def test_a_forged_entry_writes_nothing_beside_its_artefact(home: Path) -> None:  # noqa: ARG001 - its folder
    forged("audits", "evil", {"../../../escaped": b"x"})
    with pytest.raises(ArtifactError, match="leads out"):
        pull("other", "audits/evil")
    assert not list(Path().rglob("escaped"))


def test_a_pickle_in_the_store_reaches_no_home() -> None:
    forged("audits", "evil", {"audit.json": pickle.dumps({"a": 1})})
    with pytest.raises(ArtifactError, match="is a pickle"):
        pull("other", "audits/evil")
    assert files(Path("other")) == {}


def test_a_model_that_is_not_what_its_own_manifest_says_reaches_no_home(home: Path) -> None:
    manifest = (home / "models" / "mine" / "manifest.json").read_bytes()
    forged("models", "mine", {"manifest.json": manifest, "model.safetensors": b"others"})
    with pytest.raises(AttestationError, match="is not what its manifest"):
        pull("other", "models/mine")
    assert files(Path("other")) == {}


def test_the_hash_that_another_machine_told_has_to_be_the_one(home: Path) -> None:
    sha256 = push(home, "audits/mine").partition("audits/mine@")[2][:12]
    pull("other", f"audits/mine@{sha256}")
    with pytest.raises(ArtifactError, match="expected 0123456789ab"):
        pull("third", "audits/mine@0123456789ab")
    with pytest.raises(UsageError, match="8 to 64 hexadecimal digits"):
        pull("third", "audits/mine@latest")


def test_no_more_is_moved_than_was_allowed(home: Path) -> None:
    push(home, "audits/mine")
    (home / "audits" / "mine" / "more.json").write_bytes(b"x" * 2_000_000)
    for arguments in (
        ("push", "audits/mine", "--home", str(home)),
        ("pull", "audits/mine", "--home", "other"),
    ):
        if arguments[0] == "pull":
            push(home, "audits/mine", "--replace")
        with pytest.raises(UsageError, match=r"has 0\.002 GB, the limit is 0\.001 GB"):
            run(*arguments, "--limit-gb", "0.001")


def test_one_entry_that_is_wrong_hides_no_other(home: Path) -> None:
    push(home, "audits/mine")
    Path("store/entries/audits/broken.json").write_text("{}")
    done = CliRunner().invoke(app, ["artifacts", "list"])
    assert "audits/mine" in done.output
    assert isinstance(done.exception, BelayError)
    assert "broken.json is no entry" in done.exception.message


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("model/mine", "no kind of artefact; did you mean 'models'"),
        ("models/mime", "no models/mime in .*; did you mean 'mine'"),
        ("audits/../models", "no audits/../models in"),
        ("models", "there are none"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(home: Path, what: str, told: str) -> None:
    place = "nothing" if what == "models" else str(home)
    with pytest.raises(UsageError, match=told):
        run("push", what, "--home", place)


def test_option_before_environment_before_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = {"route": "r", "base": "b", "brief": "brief.yaml", "home": str(home), "artifacts": "of-file"}
    Path("belay.yaml").write_text(yaml.safe_dump(here))
    run("push", "audits/mine", "--store", "of-option")
    run("push", "audits/mine")
    monkeypatch.setenv("BELAY_ARTIFACTS", "")
    run("push", "audits/mine")
    assert [path.name for path in sorted(Path().iterdir()) if path.is_dir()] == [
        *("home", "of-file", "of-option", "store"),
    ]


def test_without_a_store_the_three_ways_to_name_one_are_told(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BELAY_ARTIFACTS")
    with pytest.raises(UsageError, match="nobody said where") as caught:
        push(home, "audits/mine")
    assert all(word in caught.value.hint for word in ("--store", "BELAY_ARTIFACTS", "belay.yaml"))
