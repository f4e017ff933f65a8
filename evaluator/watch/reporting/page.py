"""The closing summary as one HTML page that opens offline: styles inside, the picture inside."""

from __future__ import annotations

import base64
from pathlib import Path

import jinja2

from evaluator.watch.reporting.against_truth import AgainstTruth, Agreement
from evaluator.watch.reporting.summary import Summary
from telemetry.files import write_renamed

_TEMPLATE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Belay: {{ s.candidate }} {{ s.outcome.replace('_', ' ') }}</title>
<style>
body{font:16px/1.5 system-ui,sans-serif;color:#1f2933;background:#f5f7fa;margin:0}
main{max-width:1080px;margin:0 auto;padding:28px 20px 60px}
h1{font-size:26px;margin:0 0 4px}h2{font-size:18px;margin:34px 0 10px}
.verdict{border-left:8px solid {{ colour }};background:#fff;padding:18px 22px;border-radius:6px}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(150px,1fr));gap:12px;margin:16px 0}
.fact{background:#fff;border-radius:6px;padding:12px 16px}.fact b{display:block;font-size:24px}
.fact span{color:#52606d;font-size:14px}
table{border-collapse:collapse;width:100%;background:#fff;border-radius:6px;font-size:14px}
th,td{padding:7px 10px;text-align:right;border-bottom:1px solid #e4e7eb}
th:first-child,td:first-child{text-align:left}tr.fired td{background:#fde8e8}tr.floor td{color:#7b8794}
img{width:100%;background:#fff;border-radius:6px}small{color:#52606d}
</style></head><body><main>
<div class="verdict"><h1>{{ headline }}</h1><div>{{ s.reason }}</div>
<small>rollout {{ s.rollout_id }}, stages {{ stages }}</small></div>
<div class="facts">{% for value, label in facts %}
<div class="fact"><b>{{ value }}</b><span>{{ label }}</span></div>{% endfor %}</div>
<img alt="Evidence over the rollout and mean score by arm" src="data:image/png;base64,{{ picture }}">
<h2>Every capability</h2>
<table><tr><th>capability</th><th>control</th><th>units</th><th>candidate</th><th>units</th><th>gap</th>
<th>allowed</th><th>pairs</th><th>e-value</th><th>unscored</th></tr>
{% for c in s.evidence %}
<tr class="{{ 'fired' if c.capability in s.blamed else '' if c.watched else 'floor' }}">
<td>{{ c.capability.replace('_', ' ') }}
{% if c.people %}<br><small>judged by {{ c.judged_by }}, {{ c.people.told() }}</small>{% endif %}
{% if not c.watched %}<br><small>cannot fire; {{ c.unwatched or 'not watched' }}</small>{% endif %}
</td>
<td>{{ share(c.control.mean) }}</td><td>{{ c.control.n }}</td>
<td>{{ share(c.candidate.mean) }}</td><td>{{ c.candidate.n }}</td>
<td>{{ gap(c) }}</td>
<td>{{ '%.2g' % (100 * c.threshold) }}
{{ '' if c.tolerated is none else ' (%.2g)' % (100 * c.tolerated) }}</td>
<td>{{ c.pairs }}</td>
<td>{{ '%.3g' % c.e_value }}</td><td>{{ c.unscored }}</td></tr>{% endfor %}</table>
<p><small>A unit is one subject's first scored interaction; a pair is one request answered by both arms. Allowed is the
test's threshold; in brackets the brief's own, where the error of a judge moved it. Belay
rolls back when the combined e-value reaches {{ '%.0f' % s.bar }}; on an unchanged model that happens at most
once in {{ '%.0f' % s.bar }} rollouts, however often one looks.</small></p>
{% if s.truth and s.truth.served %}
<h2>Scores beside the truth</h2>
<table><tr><th>answers</th><th>compared</th><th>agree</th><th>AUC</th><th>mean score minus truth</th></tr>
{% for name, a in agreements %}
<tr><td>{{ name.replace('_', ' ') }}</td><td>{{ a.n }}</td><td>{{ share(a.close) }}</td>
<td>{{ '-' if a.auc is none else '%.2f' % a.auc }}</td><td>{{ '%+.3f' % a.error }}</td></tr>{% endfor %}</table>
<p><small>Whoever sent this traffic knew the right answers; nothing that served, tagged or judged them did. A score
agrees where it is within 0.25 of the truth. Capabilities are those that Belay took the requests for.</small></p>
<table><tr><th>true quality of what users got</th><th>control</th><th>answers</th><th>candidate</th>
<th>answers</th></tr>
{% for name, arms in s.truth.served.items() %}
<tr><td>{{ name.replace('_', ' ') }}</td><td>{{ share(arms.control.mean) }}</td><td>{{ arms.control.n }}</td>
<td>{{ share(arms.candidate.mean) }}</td><td>{{ arms.candidate.n }}</td></tr>{% endfor %}</table>
{% endif %}
</main></body></html>
"""


def write_page(summary: Summary, picture: Path, path: Path) -> Path:
    """Write the page, beside its name and renamed. Returns `path`."""
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(_TEMPLATE).render(
        s=summary,
        colour="#c81e1e" if summary.outcome == "rolled_back" else "#0d9488",
        headline=headline(summary),
        facts=facts(summary),
        agreements=_agreements(summary.truth),
        stages=" → ".join(f"{share:.0%}" for share in summary.stages),
        picture=base64.b64encode(picture.read_bytes()).decode("ascii"),
        share=lambda mean: "-" if mean is None else f"{mean:.0%}",
        gap=lambda c: (
            "-"
            if c.control.mean is None or c.candidate.mean is None
            else f"{100 * (c.control.mean - c.candidate.mean):+.0f}"
        ),
    )
    write_renamed(path, page.encode())
    return path


def headline(summary: Summary) -> str:
    """One sentence: what happened."""
    if summary.outcome != "rolled_back":
        return f"{summary.candidate}: no regression found"
    blamed = ", ".join(name.replace("_", " ") for name in summary.blamed)
    return f"{summary.candidate} was rolled back: {blamed or 'a drop across capabilities'}"


def facts(summary: Summary) -> list[tuple[str, str]]:
    """The figures people ask for first, as (value, label)."""
    found = [(f"{summary.interactions:,}", "interactions in Kafka")]
    if summary.interactions_until_decision is not None:
        found.append((f"{summary.interactions_until_decision:,}", "scored when the rollback fired"))
        found.append((f"{summary.candidate_answers_until_decision:,}", "of these assigned to the candidate"))
    found.append(
        (
            f"{summary.bad_answers_served:,}",
            f"bad answers served by the candidate (base: about {summary.bad_answers_expected_of_base:.0f})",
        )
    )
    if summary.delays.score_to_router is not None:
        found.append((f"{summary.delays.score_to_router:,.0f} ms", "from deciding score to router on base"))
    if summary.delays.decision_to_router is not None:
        found.append((f"{summary.delays.decision_to_router:,.0f} ms", "of that from decision to router"))
    return found + (truths(summary.truth) if summary.truth is not None else [])


def truths(truth: AgainstTruth) -> list[tuple[str, str]]:
    """How often Belay was right, as (value, label)."""
    found = []
    if truth.tags_right is not None:
        found.append((f"{truth.tags_right:.0%}", f"of {truth.known:,} tags were right"))
    if truth.strangers_untagged is not None:
        strangers = truth.known - truth.in_scope
        found.append(
            (f"{truth.strangers_untagged:.0%}", f"of {strangers:,} outside the brief were left untagged")
        )
    if truth.scored is not None:
        found.append((f"{truth.scored:.0%}", f"of {truth.tagged:,} tagged interactions got a score"))
    if (overall := truth.overall) is not None:
        auc = "" if overall.auc is None else f" (AUC {overall.auc:.2f})"
        found.append((f"{overall.close:.0%}", f"of {overall.n:,} scores agree with the truth{auc}"))
    found += [
        (f"{100 * one.error:+.1f}", f"points between {arm}'s mean score and its truth ({one.n:,})")
        for arm, one in truth.by_arm.items()
    ]
    return found


def _agreements(truth: AgainstTruth | None) -> list[tuple[str, Agreement]]:
    if truth is None or truth.overall is None:
        return []
    return [("all", truth.overall), *truth.by_arm.items(), *truth.by_capability.items()]
