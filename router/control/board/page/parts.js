// Small parts that every view uses.

import { html } from "./vendor/preact.js";
import { ACTIONS, span } from "./words.js";
import { isOld, known, now } from "./live.js";

// A shape for every tone, so that states are told apart without colour.
const SHAPES = {
  good: html`<circle cx="6" cy="6" r="5" />`,
  wait: html`<circle cx="6" cy="6" r="4" fill="none" stroke="currentColor" stroke-width="2" stroke-dasharray="3 2" />`,
  warn: html`<path d="M6 1 11.5 11H.5Z" />`,
  bad: html`<rect x="1" y="1" width="10" height="10" />`,
  over: html`<rect x="1" y="4.5" width="10" height="3" />`,
};

export const Mark = ({ tone }) =>
  html`<svg class="mark" viewBox="0 0 12 12" aria-hidden="true" fill="currentColor">${SHAPES[tone]}</svg>`;

export const State = ({ verdict }) =>
  html`<span class=${`state ${verdict.tone}`}><${Mark} tone=${verdict.tone} />${verdict.name}</span>`;

export function ShareBar({ line }) {
  const ticks = line.stages.map((share) => html`<i style=${{ left: `${100 * share}%` }} />`);
  const label = `${(100 * line.share).toFixed(0)}% of subjects have the candidate`;
  return html`<div class="share" role="img" aria-label=${label}>
    <div class="share-bar"><b style=${{ width: `${100 * line.share}%` }} />${ticks}</div>
  </div>`;
}

export const Actions = ({ line, onAct }) =>
  html`<div class="actions">
    ${line.actions.filter((action) => known.me.may.includes(action)).map(
      (action) =>
        html`<button
          type="button"
          key=${action}
          class=${action === "rollback" ? "danger" : ""}
          onClick=${() => onAct(line, action)}
        >
          ${ACTIONS[action].label}<span class="hidden"> ${line.rollout_id}</span>
        </button>`,
    )}
  </div>`;

export const Fact = ({ label, children, note }) =>
  html`<div class="fact"><dt>${label}</dt><dd>${children}</dd>${note && html`<dd class="note">${note}</dd>`}</div>`;

export function Freshness() {
  if (known.refused) return html`<span class="fresh bad"><${Mark} tone="bad" />no access</span>`;
  if (!known.heard) return html`<span class="fresh"><${Mark} tone="wait" />connecting</span>`;
  if (!isOld()) return html`<span class="fresh good"><${Mark} tone="good" />live</span>`;
  return html`<span class="fresh warn"><${Mark} tone="warn" />as of ${span(Date.now() - known.heard)} ago</span>`;
}

// What is wrong with everything that is shown, said above it.
export function Banners({ onToken }) {
  const found = [];
  const source = known.overview?.source;
  if (known.refused)
    found.push(html`<p class="banner bad" role="alert">
      Control wants a token, or another one. <button type="button" onClick=${onToken}>Give a token</button>
    </p>`);
  else if (isOld())
    found.push(html`<p class="banner warn" role="status">
      ${known.heard ? `What is shown is ${span(Date.now() - known.heard)} old: ` : ""}${known.trouble ??
      "control is silent"}. Trying again. Rollbacks by evidence go on without this page.
    </p>`);
  if (source?.state === "away")
    found.push(html`<p class="banner warn" role="status">
      No evidence for ${span(now() - Date.parse(source.since))}: ${source.why}.
    </p>`);
  if (source?.state === "reading")
    found.push(html`<p class="banner" role="status">Reading what the broker holds.</p>`);
  return found;
}
