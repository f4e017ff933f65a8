"""Scores without a reference beside the verified truth, on prompts in no file and on models that taught nobody.

Every question becomes an interaction as the router would record it, with both arms' answers, and goes the product's own
way: tagger, choice of judge, score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from _shape import Figure, Result, say
from sklearn.metrics import roc_auc_score

from _watch.world import LEARNT_FROM, UNSEEN, Laboratory, Question
from evaluator.judge.embedding import Embedder
from evaluator.judge.judges.calibration import Calibration
from evaluator.judge.judges.judge import Judge
from evaluator.judge.judges.learned.judge import LearnedJudge
from evaluator.judge.judges.learned.teaching import teach
from evaluator.judge.judges.scorer import score, task_of
from evaluator.judge.tagging.tagger import Tag
from telemetry.events import Answer, Assignment, InteractionRecorded, ModelRef, now

BINS = 10


@dataclass(frozen=True, slots=True)
class Scored:
    """One answer: what Belay says of it, what is true, and what that rests on."""

    capability: str
    judged: float
    true: float
    basis: str


@dataclass(frozen=True, slots=True)
class Taught:
    """The judges, and by how much the learned one may err, by capability."""

    judge: Judge
    calibrations: Mapping[str, Calibration]


def taught_judge(lab: Laboratory, encoder: Embedder) -> Taught:
    """The brief's judges with the one that the audits of `LEARNT_FROM` teach."""
    first, *others = LEARNT_FROM
    model = teach(
        lab.loaded,
        lab.pairs[first],
        others=[pair for name in others for pair in lab.pairs[name]],
        verify=Judge(lab.loaded).judge,
        embed=encoder.embed,
        encoder=encoder.version,
        refs=(ModelRef(name="base", sha256="0"), ModelRef(name=first, sha256="1")),
    )
    learned = LearnedJudge(model, lab.loaded, encoder.embed)
    return Taught(Judge(lab.loaded, learned=learned, embed=encoder.embed), model.calibrations)


def score_subjects(lab: Laboratory, judge: Judge) -> tuple[dict[str, list[Scored]], dict[str, int]]:
    """The answers of each subject with judged and true scores, and how many pairs were scored, by basis or code."""
    found: dict[str, list[Scored]] = {}
    counts: dict[str, int] = {}
    for subject in lab.answers:
        rows = []
        for at, question in enumerate(lab.questions):
            tag = Tag(capability=question.asked.capability, confidence=1.0)
            met = _interaction(lab, question, at, subject)
            made = score(task_of(met, tag, judge), judge)
            basis = made.basis or made.unscored or "none"
            counts[basis] = counts.get(basis, 0) + 1
            true = question.truth(lab.answers[subject][at].text)
            if made.value is not None and made.other_value is not None and true is not None:
                rows.append(Scored(question.asked.capability, made.other_value, true, basis))
        found[subject] = rows
    return found, counts


def unseen(result: Result, lab: Laboratory, judge: Judge) -> dict[str, list[Scored]]:
    """The figures; the scores go on to the streams."""
    found, counts = score_subjects(lab, judge)
    total = sum(counts.values())
    scored = sum(counts.get(basis, 0) for basis in ("prompt", "learned", "reference", "rule"))
    alone = sum(counts.get(basis, 0) for basis in ("prompt", "reference"))
    result.add(
        Figure(
            "scored_share_unseen", scored / total, "fraction", scored, None, 0.9, "higher",
            f"of {total} pairs with unseen prompts ({counts}); of what no shadow was drawn for, {alone / total:.2f}",
        )
    )  # fmt: skip
    held = {name: found[name] for name in UNSEEN}
    rows = [row for rows in held.values() for row in rows]
    result.add(_auc_figure("judge_auc_unseen", rows, 0.93, _by_capability(rows)))
    aucs = {name: auc for name, auc in _by_capability(rows).items() if auc is not None}
    worst = min(aucs, key=lambda name: aucs[name])
    result.add(
        Figure(
            "judge_auc_unseen_worst", aucs[worst], "AUC", None, None, 0.85, "higher",
            f"{worst}; capabilities with good and bad answers: {len(aucs)}",
        )
    )  # fmt: skip
    errors = {name: abs(_mean(rows, "judged") - _mean(rows, "true")) for name, rows in held.items()}
    said = ", ".join(
        f"{name} {_mean(rows, 'judged'):.3f} for {_mean(rows, 'true'):.3f}" for name, rows in found.items()
    )
    result.add(
        Figure(
            "arm_mean_error_unseen", max(errors.values()), "score", None, None, 0.03, "lower",
            f"the largest over {', '.join(held)}; judged mean for true mean: {said}",
        )
    )  # fmt: skip
    result.add(
        Figure(
            "judge_calibration_error", _calibration_error(rows), "score", None, None, 0.05, "lower",
            f"{BINS} equal groups by judged score, {len(rows)} answers of {', '.join(held)}",
        )
    )  # fmt: skip
    _table(found)
    return found


def _interaction(lab: Laboratory, question: Question, at: int, subject: str) -> InteractionRecorded:
    """Base was assigned, and the subject's answer is the shadow."""
    base, other = lab.answers["base"][at], lab.answers[subject][at]
    return InteractionRecorded(
        event_id=f"{subject}-{at}",
        time=now(),
        source="bench",
        rollout_id="bench",
        assignment=Assignment(
            subject=f"s{at}", subject_source="session", arm="control", share=0.5, stage=0, revision=1
        ),
        endpoint="chat",
        model="support",
        streamed=False,
        text_policy="full",
        messages=question.asked.turns,
        answer=Answer(
            served_by="control", status=200, text=base.text, finish_reason=base.finish_reason, total_ms=1.0
        ),
        shadow=Answer(
            served_by="candidate",
            status=200,
            text=other.text,
            finish_reason=other.finish_reason,
            total_ms=1.0,
        ),
    )


def _auc_figure(name: str, rows: list[Scored], bar: float, parts: Mapping[str, float | None]) -> Figure:
    note = ", ".join(f"{part} {auc:.2f}" for part, auc in parts.items() if auc is not None)
    auc = _auc(rows)
    return Figure(name, auc if auc is not None else float("nan"), "AUC", None, None, bar, "higher", note)


def _by_capability(rows: list[Scored]) -> dict[str, float | None]:
    names = dict.fromkeys(row.capability for row in rows)
    return {name: _auc([row for row in rows if row.capability == name]) for name in names}


def _auc(rows: list[Scored]) -> float | None:
    good = [row.true > 0.5 for row in rows]
    return None if len(set(good)) < 2 else float(roc_auc_score(good, [row.judged for row in rows]))


def _mean(rows: list[Scored], which: str) -> float:
    return float(np.mean([getattr(row, which) for row in rows]))


def _calibration_error(rows: list[Scored]) -> float:
    """Mean over groups of equal size of |mean judged - mean true|."""
    order = sorted(rows, key=lambda row: row.judged)
    groups = [part for part in np.array_split(np.arange(len(order)), BINS) if len(part)]
    return float(np.mean([abs(np.mean([order[n].judged - order[n].true for n in part])) for part in groups]))


def _table(found: Mapping[str, list[Scored]]) -> None:
    names = dict.fromkeys(row.capability for rows in found.values() for row in rows)
    for subject, rows in found.items():
        parts = []
        for name in names:
            own = [row for row in rows if row.capability == name]
            if own:
                parts.append(f"{name} {_mean(own, 'judged'):.2f}/{_mean(own, 'true'):.2f} {own[0].basis[:1]}")
        say(f"{subject}: {', '.join(parts)}")
