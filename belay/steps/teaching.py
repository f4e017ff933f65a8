"""What an audit leaves behind for the rollout: its answers, and the judge that they teach."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape

from belay.home import Home
from belay.steps.asking import Asking
from evaluator.audit.graded_answers import graded, to_grade
from evaluator.audit.kept_answers import (
    AnsweredItem,
    GradedAnswer,
    KeptAnswers,
    answered_items,
    keep_answers,
    others_answers,
    pairs_of,
)
from evaluator.audit.state import Asked
from evaluator.briefs.brief import LoadedBrief
from evaluator.judge.embedding import Embedder
from evaluator.judge.judges.calibration import Calibration
from evaluator.judge.judges.judge import Judge
from evaluator.judge.judges.learned.model import LearnedModel, read_model, write_model
from evaluator.judge.judges.learned.teaching import teach
from evaluator.judge.judges.likelihood import Likelihoods
from serving.models.store import StoredModel
from telemetry.errors import AttestationError, UsageError


def calibrations_of(home: Home, loaded: LoadedBrief, candidate: StoredModel) -> dict[str, Calibration]:
    """What was measured of the judge that the candidate's audit taught, by capability; empty where there is none.

    Of those capabilities alone whose judge the brief lets it be. Raises AttestationError where what lies there was
    taught for another candidate, brief or encoder.
    """
    file = home.learned_judge(candidate.name)
    if not file.is_file() or not Embedder.installed():
        return {}
    model = read_model(file, Embedder().version)
    taught = (model.candidate.sha256, model.brief_sha256)
    if taught != (candidate.manifest.sha256, loaded.sha256):
        raise AttestationError(
            f"{file} was taught for candidate {taught[0][:12]} and brief {taught[1][:12]}; "
            f"expected {candidate.manifest.sha256[:12]} and {loaded.sha256[:12]}",
            hint=f"Audit it again: `belay audit {candidate.name}`. What was answered is known and not asked again.",
        )
    learned = {c.name for c in loaded.brief.capabilities if "learned" in c.judge.unseen and c.judge.verifier}
    return {name: one for name, one in model.calibrations.items() if name in learned}


def teach_judge(
    asking: Asking,
    asked: Sequence[Asked],
    base: StoredModel,
    candidate: StoredModel,
    judge: Judge,
    likelihoods: Likelihoods | None = None,
) -> LearnedModel | None:
    """Keep the audit's answers, teach a judge with them and write it beside the audit.

    With `likelihoods` base's engine is asked how likely it finds them. None, said on the console, where nothing can be
    learnt: no sentence encoder, or too few answers.
    """
    folder = asking.home.audit(candidate.name)
    folder.mkdir(parents=True, exist_ok=True)
    answered = answered_items(asked)
    kept = KeptAnswers(
        base_sha256=base.manifest.sha256,
        candidate_sha256=candidate.manifest.sha256,
        brief_sha256=asking.loaded.sha256,
        answered=answered,
        graded=_graded(asking, answered, judge),
    )
    keep_answers(kept, folder)
    file = asking.home.learned_judge(candidate.name)
    file.unlink(missing_ok=True)
    if not Embedder.installed():
        asking.console.print("   No judge was taught: no sentence encoder is installed.")
        return None
    encoder = Embedder()
    try:
        model = teach(
            asking.loaded,
            pairs_of(kept.answered),
            others=pairs_of(others_answers(folder.parent, kept)),
            verify=judge.judge,
            embed=encoder.embed,
            encoder=encoder.version,
            refs=(base.ref, candidate.ref),
            likelihoods=likelihoods,
        )
    except UsageError as error:
        asking.console.print(f"   No judge was taught: {error.message}.")
        return None
    write_model(model, file)
    asking.console.print(f"   {_told(model)}")
    if likelihoods is not None:
        asking.console.print(f"   {_told_of_likelihoods(model, likelihoods.refused)}")
    return model


def _graded(asking: Asking, answered: Sequence[AnsweredItem], judge: Judge) -> tuple[GradedAnswer, ...]:
    """What models which judge only what users send say of the audit's answers today; the console has how many."""
    found: list[GradedAnswer] = []
    for model, anchors in to_grade(asking.loaded, answered).items():
        asking.console.print(
            f"   {escape(model)} grades {len(anchors)} answers, so that it is seen where it changes in a rollout."
        )
        mine = graded(anchors, judge)
        if len(mine) < len(anchors):
            asking.console.print(f"   It graded {len(mine)} of them; about the others it will not be asked.")
        found += mine
    return tuple(found)


def wants_likelihoods(loaded: LoadedBrief) -> bool:
    """Whether a learned judge of the brief is to know how likely base finds answers."""
    judges = [c.judge for c in loaded.brief.capabilities]
    return any("learned" in one.unseen and one.base is not None and one.base.likelihood for one in judges)


def _told_of_likelihoods(model: LearnedModel, refused: str | None) -> str:
    if model.informed is not None:
        return "It knows how likely base finds an answer, too."
    why = (
        f"base's engine: {refused}" if refused else "it predicts no better so, or base's engine did not tell"
    )
    return f"It goes without how likely base finds an answer ({why})."


def _told(model: LearnedModel) -> str:
    """What the judge is worth, in one line."""
    aucs = [one.worth.auc for one in model.capabilities if one.worth.auc is not None]
    worth = f", AUC {min(aucs):.2f} to {max(aucs):.2f} on prompts it had not seen" if aucs else ""
    return f"It taught a judge for what users send: {len(model.capabilities)} capabilities{worth}."
