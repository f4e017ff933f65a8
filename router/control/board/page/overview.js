// All rollouts: how each is doing, and what waits for a person.

import { html } from "./vendor/preact.js";
import { Spark } from "./charts.js";
import { known, now } from "./live.js";
import { Actions, Mark, ShareBar, State } from "./parts.js";
import { ago, count, evidence, onRoute, percent, span } from "./words.js";

const LIVE = new Set(["shadow", "ramping", "paused", "promoted"]);
const RECENT_MS = 86400000;
const isNow = (line) => LIVE.has(line.status) || (line.status === "rolled_back" && now() - Date.parse(line.since) < RECENT_MS);
const WORST = ["bad", "warn", "good", "wait", "over"];
const worst = (a, b) => WORST.indexOf(a.verdict.tone) - WORST.indexOf(b.verdict.tone);

export function Overview({ overview, onAct }) {
  if (!overview) return html`<p class="empty" aria-busy="true">${known.heard ? "" : "Asking control"}</p>`;
  const live = overview.rollouts.filter(isNow).sort(worst);
  const rest = overview.rollouts.filter((line) => !isNow(line));
  return html`
    <h1 class="hidden">Rollouts</h1>
    ${overview.waits.length > 0 && html`<${Waits} waits=${overview.waits} />`}
    ${overview.rollouts.length === 0 && html`<${Nothing} />`}
    ${live.length > 0 && html`<${Cards} title="Now" lines=${live} onAct=${onAct} />`}
    ${rest.length > 0 && html`<${Cards} title="Before" lines=${rest} onAct=${onAct} />`}
    ${overview.pipeline.length > 0 && html`<${Pipeline} pipeline=${overview.pipeline} />`}
  `;
}

const Nothing = () =>
  html`<section class="empty">
    <h2>No rollout yet</h2>
    <p><a href="#/start">Start one</a> here; or <code>belay rollout draft</code> writes one from the models, their audit and the brief;
      <code>belay rollout start</code> starts it.</p>
  </section>`;

const Waits = ({ waits }) =>
  html`<section class="waits" aria-labelledby="waits">
    <h2 id="waits">Waits for a person</h2>
    <ul>
      ${waits.map(
        (one) => html`<li>
          <${Mark} tone="warn" />
          <span>${one.rollout_id && html`<a href=${`#/rollouts/${encodeURIComponent(one.rollout_id)}`}>${one.rollout_id}</a>: `}${one.what}</span>
        </li>`,
      )}
    </ul>
  </section>`;

const Cards = ({ title, lines, onAct }) =>
  html`<section aria-label=${title}>
    <h2>${title}</h2>
    <div class="cards">${lines.map((line) => html`<${Card} key=${line.rollout_id} line=${line} onAct=${onAct} />`)}</div>
  </section>`;

function Card({ line, onAct }) {
  const stage = line.status === "ramping" ? `stage ${line.stage + 1} of ${line.stages.length}` : line.status.replace("_", " ");
  return html`<article class=${`card ${line.verdict.tone}`}>
    <header>
      <h3><a href=${`#/rollouts/${encodeURIComponent(line.rollout_id)}`}>${line.rollout_id}</a></h3>
      <${State} verdict=${line.verdict} />
    </header>
    <p class="why">${line.verdict.why}</p>
    <div class="measures">
      <div>
        <p class="measure"><b>${percent(line.share)}</b> have the candidate <small>${stage}</small></p>
        <${ShareBar} line=${line} />
      </div>
      <div>
        <p class="measure"><b>${evidence(line.evidence)}</b> evidence of a drop <small>limit ${evidence(line.bar)}</small></p>
        <${Spark} values=${line.spark} bar=${line.bar} />
      </div>
    </div>
    <footer>
      <span class="note">${line.candidate} against ${line.base}${onRoute(line)}<br />
        ${count(line.settled)} scores${line.reported && `, heard ${ago(line.reported, now())}`}</span>
      <${Actions} line=${line} onAct=${onAct} />
    </footer>
  </article>`;
}

export const Pipeline = ({ pipeline }) =>
  html`<section aria-labelledby="pipeline">
    <h2 id="pipeline">Workers</h2>
    <div class="scroll" tabindex="0" role="group" aria-label="Workers, a table">
      <table>
        <thead><tr>
          <th scope="col">worker</th><th scope="col">heard</th><th scope="col">interactions</th><th scope="col">scored</th>
          <th scope="col">waiting</th><th scope="col">behind</th><th scope="col">unknown</th><th scope="col">unreadable</th>
        </tr></thead>
        <tbody>
          ${pipeline.map(
            (one) => html`<tr key=${one.worker}>
              <th scope="row">${one.worker}${one.stands_by && html` <small>stands by</small>`}<br /><small>${one.judge}; ${one.tagger}</small></th>
              <td>${ago(one.heard, now())}</td><td>${count(one.interactions)}</td><td>${count(one.scored)}</td>
              <td>${count(one.waiting)}</td><td>${one.behind_s === null ? "–" : span(1000 * one.behind_s)}</td>
              <td>${one.unknown_share === null ? "–" : percent(one.unknown_share)}${one.unknown_grew && html` <small>grew</small>`}</td>
              <td>${count(one.dead)}</td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`;
