// A decision: its proof in plain words, in numbers, and the command that makes it again.

import { html, useEffect, useState } from "./vendor/preact.js";
import { ask } from "./live.js";
import { Crumbs, Head } from "./rollout.js";
import { count, DECIDED, evidence, moment, percent, plain, points } from "./words.js";

export function useAsked(path) {
  const [found, set] = useState(null);
  useEffect(() => {
    let wanted = true;
    ask(path).then((told) => wanted && set(told), (error) => wanted && set({ wrong: error.message }));
    return () => (wanted = false);
  }, [path]);
  return found;
}

export function DecisionView({ rollout, line, id, onAct }) {
  const found = useAsked(`api/rollouts/${encodeURIComponent(line.rollout_id)}/decisions/${encodeURIComponent(id)}`);
  return html`
    <${Crumbs} line=${line} here="decision" />
    <${Head} line=${line} rollout=${rollout} onAct=${onAct} />
    ${!found && html`<p class="empty" aria-busy="true">Reading the decision</p>`}
    ${found?.wrong && html`<p class="empty">${found.wrong}</p>`}
    ${found && !found.wrong && html`<${Proof} decision=${found} />`}
  `;
}

function Proof({ decision }) {
  const [copied, mark] = useState(false);
  const weight = (one) => one.weight * (typeof one.e_value === "number" ? one.e_value : 1e12);
  const rows = [...decision.evidence].sort((a, b) => weight(b) - weight(a));
  const copy = () => navigator.clipboard?.writeText(decision.replay).then(() => mark(true), () => mark(false));
  return html`
    <section class="proof" aria-labelledby="proof">
      <h2 id="proof"><b class=${`did ${decision.action}`}>${DECIDED[decision.action]}</b> ${moment(Date.parse(decision.at))}, in stage ${decision.stage + 1}</h2>
      <p class="reason">${decision.reason}</p>
      <ol class="words">${decision.words.map((sentence) => html`<li>${sentence}</li>`)}</ol>
      <p class="replay"><code>${decision.replay}</code><button type="button" onClick=${copy}>${copied ? "Copied" : "Copy"}</button></p>
    </section>
    <section aria-labelledby="numbers">
      <h2 id="numbers">The numbers</h2>
      <div class="scroll" tabindex="0" role="group" aria-label="The numbers, a table">
        <table>
          <thead><tr><th scope="col">capability</th><th scope="col">base</th><th scope="col">units</th><th scope="col">candidate</th><th scope="col">units</th><th scope="col">change</th><th scope="col">tolerated</th><th scope="col">pairs</th><th scope="col">e-value</th><th scope="col">weight</th></tr></thead>
          <tbody>${rows.map((one) => html`<${Row} one=${one} blamed=${decision.blamed.includes(one.capability)} />`)}</tbody>
        </table>
      </div>
    </section>
    <section aria-labelledby="basis">
      <h2 id="basis">What it rests on</h2>
      <dl class="rows mono">${Object.entries(decision.facts).map(([name, value]) => html`<dt>${name}</dt><dd>${value}</dd>`)}</dl>
    </section>
  `;
}

function Row({ one, blamed }) {
  const both = one.control.mean !== null && one.candidate.mean !== null;
  const mean = (arm) => (arm.mean === null ? "–" : percent(arm.mean));
  const number = (v) => (typeof v === "number" ? evidence(v) : "over a million");
  return html`<tr class=${blamed ? "blamed" : ""}>
    <th scope="row">${plain(one.capability)}</th>
    <td>${mean(one.control)}</td><td>${count(one.control.n)}</td><td>${mean(one.candidate)}</td><td>${count(one.candidate.n)}</td>
    <td>${both ? points(one.candidate.mean - one.control.mean) : "–"}</td><td>${points(-(one.tolerated ?? one.threshold))}</td>
    <td>${count(one.pairs)}</td><td>${number(one.e_value)}</td><td>${one.weight.toFixed(2)}</td>
  </tr>`;
}
