// Every capability in a row: its change beside what is tolerated, its evidence on the way to the limit, its samples.

import { html } from "./vendor/preact.js";
import { Interval, Meter } from "./charts.js";
import { count, evidence, percent, plain, points } from "./words.js";

export function Capabilities({ rollout, line, onLight }) {
  const rows = [...rollout.capabilities].sort((a, b) => a.rail - b.rail || b.watched - a.watched || b.evidence - a.evidence);
  const edge = (pick, least) => Math.min(1, Math.max(least, ...rows.map((one) => (one.estimate === null ? 0 : pick(one)))));
  const widest = Math.max(...rows.map((one) => one.tolerated ?? one.threshold));
  const from = -edge((one) => Math.max(-one.estimate * 1.25, Math.min(0.5, -one.low)), 2.5 * widest);
  const to = edge((one) => Math.max(one.estimate * 1.25, Math.min(0.35, one.high)), 2 * widest);
  return html`<section aria-labelledby="capabilities">
    <h2 id="capabilities">Every capability</h2>
    <div class="scroll" tabindex="0" role="group" aria-label="Every capability, a table">
      <table class="capabilities">
        <thead><tr>
          <th scope="col">capability</th><th scope="col">base</th><th scope="col">candidate</th>
          <th scope="col" class="wide">change in points <small>minus is worse</small></th>
          <th scope="col">tolerated</th><th scope="col" class="wide">evidence <small>limit ${evidence(line.bar)}</small></th>
          <th scope="col">pairs</th><th scope="col">unscored</th>
        </tr></thead>
        <tbody>${rows.map((one) => html`<${Row} key=${one.name} ...${{ one, line, from, to, onLight, bar: rollout.advance === "evidence" ? rollout.promotion_bar : null }} />`)}</tbody>
      </table>
    </div>
    <p class="note">The bar is where the true change lies, at all times together with 95%; the dashed line is the drop that is tolerated.
      A unit is one subject's first scored interaction; a pair is one request that both arms answered.</p>
  </section>`;
}

function Row({ one, line, from, to, onLight, bar }) {
  const mean = (arm) => html`${arm.mean === null ? "–" : percent(arm.mean)}<small>${count(arm.n)}</small>`;
  const note = one.rail ? "guardrail" : one.role === "target" ? "target" : "";
  return html`<tr
    class=${`${one.blamed ? "blamed" : ""} ${one.watched ? "" : "unwatched"}`}
    onMouseEnter=${() => onLight(one.name)} onMouseLeave=${() => onLight(null)}
  >
    <th scope="row">${plain(one.name)}${note && html` <small>${note}</small>`}
      ${one.judged_by !== "program" && html`<small class="by">${one.judged_by}</small>`}
      ${one.mistagged > 0.1 && html`<small class="by">${percent(one.mistagged)} of its tags are likely others'</small>`}
      ${!one.watched && html`<small class="by">cannot fire: ${one.unwatched ?? "not watched"}</small>`}</th>
    <td data-label="base">${mean(one.control)}</td>
    <td data-label="candidate">${mean(one.candidate)}</td>
    <td data-label="change" class="wide"><span class="with"><${Interval} one=${one} from=${from} to=${to} /><b>${one.estimate === null ? "–" : points(one.estimate)}</b></span></td>
    <td data-label="tolerated">${points(-(one.tolerated ?? one.threshold))}</td>
    <td data-label="evidence" class="wide"><span class="with"><${Meter} value=${one.evidence} bar=${line.bar} /><b>${evidence(one.evidence)}</b></span>${bar !== null && one.proven !== null && html`<small>no drop: ${evidence(one.proven)} of ${evidence(bar)} to promote</small>`}</td>
    <td data-label="pairs">${count(one.pairs)}</td>
    <td data-label="unscored">${count(one.unscored)}</td>
  </tr>`;
}
