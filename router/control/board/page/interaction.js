// One interaction with both arms' answers side by side, as far as its policy let them leave the router.

import { html } from "./vendor/preact.js";
import { useAsked } from "./decision.js";
import { compared } from "./diff.js";
import { Crumbs, Head } from "./rollout.js";
import { count, moment, percent, plain, POLICIES } from "./words.js";

export function InteractionView({ rollout, line, id, onAct }) {
  const found = useAsked(`api/rollouts/${encodeURIComponent(line.rollout_id)}/interactions/${encodeURIComponent(id)}`);
  return html`
    <${Crumbs} line=${line} here="interaction" />
    <${Head} line=${line} rollout=${rollout} onAct=${onAct} />
    ${!found && html`<p class="empty" aria-busy="true">Reading the texts from the log</p>`}
    ${found?.wrong && html`<p class="empty">${found.wrong}</p>`}
    ${found && !found.wrong && html`<${Both} one=${found} />`}
  `;
}

function Both({ one }) {
  const hashed = one.text_policy === "hashed";
  const pair = one.control && one.candidate && !hashed ? compared(one.control.text, one.candidate.text) : null;
  return html`
    <section aria-labelledby="asked">
      <h2 id="asked">${one.capability ? plain(one.capability) : "No capability"}: what was asked</h2>
      ${one.messages.map((message) => html`<div class="said"><b>${message.role}</b><p>${message.content}</p></div>`)}
    </section>
    <section aria-labelledby="answered">
      <h2 id="answered">What both answered ${pair?.compared && html`<small>where they differ is marked</small>`}</h2>
      <div class="answers">
        <${Side} name="base" arm="control" answer=${one.control} value=${one.control_value} parts=${pair?.left} one=${one} />
        <${Side} name="candidate" arm="candidate" answer=${one.candidate} value=${one.candidate_value} parts=${pair?.right} one=${one} />
      </div>
      <p class="note">${POLICIES[one.text_policy]}</p>
    </section>
    <section aria-labelledby="way">
      <h2 id="way">Its way</h2>
      <dl class="rows">
        <dt>when</dt><dd>${moment(Date.parse(one.at))}</dd>
        <dt>given to</dt><dd>${one.arm === "control" ? "base" : "the candidate"}, at a share of ${percent(one.share)} in stage ${one.stage + 1}${one.fallback ? `; base answered in its place: ${one.fallback}` : ""}${one.client_left ? "; the client left before the end" : ""}</dd>
        <dt>moved the evidence</dt><dd>by a factor of ${one.factor.toFixed(2)}</dd>
        <dt>subject</dt><dd class="mono">${one.subject}</dd>
        <dt>interaction</dt><dd class="mono">${one.interaction_id}</dd>
      </dl>
    </section>
  `;
}

function Side({ name, arm, answer, value, parts, one }) {
  if (!answer)
    return html`<article class=${`answer ${arm}`}><h3>${name}</h3><p class="empty">Was not asked: this interaction had no shadow.</p></article>`;
  const text = parts ? parts.map(([part, differs]) => (differs ? html`<mark>${part}</mark>` : part)) : answer.text;
  return html`<article class=${`answer ${arm}`}>
    <h3>${name} ${arm === one.arm && html`<small>what the user got</small>`}<span class="score">${value === null ? "no score" : value.toFixed(2)}</span></h3>
    ${answer.error ? html`<p class="wrong">${answer.error}</p>` : html`<p class="text">${text}</p>`}
    ${answer.tool_calls && html`<pre>${answer.tool_calls}</pre>`}
    <p class="note">${count(Math.round(answer.total_ms))} ms${answer.completion_tokens === null ? "" : `, ${count(answer.completion_tokens)} tokens`}${answer.finish_reason ? `, ${answer.finish_reason}` : ""}</p>
  </article>`;
}
