"""`belay rollout draft`: a file that `belay rollout start` takes as it is, and no rollout without a passing audit."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from belay.cli import app
from belay.home import Home
from belay.steps.page_forms import PageDrafting
from belay.steps.rollout_draft import draft as drafted
from belay.steps.rollout_draft import terms_lines
from evaluator.audit.baseline import save_baseline
from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.judges.calibration import Calibration
from evaluator.watch.planning.graded import GradedJudges
from evaluator.watch.planning.terms import rollout_spec
from router.control.drafting_api import DraftAsked, WrongField
from router.control.rollout import Start, transition
from serving.models.manifest import bind_audit, read_manifest, write_manifest
from telemetry.errors import BaselineError, UsageError
from telemetry.events import AuditRef, ModelRef, RolloutSpec, Stage, now
from telemetry.settings import load_document
from tests.evaluator.support.audits import baseline
from tests.evaluator.support.briefs import brief


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> LoadedBrief:
    made = brief()
    monkeypatch.setattr("belay.steps.rollout_draft.read_brief", lambda _: made)
    return made


@pytest.fixture
def home(tmp_path: Path, loaded: LoadedBrief) -> Home:
    """Base, a candidate, and base's baseline under the brief."""
    place = Home(tmp_path / "home")
    for name in ("base", "mine"):
        folder = place.model(name)
        folder.mkdir(parents=True)
        (folder / "weights").write_text(name, encoding="utf-8")
        base = read_manifest(place.base_model).sha256 if name != "base" else None
        write_manifest(folder, kind="candidate" if base else "base", name=name, base_sha256=base)
    recorded = baseline(loaded)
    binding = recorded.binding.model_copy(update={"base_sha256": read_manifest(place.base_model).sha256})
    save_baseline(recorded.model_copy(update={"binding": binding}), place.baselines)
    return place


def draft(home: Home, out: Path, *options: str) -> RolloutSpec:
    asked = ["rollout", "draft", "mine", "--home", str(home.root), "--out", str(out), *options]
    result = CliRunner().invoke(app, asked, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert f"belay rollout start {out}" in " ".join(result.output.split())
    return load_document(out, RolloutSpec)


def test_a_draft_can_be_started_as_it_is(home: Home, loaded: LoadedBrief, tmp_path: Path) -> None:
    bind_audit(home.model("mine"), AuditRef(verdict="pass", sha256="e" * 64))
    spec = draft(home, tmp_path / "rollout.yaml")
    assert (spec.base, spec.candidate) == tuple(read_manifest(home.model(n)).ref for n in ("base", "mine"))
    assert [(s.share, s.min_units, s.margin) for s in spec.stages] == [
        (0.05, 2000, 0.15), (0.25, 4000, 0.08), (0.5, 0, 0.05)
    ]  # fmt: skip
    assert (spec.advance, spec.shadow, spec.brief_sha256) == ("evidence", 0.1, loaded.sha256)
    assert sum(c.weight for c in spec.capabilities) == pytest.approx(1.0)
    assert not next(c for c in spec.capabilities if c.name == "riddles").watched, "base is at the floor there"
    assert transition(None, Start(spec), now()).status == "ramping"


def test_a_draft_says_what_judges_each_capability_and_what_cannot_roll_back(loaded: LoadedBrief) -> None:
    spec = rollout_spec(
        loaded,
        baseline(loaded),
        base=ModelRef(name="base", sha256="b" * 64),
        candidate=ModelRef(name="mine", sha256="c" * 64),
        alias="m",
        stages=(Stage(share=0.05, margin=0.15), Stage(share=0.5)),
        shadow=0.1,
        audit=AuditRef(verdict="pass", sha256="e" * 64),
        advance="evidence",
        calibrations={"facts": Calibration(0.07, 0.2, 500), "sums": Calibration(2.0, 2.0, 0)},
    )
    said = terms_lines(spec)
    own = 100 * loaded.brief.capability("facts").threshold
    assert said[0].startswith("support: judged by program, threshold ")
    assert f"500 gold pairs, threshold {own + 7:.3g} points (the brief's {own:.3g}" in said[1]
    assert "may not roll back" in said[2]
    assert "at the floor" in said[3]
    assert said[4].startswith("stage 0 will not be promoted by evidence: the error of the judge of facts")
    assert said[-1].startswith("no stage will be promoted by evidence: no judge can prove anything of sums.")


def test_two_drafts_are_two_rollouts_with_salts_of_their_own(home: Home, tmp_path: Path) -> None:
    bind_audit(home.model("mine"), AuditRef(verdict="pass", sha256="e" * 64))
    a, b = (
        draft(home, tmp_path / f"{n}.yaml", "--advance", "schedule", "--stages", "10%:5,20%") for n in "ab"
    )
    assert a.rollout_id != b.rollout_id
    assert a.salt != b.salt
    assert (a.advance, [s.margin for s in a.stages]) == ("schedule", [None, None])


def test_a_draft_on_a_route_of_belay_yaml_takes_what_the_route_says_unless_it_is_typed(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bind_audit(home.model("mine"), AuditRef(verdict="pass", sha256="e" * 64))
    monkeypatch.chdir(tmp_path)
    Path("belay.yaml").write_text(
        "route: shop\nbase: base\nbrief: brief.yaml\nroutes:\n"
        "  acme/sql: {base: base, stages: '7%:5,20%', advance: manual, shadow: 0.3}\n"
    )
    spec = draft(home, tmp_path / "sql.yaml", "--route", "acme/sql", "--advance", "schedule")
    assert (spec.route, spec.model_alias, spec.advance) == ("acme/sql", "acme/sql", "schedule")
    assert (spec.stages[0].share, spec.shadow) == (0.07, 0.3)
    own = draft(home, tmp_path / "own.yaml")
    assert (own.route, own.model_alias, own.stages[0].share) == ("default", "shop", 0.05)


def test_no_passing_audit_no_rollout_but_under_a_named_override(home: Home, tmp_path: Path) -> None:
    out = tmp_path / "rollout.yaml"
    with pytest.raises(UsageError, match="has no audit") as missing:
        draft(home, out)
    assert "belay audit mine" in missing.value.hint
    bind_audit(home.model("mine"), AuditRef(verdict="fail", sha256="e" * 64))
    with pytest.raises(UsageError, match="the audit of mine is 'fail'"):
        draft(home, out, "--override-by", "ada")
    assert not out.exists()
    spec = draft(home, out, "--override-by", "ada", "--override-reason", "a drill")
    assert (spec.audit.verdict, spec.audit.override_by, spec.audit.override_reason) == (
        "fail",
        "ada",
        "a drill",
    )


def test_a_baseline_of_another_brief_is_refused(
    home: Home, loaded: LoadedBrief, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = loaded.model_copy(update={"sha256": "0" * 64})
    monkeypatch.setattr("belay.steps.rollout_draft.read_brief", lambda _: other)
    with pytest.raises(BaselineError, match="another version"):
        draft(home, tmp_path / "rollout.yaml")


def graded(home: Home, loaded: LoadedBrief, labels: int) -> GradedJudges:
    """What people's grades of this candidate's answers say of the judge of `sums`."""
    return GradedJudges(
        rollout_id="r-before",
        base=read_manifest(home.base_model).ref,
        candidate=read_manifest(home.model("mine")).ref,
        brief_sha256=loaded.sha256,
        judge="j1",
        graders=("ada",),
        grades=2 * labels,
        passed_over={},
        judges=(),
        calibrations={"sums": Calibration(0.04, 0.01, labels)},
    )


@pytest.mark.parametrize(("audited", "labels"), [(100, 200), (300, 200), (None, 200)])
def test_peoples_grades_set_the_terms_where_they_are_more_than_the_audits_labels(
    home: Home,
    loaded: LoadedBrief,
    monkeypatch: pytest.MonkeyPatch,
    audited: int | None,
    labels: int,
) -> None:
    bind_audit(home.model("mine"), AuditRef(verdict="pass", sha256="e" * 64))
    audit = {} if audited is None else {"sums": Calibration(0.1, 0.1, audited)}
    monkeypatch.setattr("belay.steps.rollout_draft.calibrations_of", lambda *_: audit)
    said: list[str] = []
    spec = drafted(
        home,
        Path("brief"),
        "mine",
        alias="m",
        stages="5%",
        advance="manual",
        shadow=0.1,
        override_by="",
        override_reason="",
        grades=graded(home, loaded, labels),
        say=said.append,
    )
    sums = next(c for c in spec.capabilities if c.name == "sums")
    assert sums.tolerated is not None
    people = audited is None or labels > audited
    assert sums.threshold - sums.tolerated == pytest.approx(0.04 if people else 0.1)
    assert said[0].endswith("people set the terms" if people else "the audit set the terms")
    assert "200 pairs by people" in said[0]


def test_the_command_takes_a_file_of_grades_and_says_what_it_made_of_it(
    home: Home, loaded: LoadedBrief, tmp_path: Path
) -> None:
    bind_audit(home.model("mine"), AuditRef(verdict="pass", sha256="e" * 64))
    file = tmp_path / "grades.json"
    file.write_text(graded(home, loaded, 150).model_dump_json(), encoding="utf-8")
    spec = draft(home, tmp_path / "r.yaml", "--grades", str(file))
    assert "150 gold pairs" in next(c for c in spec.capabilities if c.name == "sums").judged_by


def test_the_command_takes_a_rollouts_grades_out_of_the_log(
    home: Home, loaded: LoadedBrief, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bind_audit(home.model("mine"), AuditRef(verdict="pass", sha256="e" * 64))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no file r-before, and no belay"):
        draft(home, tmp_path / "r.yaml", "--grades", "r-before")
    Path("belay.yaml").write_text("route: shop\nbase: b\nbrief: x/brief.yaml\n", encoding="utf-8")
    asked: list[str] = []

    def said(_bus: object, rollout: str, _console: object) -> tuple[None, GradedJudges]:
        asked.append(rollout)
        return None, graded(home, loaded, 150)

    monkeypatch.setattr("belay.wiring.bus_of", lambda _: None)
    monkeypatch.setattr("belay.steps.review.report", said)
    spec = draft(home, tmp_path / "r.yaml", "--grades", "r-before")
    assert asked == ["r-before"]
    assert "150 gold pairs" in next(c for c in spec.capabilities if c.name == "sums").judged_by


def test_a_draft_whose_grades_are_evidence_says_so(home: Home, tmp_path: Path) -> None:
    bind_audit(home.model("mine"), AuditRef(verdict="pass", sha256="e" * 64))
    assert draft(home, tmp_path / "a.yaml").people == 0.0
    spec = draft(home, tmp_path / "b.yaml", "--people")
    assert spec.people == pytest.approx(0.25)
    assert any("with 25% of alpha" in line for line in terms_lines(spec))


def test_a_draft_that_bounds_keys_says_so_and_without_it_the_file_is_what_it_was(
    home: Home, tmp_path: Path
) -> None:
    bind_audit(home.model("mine"), AuditRef(verdict="pass", sha256="e" * 64))
    plain = draft(home, tmp_path / "a.yaml")
    assert "most_of_key" not in plain.model_dump()
    assert not any("API key" in line for line in terms_lines(plain))
    spec = draft(home, tmp_path / "b.yaml", "--most-of-key", "0.03")
    assert any("one API key's are at most 3" in line for line in terms_lines(spec))


@pytest.mark.parametrize(
    ("router", "option", "told"),
    [
        ("{keys_file: keys.yaml}", (), True),
        ("{api_key_env: SHOP_KEY}", (), True),
        ("{keys_file: keys.yaml}", ("--most-of-key", "0.03"), False),
        ("{}", (), False),
    ],
)
def test_a_draft_says_that_a_keys_part_is_not_bounded_where_the_router_wants_keys_and_only_there(
    home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    router: str,
    option: tuple[str, ...],
    told: bool,
) -> None:
    bind_audit(home.model("mine"), AuditRef(verdict="pass", sha256="e" * 64))
    monkeypatch.chdir(tmp_path)
    project = f"route: shop\nbase: b\nbrief: x/brief.yaml\nrouter: {router}\n"
    Path("belay.yaml").write_text(project, encoding="utf-8")
    asked = ["rollout", "draft", "mine", "--home", str(home.root), *option]
    said = " ".join(CliRunner().invoke(app, asked, catch_exceptions=False).output.split())
    assert ("one key may be all of the evidence: bound its part with --most-of-key" in said) is told


FORM = DraftAsked(candidate="mine", model="support", stages="5%:2000,25%:4000,50%")


def test_the_page_drafts_what_the_command_drafts(home: Home, tmp_path: Path) -> None:
    bind_audit(home.model("mine"), AuditRef(verdict="pass", sha256="e" * 64))
    page = PageDrafting(home, tmp_path / "brief.yaml", "support")
    assert [(one.name, one.audit) for one in page.choices().candidates] == [("mine", "pass")]
    by_page, by_command = page.draft(FORM, "ada"), draft(home, tmp_path / "rollout.yaml")
    apart = {"rollout_id", "salt"}
    assert by_page.spec.model_dump(exclude=apart) == by_command.model_dump(exclude=apart)
    assert by_page.terms == tuple(terms_lines(by_page.spec))


@pytest.mark.parametrize(
    ("changes", "by", "verdict", "field"),
    [
        ({"stages": "50%,5%"}, "ada", "pass", "stages"),
        ({"candidate": "nobody"}, "ada", "pass", "candidate"),
        ({}, "ada", None, "candidate"),
        ({}, "ada", "fail", "override_reason"),
        ({"override_reason": "we look closely"}, "", "fail", "actor"),
    ],
)
def test_the_page_is_told_which_field_is_wrong(
    home: Home, tmp_path: Path, changes: dict[str, str], by: str, verdict: str | None, field: str
) -> None:
    if verdict is not None:
        bind_audit(home.model("mine"), AuditRef.model_validate({"verdict": verdict, "sha256": "e" * 64}))
    page = PageDrafting(home, tmp_path / "brief.yaml", "support")
    with pytest.raises(WrongField) as wrong:
        page.draft(FORM.model_copy(update=changes), by)
    assert wrong.value.field == field


def test_an_override_from_the_page_is_named_and_recorded(home: Home, tmp_path: Path) -> None:
    bind_audit(home.model("mine"), AuditRef(verdict="fail", sha256="e" * 64))
    page = PageDrafting(home, tmp_path / "brief.yaml", "support")
    made = page.draft(FORM.model_copy(update={"override_reason": "we look closely"}), "ada")
    assert (made.spec.audit.override_by, made.spec.audit.override_reason) == ("ada", "we look closely")
