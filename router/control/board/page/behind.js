// What stands behind the evidence: how each arm answers, who judges and what that costs, how fresh each stage is.

import { html } from "./vendor/preact.js";
import { now } from "./live.js";
import { ago, count, money, percent, plain, points, span } from "./words.js";

const Table = ({ id, title, lead, heads, children }) =>
  html`<section aria-labelledby=${id}>
    <h2 id=${id}>${title}</h2>
    ${lead && html`<p class="lead">${lead}</p>`}
    <div class="scroll" tabindex="0" role="group" aria-label=${`${title}, a table`}>
      <table class="stacked"><thead><tr>${heads.map((head) => html`<th scope="col" class=${head === "judge" ? "prose" : ""}>${head}</th>`)}</tr></thead><tbody>${children}</tbody></table>
    </div>
  </section>`;

const part = (n, of) => (of ? percent(n / of, n && n / of < 0.01 ? 2 : 1) : "–");
const took = (ms) => (ms === null ? "–" : ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`);

export const Arms = ({ rollout }) =>
  rollout.arms.length > 0 &&
  html`<${Table} id="arms" title="How the arms answer" lead="Their own answers, shadows aside, since the worker began. A failure counts against the arm that was assigned, whoever answered in its place."
    heads=${["arm", "answers", "failed", "refused", "typical", "slowest 5%"]}>
    ${rollout.arms.map(
      (one) => html`<tr key=${one.arm}>
        <th scope="row">${one.arm === "control" ? "base" : "candidate"}</th>
        <td data-label="answers">${count(one.answers)}</td>
        <td data-label="failed">${count(one.failed)} <small class="beside">${part(one.failed, one.answers)}</small></td>
        <td data-label="refused">${count(one.refused)} <small class="beside">${part(one.refused, one.answers)}</small></td>
        <td data-label="typical">${took(one.typical_ms)}</td>
        <td data-label="slowest 5%">${one.slow_ms === null ? "–" : `from ${took(one.slow_ms)}`}</td>
      </tr>`,
    )}
  <//>`;

export function Judges({ rollout }) {
  if (!rollout.agreements.length) return null;
  const programs = rollout.agreements.filter((one) => one.judge === "program" && one.graded === null && !one.idle);
  const others = rollout.agreements.filter((one) => !programs.includes(one));
  const priced = rollout.costs.some((one) => Object.keys(one.spent).length);
  return html`
    <${Table} id="judges" title="Who judges" lead="A program is right by definition. What another judge may get wrong was measured, on verified scores or by people, before the rollout: so much its error may add to a drop, for which the threshold was moved, and so much it may hide."
      heads=${["capability", "judge", "may add", "may hide", "graded pairs", "off by"]}>
      ${programs.length > 0 &&
      html`<tr><th scope="row">${programs.length > 3 ? `${count(programs.length)} capabilities` : programs.map((one) => plain(one.capability)).join(", ")}</th>
        <td data-label="judge" class="prose">program</td><td data-label="may add">nothing</td><td data-label="may hide">nothing</td><td data-label="graded pairs">–</td><td data-label="off by">–</td></tr>`}
      ${others.map(
        (one) => html`<tr key=${one.capability} class=${one.refuted ? "blamed" : ""}>
          <th scope="row">${plain(one.capability)}${one.idle && html`<small class="by">cannot fire: ${one.idle}</small>`}</th>
          <td data-label="judge" class="prose">${one.judge}${one.refuted && html` <b>refuted by people</b>`}</td>
          <td data-label="may add">${one.judge === "program" ? "nothing" : one.adds === null ? "unknown" : points(one.adds)}</td>
          <td data-label="may hide">${hides(one)}</td>
          <td data-label="graded pairs">${one.graded === null ? "–" : count(one.graded)}</td>
          <td data-label="off by">${one.off === null ? "–" : points(one.off)}</td>
        </tr>`,
      )}
    <//>
    ${rollout.costs.length > 0 &&
    html`<${Table} id="costs" title="What judging models were asked" heads=${["model", "questions", "answered", "not answered", "each took", "tokens read", "tokens written", ...(priced ? ["cost"] : [])]}>
      ${rollout.costs.map((one) => {
        const answered = one.ended.answered ?? 0;
        const rest = Object.entries(one.ended).filter(([how]) => how !== "answered");
        return html`<tr key=${one.judge}>
          <th scope="row">${one.judge}</th><td data-label="questions">${count(one.asked)}</td><td data-label="answered">${count(answered)}</td>
          <td data-label="not answered">${rest.length ? rest.map(([how, n]) => `${plain(how)} ${count(n)}`).join(", ") : "none"}</td>
          <td data-label="each took">${one.mean_s === null ? "–" : `${one.mean_s.toFixed(2)} s`}</td>
          <td data-label="tokens read">${tokens(one.prompt_tokens, one)}</td><td data-label="tokens written">${tokens(one.completion_tokens, one)}</td>
          ${priced && html`<td data-label="cost">${spent(one.spent)}</td>`}
        </tr>`;
      })}
    <//>`}
  `;
}

function tokens(known, one) {
  if (known === null) return one.unmetered ? "unknown" : "–";
  return html`${count(known)}${one.unmetered > 0 && html`<small class="by">unknown of ${count(one.unmetered)} answers</small>`}`;
}

function spent(by) {
  const told = Object.entries(by).map(([currency, amount]) => `${money(amount)} ${currency}`);
  return told.length ? told.join(", ") : "–";
}

function hides(one) {
  if (one.judge === "program") return "nothing";
  if (one.adds === null && !one.hides && one.power === 1) return "unknown";
  return one.power < 1 ? `${points(one.hides)}, and ${percent(1 - one.power)} of a drop` : points(one.hides);
}

export const Stages = ({ rollout }) =>
  html`<${Table} id="stages" title="Lag and freshness of the pipeline" heads=${["stage", "last", "waiting", "behind"]}>
    ${rollout.pipeline_stages.map(
      (one) => html`<tr key=${one.stage}>
        <th scope="row">${one.stage}<small class="by">${one.does}</small></th>
        <td data-label="last">${ago(one.at, now())}</td>
        <td data-label="waiting">${one.waiting === null ? "–" : `${count(one.waiting)} ${one.waiting === 1 ? "record" : "records"}`}</td>
        <td data-label="behind">${one.behind_s === null ? "–" : span(1000 * one.behind_s)}</td>
      </tr>`,
    )}
  <//>`;
