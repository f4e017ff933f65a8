"""The document of the topics as AsyncAPI's own parser reads it, which follows what its schema cannot: references."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import pytest

from telemetry.events import EVENTS
from tests.telemetry.golden_files import DOCUMENT

PARSER = "@asyncapi/parser@3.6.6"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "belay" / "tools" / PARSER
SCRIPT = Path(__file__).with_name("asyncapi_parser.mjs")
# A later version of AsyncAPI than ours is no mistake of the document.
_OLDER = "asyncapi-latest-version"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def parser() -> Path:
    """The folder where the parser lies, put there by npm and kept for the next run; skips without it."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("no node and npm on the PATH")
    if not CACHE.exists():
        CACHE.parent.mkdir(parents=True, exist_ok=True)
        # Beside its place first: another run must not find half of it.
        made = Path(tempfile.mkdtemp(dir=CACHE.parent))
        told = _install(npm, made)
        if told is None and not CACHE.exists():
            made.rename(CACHE)
        else:
            shutil.rmtree(made)
        if told is not None:
            pytest.skip(f"npm has no {PARSER}: {told}")
    return CACHE


def _install(npm: str, folder: Path) -> str | None:
    """Put the parser into a folder; why not, where that failed. No package's own scripts are run."""
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
    try:
        done = subprocess.run(
            [
                npm,
                "install",
                "--prefix",
                folder,
                *quiet,
                "--fetch-retries=0",
                "--fetch-timeout=10000",
                PARSER,
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
    except subprocess.TimeoutExpired:
        return "not within 90 s"
    return None if done.returncode == 0 else f"exit {done.returncode} {done.stderr.strip()[-200:]}"


def parsed(parser: Path, *files: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [str(shutil.which("node")), SCRIPT, parser, *files],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_parser_reads_the_document_and_finds_what_its_schema_does_not(
    parser: Path, tmp_path: Path
) -> None:
    wrong = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    # As the schema has it this is a reference like any other.
    wrong["operations"]["sendDecisionMade"]["messages"] = [
        {"$ref": "#/channels/belay.scores/messages/Nobody"}
    ]
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(wrong), encoding="utf-8")
    ours, other = parsed(parser, DOCUMENT, broken)
    assert [one for one in ours["told"] if one["code"] != _OLDER] == []
    assert {event.TYPE for event in EVENTS} == set(ours["messages"])
    assert other["messages"] is None
    assert any("sendDecisionMade" in one["at"] for one in other["told"])
