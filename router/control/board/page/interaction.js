// One interaction from its request to what its score did, and both arms' answers as far as they may be shown.

import { html } from "./vendor/preact.js";
import { useAsked } from "./decision.js";
import { compared } from "./diff.js";
import { known } from "./live.js";
import { Mark } from "./parts.js";
import { ARMS, count, DECIDED, moment, percent, plain, POLICIES, took } from "./words.js";

export function InteractionView({ id }) {
  const found = useAsked(`api/interactions/${encodeURIComponent(id)}`);
  const rollout = found?.rollout_id;
  return html`
    <nav class="crumbs" aria-label="Where you are">
      <a href="#/live">Interactions</a><span aria-hidden="true">/</span>
      ${rollout && html`<a href=${`#/rollouts/${encodeURIComponent(rollout)}`}>${rollout}</a><span aria-hidden="true">/</span>`}
      <span aria-current="page">interaction</span>
    </nav>
    ${!found && html`<p class="empty" aria-busy="true">Looking for it in the log, from the end backwards</p>`}
    ${found?.wrong && html`<section class="empty"><h1>No such interaction here</h1><p>${found.wrong}</p></section>`}
    ${found && !found.wrong && html`<${Found} one=${found} />`}
  `;
}

function Found({ one }) {
  const fell = one.fallback ? `; base answered in its place (${plain(one.fallback)})` : "";
  return html`
    <section class="head plain" aria-labelledby="what">
      <div>
        <h1 id="what">${one.capability ? plain(one.capability) : "No capability"}</h1>
        <p class="why">Given to ${one.arm === "control" ? "base" : "the candidate"}${fell}${one.client_left ? "; the client left before the end" : ""}.</p>
        <p class="note">${moment(Date.parse(one.at))}, asked for as ${one.model}${one.factor ? `. Moved the evidence by a factor of ${one.factor.toFixed(2)}` : ""}</p>
        <p class="note mono">${one.interaction_id}</p>
      </div>
    </section>
    <section aria-labelledby="way">
      <h2 id="way">Its way</h2>
      <${Spans} stages=${one.stages} />
      <${Stages} one=${one} />
      <p class="note">Times since the request came, by the clocks of the machines that wrote them down: router, forwarder, worker.</p>
    </section>
    ${one.withheld ? html`<section aria-labelledby="said"><h2 id="said">What was asked and answered</h2><p class="empty">${one.withheld}</p></section>` : html`<${Asked} one=${one} />`}
    <${Answers} one=${one} />
    <${Names} one=${one} />
  `;
}

// --- the stages --------------------------------------------------------------------------------------

const PARTS = [
  ["first byte", "until the first byte"],
  ["answered", "until the last"],
  ["on Kafka", "until it was on Kafka"],
  ["judged", "until it was judged"],
];

// How long each part took, one after the other, on one scale.
function Spans({ stages }) {
  let before = 0;
  const parts = [];
  for (const [name, label] of PARTS) {
    const after = stages.find((stage) => stage.name === name)?.after_ms;
    if (after === null || after === undefined) continue;
    parts.push({ name, label, ms: Math.max(0, after - before) });
    before = Math.max(before, after);
  }
  const total = parts.reduce((sum, part) => sum + part.ms, 0);
  if (parts.length < 2 || total === 0) return null;
  return html`<div class="spans">
    <div class="spans-bar" aria-hidden="true">${parts.map((part, place) => html`<i class=${`part${PARTS.findIndex(([name]) => name === part.name)}`} key=${place} style=${{ flexGrow: part.ms / total }} />`)}</div>
    <ul>${parts.map((part) => html`<li key=${part.name}><i class=${`part${PARTS.findIndex(([name]) => name === part.name)}`} aria-hidden="true" /><b>${took(part.ms)}</b> ${part.label}</li>`)}</ul>
  </div>`;
}

const STATES = { done: "good", failed: "bad", not: "over", waits: "wait" };
const SAID = { done: "", failed: "failed: ", not: "no: ", waits: "not yet: " };

const Stages = ({ one }) =>
  html`<ol class="stages">
    ${one.stages.map(
      (stage) => html`<li key=${stage.name} class=${STATES[stage.state]}>
        <${Mark} tone=${STATES[stage.state]} /><b>${stage.name}</b>
        <span class="after">${stage.after_ms === null ? "" : `+${took(Math.max(0, stage.after_ms))}`}</span>
        <span class="what">${SAID[stage.state] && html`<span class="hidden">${SAID[stage.state]}</span>`}${stage.what}${stage.name === "counted" && one.earlier && html` <a href=${`#/interactions/${encodeURIComponent(one.earlier)}`}>The one before</a>`}${stage.name === "decided" && html`<${Fed} one=${one} />`}</span>
      </li>`,
    )}
  </ol>`;

const WHY = { first: "the first that has it", deciding: "which it decided", weighed: "in which it weighed most" };

const Fed = ({ one }) =>
  one.fed.length > 0 &&
  html`<ul>
    ${one.fed.slice(0, 5).map(
      (fed) => html`<li key=${fed.decision_id}><a href=${`#/rollouts/${encodeURIComponent(one.rollout_id)}/decisions/${encodeURIComponent(fed.decision_id)}`}>${DECIDED[fed.action]}, ${moment(Date.parse(fed.at))}</a>, ${WHY[fed.why]}</li>`,
    )}
  </ul>`;

// --- the texts ---------------------------------------------------------------------------------------

const Asked = ({ one }) =>
  html`<section aria-labelledby="asked">
    <h2 id="asked">What was asked</h2>
    ${one.messages.map((message) => html`<div class="said"><b>${message.role}</b><p>${message.content}</p></div>`)}
  </section>`;

function Answers({ one }) {
  const hashed = one.text_policy === "hashed" || one.withheld;
  const pair = one.control && one.candidate && !hashed ? compared(one.control.text, one.candidate.text) : null;
  return html`<section aria-labelledby="answered">
    <h2 id="answered">What both answered ${pair?.compared && html`<small>where they differ is marked</small>`}</h2>
    <div class="answers">
      <${Side} arm="control" answer=${one.control} value=${one.control_value} parts=${pair?.left} one=${one} />
      <${Side} arm="candidate" answer=${one.candidate} value=${one.candidate_value} parts=${pair?.right} one=${one} />
    </div>
    <p class="note">${POLICIES[one.text_policy]}</p>
  </section>`;
}

function Side({ arm, answer, value, parts, one }) {
  if (!answer) {
    const why = one.fallback && arm === "candidate" ? `Failed: ${plain(one.fallback)}. Base answered in its place.` : "Was not asked: this interaction had no shadow.";
    return html`<article class=${`answer ${arm}`}><h3>${ARMS[arm]}<${Worth} value=${value} /></h3><p class="empty">${why}</p></article>`;
  }
  const text = parts ? parts.map(([part, differs]) => (differs ? html`<mark>${part}</mark>` : part)) : answer.text;
  const served = one.fallback ? "control" : one.arm;
  const facts = [
    answer.first_byte_ms === null ? "" : `first byte after ${took(answer.first_byte_ms)}`,
    `${took(answer.total_ms)} in all`,
    answer.completion_tokens === null ? "" : `${count(answer.completion_tokens)} tokens`,
    answer.finish_reason ? `ended by ${answer.finish_reason}` : "",
  ];
  return html`<article class=${`answer ${arm}`}>
    <h3>${ARMS[arm]} ${arm === served && html`<small>what the user got</small>`}<${Worth} value=${value} /></h3>
    ${answer.error ? html`<p class="wrong">Failed with ${answer.status}: ${answer.error}</p>` : !one.withheld && html`<p class="text">${text}</p>`}
    ${answer.tool_calls && html`<pre>${answer.tool_calls}</pre>`}
    <p class="note">${facts.filter(Boolean).join(", ")}</p>
  </article>`;
}

const Worth = ({ value }) => html`<span class="score">${value === null ? "no score" : value.toFixed(2)}</span>`;

const Names = ({ one }) =>
  html`<section aria-labelledby="names">
    <h2 id="names">By which names it is found elsewhere</h2>
    <dl class="rows">
      <dt>interaction</dt><dd class="mono">${one.interaction_id}</dd>
      <dt>as its client calls it</dt><dd class="mono">${one.request_id ?? "as the interaction"}</dd>
      ${one.traceparent && html`<dt>trace</dt><dd class="mono">${one.traceparent}</dd>`}
      <dt>subject</dt><dd class="mono">${one.subject}</dd>
      <dt>rollout</dt><dd><a href=${`#/rollouts/${encodeURIComponent(one.rollout_id)}`}>${one.rollout_id}</a>, stage ${one.stage + 1} at ${percent(one.share)}, revision ${one.revision}${known.overview?.rollouts.some((line) => line.rollout_id === one.rollout_id) ? "" : " (this control does not know it)"}</dd>
    </dl>
  </section>`;
