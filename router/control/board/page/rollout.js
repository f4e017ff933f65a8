// One rollout, from what it came to down to what it rests on.

import { html, useState } from "./vendor/preact.js";
import { EvidenceChart } from "./charts.js";
import { Arms, Judges, Stages } from "./behind.js";
import { Capabilities } from "./capabilities.js";
import { known, now } from "./live.js";
import { Outlook } from "./outlook.js";
import { Pipeline } from "./overview.js";
import { Actions, Fact, State } from "./parts.js";
import { Shift } from "./shift.js";
import { ago, count, DECIDED, evidence, moment, onRoute, percent, plain, when } from "./words.js";

export const Crumbs = ({ line, here }) =>
  html`<nav class="crumbs" aria-label="Where you are">
    <a href="#/">Rollouts</a><span aria-hidden="true">/</span>
    ${here ? html`<a href=${`#/rollouts/${encodeURIComponent(line.rollout_id)}`}>${line.rollout_id}</a><span aria-hidden="true">/</span><span aria-current="page">${here}</span>` : html`<span aria-current="page">${line.rollout_id}</span>`}
  </nav>`;

export function Head({ line, rollout, onAct }) {
  return html`<section class=${`head ${line.verdict.tone}`}>
    <div>
      <h1>${line.rollout_id} <${State} verdict=${line.verdict} /></h1>
      <p class="why">${line.verdict.why}</p>
      <p class="note">${line.candidate} against ${line.base}${onRoute(line)}, asked for as ${line.model_alias}. ${rollout.actor}, ${ago(line.since, now())}: ${rollout.reason}</p>
    </div>
    <div class="ways">
      <${Actions} line=${line} onAct=${onAct} />
      <p class="links">${known.me.may.includes("grade") && html`<a href=${`#/grade/${encodeURIComponent(line.rollout_id)}`}>Grade answers</a>`}
        <a href=${`#/plan?from=${encodeURIComponent(line.rollout_id)}`}>Plan from it</a></p>
    </div>
  </section>`;
}

export function RolloutView({ rollout, line, onAct }) {
  const [lit, light] = useState(null);
  const blamed = rollout.capabilities.filter((one) => one.blamed && !one.rail).map((one) => one.name);
  const told = blamed.length ? blamed : line.leading ? [line.leading] : [];
  return html`
    <${Crumbs} line=${line} />
    <${Head} line=${line} rollout=${rollout} onAct=${onAct} />
    <${Facts} rollout=${rollout} line=${line} />
    <section aria-labelledby="evidence">
      <h2 id="evidence">Evidence of a drop</h2>
      <p class="lead">Each line grows when the candidate does worse than tolerated, and shrinks when it does not. A candidate that is no worse
        takes all of them together to the limit, where the rollback fires, in at most one of ${count(Math.round(1 / rollout.alpha))} rollouts, however often one looks.</p>
      ${rollout.path.at.length ? html`<${EvidenceChart} path=${rollout.path} steps=${rollout.steps} bar=${line.bar} told=${told} lit=${lit} />` : html`<p class="empty">No point yet.</p>`}
    </section>
    ${rollout.capabilities.length > 0 && html`<${Capabilities} rollout=${rollout} line=${line} onLight=${light} />`}
    <${Outlook} line=${line} />
    <div class="two">
      <${Heaviest} rollout=${rollout} line=${line} />
      <${Decisions} rollout=${rollout} line=${line} />
    </div>
    <${Traffic} rollout=${rollout} />
    <${Arms} rollout=${rollout} />
    <${Judges} rollout=${rollout} />
    <div class="two">
      <${Standing} rollout=${rollout} line=${line} />
      <${Stages} rollout=${rollout} />
    </div>
    ${rollout.pipeline.length > 0 && html`<${Pipeline} pipeline=${rollout.pipeline} />`}
    <${History} steps=${rollout.steps} />
  `;
}

function Facts({ rollout, line }) {
  const stage = line.status === "ramping" ? `stage ${line.stage + 1} of ${line.stages.length}: ${line.stages.map((s) => percent(s)).join(", ")}` : line.status.replace("_", " ");
  const units = rollout.capabilities.filter((one) => !one.rail && one.watched);
  const sum = (of) => units.reduce((total, one) => total + of(one), 0);
  return html`<dl class="facts">
    <${Fact} label="have the candidate" note=${stage}>${percent(line.share)}<//>
    <${Fact} label="evidence of a drop" note=${`a rollback is due at ${evidence(line.bar)}`}>${evidence(line.evidence)}<//>
    <${Fact} label="scores settled" note=${`${count(rollout.untagged)} of no capability`}>${count(line.settled)}<//>
    <${Fact} label="units, base | candidate" note=${`and ${count(sum((one) => one.pairs))} pairs`}>${count(sum((one) => one.control.n))} | ${count(sum((one) => one.candidate.n))}<//>
    <${Fact} label="last score" note=${line.reported ? `heard of ${ago(line.reported, now())}` : "nothing heard"}>${ago(rollout.last_score, now())}<//>
    ${line.until && html`<${Fact} label="can be rolled back until" note="by one click, one command, one call">${when(Date.parse(line.until), 0)}<//>`}
  </dl>`;
}

function Heaviest({ rollout, line }) {
  const base = "#/interactions/";
  const score = (v) => (v === null ? "–" : v.toFixed(2));
  return html`<section aria-labelledby="heaviest">
    <h2 id="heaviest">What weighed most</h2>
    ${rollout.heaviest.length === 0 && html`<p class="empty">No interaction has moved the evidence yet.</p>`}
    <ol class="list">
      ${rollout.heaviest.map((one) => {
        const [control, candidate] = one.arm === "control" ? [one.value, one.other_value] : [one.other_value, one.value];
        const text = html`<b>${one.capability ? plain(one.capability) : "no capability"}</b>
          <span>base ${score(control)}, candidate ${score(candidate)}</span>
          <span class="factor">evidence ×${one.factor < 10 ? one.factor.toFixed(2) : one.factor.toFixed(0)}</span>`;
        return html`<li key=${one.interaction_id}>${one.readable ? html`<a href=${base + encodeURIComponent(one.interaction_id)}>${text}</a>` : html`<div>${text}</div>`}</li>`;
      })}
    </ol>
  </section>`;
}

function Decisions({ rollout, line }) {
  const base = `#/rollouts/${encodeURIComponent(line.rollout_id)}/decisions/`;
  return html`<section aria-labelledby="decisions">
    <h2 id="decisions">Decisions</h2>
    ${rollout.decisions.length === 0 && html`<p class="empty">None yet.</p>`}
    <ol class="list">
      ${rollout.decisions.slice(0, 10).map(
        (one) => html`<li key=${one.decision_id}>
          <a href=${base + encodeURIComponent(one.decision_id)}>
            <b class=${`did ${one.action}`}>${DECIDED[one.action]}</b><span>${one.reason}</span>
            <span class="factor">${when(Date.parse(one.at), now())}</span>
          </a>
        </li>`,
      )}
    </ol>
  </section>`;
}

function Traffic({ rollout }) {
  const all = Object.entries(rollout.traffic).sort((a, b) => b[1] - a[1]);
  const total = all.reduce((sum, [, n]) => sum + n, 0);
  return html`<section aria-labelledby="traffic">
    <h2 id="traffic">What traffic consists of</h2>
    ${total === 0 && html`<p class="empty">Prompts are told apart where a router has a word table.</p>`}
    ${total > 0 && html`<${Shift} path=${rollout.path} />`}
    <ul class="bars">
      ${all.map(([name, n]) => html`<li key=${name} class=${name ? "" : "unknown"}><span>${name ? plain(name) : "unknown"}</span><i><b style=${{ width: `${(100 * n) / (all[0]?.[1] || 1)}%` }} /></i><span>${percent(n / total, 1)}</span></li>`)}
    </ul>
  </section>`;
}

function Standing({ rollout, line }) {
  const skewed = rollout.imbalances[0];
  return html`<section aria-labelledby="standing">
    <h2 id="standing">What it stands on</h2>
    <dl class="rows">
      <dt>audit</dt><dd>${rollout.audit.verdict}${rollout.audit.override_by ? `, overridden by ${rollout.audit.override_by}: ${rollout.audit.override_reason}` : rollout.audit.approved_by ? `, approved by ${rollout.audit.approved_by}` : ""}</dd>
      <dt>promoted</dt><dd>${{ manual: "by hand", schedule: "as units settle", evidence: "by evidence" }[rollout.advance]}</dd>
      <dt>judges</dt><dd>${rollout.judges.join(", ") || "none heard of"}</dd>
      <dt>missing scores</dt><dd>${rollout.missing ?? "no sign that they depend on the arm"}</dd>
      <dt>known answers</dt><dd>${rollout.anchors.map((one) => `${one.judge}: ${count(one.anchors)} scored again, ${(100 * one.shift).toFixed(1)} points off${one.drifted ? ", it changed" : ""}`).join("; ") || "no judging model is asked about any"}</dd>
      <dt>proportion of arms</dt><dd>${skewed ? `${count(skewed.candidates)} of ${count(skewed.units)} subjects met the candidate, ${skewed.expected.toFixed(0)} expected` : "nothing known"}</dd>
      <dt>shadows</dt><dd>${percent(rollout.shadow)} of traffic may be asked twice</dd>
      <dt>holdback</dt><dd>${percent(rollout.holdback)} stay on base</dd>
      <dt>log</dt><dd>${rollout.last_offset === null ? "nothing read" : `belay.scores to offset ${count(rollout.last_offset)}`}, revision ${line.revision}</dd>
    </dl>
  </section>`;
}

const History = ({ steps }) =>
  html`<section aria-labelledby="history">
    <h2 id="history">Who changed what</h2>
    <ol class="list">
      ${[...steps].reverse().slice(0, 20).map(
        (one) => html`<li key=${one.revision}><div><b>${one.status.replace("_", " ")}, ${percent(one.share)}</b><span>${one.actor}: ${one.reason}</span><span class="factor">${moment(1000 * one.at)}</span></div></li>`,
      )}
    </ol>
  </section>`;

