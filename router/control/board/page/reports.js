// Audits and trainings: every run compared, and the way to its report.

import { html, useEffect, useState } from "./vendor/preact.js";
import { ask, known, now } from "./live.js";
import { Mark } from "./parts.js";
import { SAID, Scatter, Shape } from "./scatter.js";
import { ago, count, moment, percent, plain, points, span } from "./words.js";

const EVERY_MS = 60000; // addresses of reports lapse after an hour

function useList(path) {
  const [list, set] = useState({});
  useEffect(() => {
    let wanted = true;
    const look = () =>
      ask(path).then((told) => wanted && set({ told, at: Date.now() }), (error) => wanted && set((before) => ({ ...before, wrong: error.message })));
    look();
    const clock = setInterval(look, EVERY_MS);
    return () => ((wanted = false), clearInterval(clock));
  }, [path]);
  return list;
}

// What both pages have: a heading, what is wrong, a picture, a table.
function Reports({ title, path, lead, command, children }) {
  const { told, at, wrong } = useList(path);
  const [lit, light] = useState(null);
  const { found = [], unreadable = [], left_out: more = 0, missing } = told ?? {};
  const drawn = found.filter((one) => one.target !== null && one.retention !== null);
  const base = drawn.find((one) => one.base_target !== null)?.base_target;
  return html`
    <h1>${title}</h1>
    <p class="lead titled-lead">${lead}</p>
    ${wrong && html`<p class="banner warn" role="status">${wrong}${at ? ` What is shown is ${span(Date.now() - at)} old.` : ""}</p>`}
    ${!told && !wrong && html`<p class="empty" aria-busy="true">Reading the reports</p>`}
    ${missing && html`<p class="empty">Nothing to look for: ${missing}.</p>`}
    ${told && !missing && !found.length && !unreadable.length && html`<p class="empty">None yet. <code>${command}</code> makes one.</p>`}
    ${unreadable.map((one) => html`<p class="banner warn broken" key=${one.name}><${Mark} tone="warn" /><span><b>${one.name}</b> cannot be read: ${one.why}</span></p>`)}
    ${drawn.length > 0 && html`<section aria-label="Target against retention">
      <${Scatter} points=${drawn.map(asPoint)} base=${base} lit=${lit} onLight=${light} />
      ${drawn.length < found.length && html`<p class="note">${count(found.length - drawn.length)} more have no score to draw.</p>`}
    </section>`}
    ${found.length > 0 && children({ found, lit, light })}
    ${more > 0 && html`<p class="note">${count(more)} older ones are not read.</p>`}
    ${found.length > 0 && !known.me.may.includes("texts") && html`<p class="note">The reports' pages show what was asked and answered, to operators.</p>`}
  `;
}

const asPoint = (one) => ({
  name: one.name,
  target: one.target,
  retention: one.retention,
  verdict: one.verdict ?? "none",
  trail: (one.checkpoints ?? []).filter((step) => step.target !== null && step.retention !== null),
});

// --- a table that can be put in order ----------------------------------------------------------------

function Table({ label, columns, rows, lit, onLight }) {
  const [order, by] = useState({ column: "when", up: false });
  const value = columns.find((one) => one.name === order.column)?.value;
  const sorted = [...rows].sort((a, b) => compare(value(a), value(b)) * (order.up ? 1 : -1));
  const turn = (name) => by({ column: name, up: order.column === name ? !order.up : false });
  return html`<div class="scroll" tabindex="0" role="group" aria-label=${`${label}, a table`}>
    <table class="runs">
      <thead><tr>${columns.map((one) => html`<th scope="col" key=${one.name} class=${one.left ? "left" : ""} aria-sort=${order.column === one.name ? (order.up ? "ascending" : "descending") : undefined}>
        ${one.value ? html`<button type="button" onClick=${() => turn(one.name)}>${one.name}<i aria-hidden="true">${order.column === one.name ? (order.up ? "▲" : "▼") : ""}</i></button>` : one.name}
      </th>`)}</tr></thead>
      <tbody>${sorted.map((row) => html`<tr key=${row.name} class=${row.name === lit ? "lit" : ""} onMouseEnter=${() => onLight(row.name)} onMouseLeave=${() => onLight(null)} onFocusIn=${() => onLight(row.name)} onFocusOut=${() => onLight(null)}>
        ${columns.map((one, place) => (place ? html`<td key=${one.name} class=${one.left ? "left" : ""} data-label=${one.name}>${one.cell(row)}</td>` : html`<th scope="row" key=${one.name}>${one.cell(row)}</th>`))}
      </tr>`)}</tbody>
    </table>
  </div>`;
}

const compare = (a, b) => (a === b ? 0 : a === null ? -1 : b === null ? 1 : a < b ? -1 : 1);
const Name = ({ row }) =>
  row.page ? html`<a href=${row.page} target="_blank" rel="noopener">${row.name}<span class="hidden">, its report, in a new tab</span></a>` : html`${row.name}`;
const Verdict = ({ of }) => html`<span class=${`verdict ${of ?? "none"}`}><${Shape} of=${of ?? "none"} />${SAID[of ?? "none"]}</span>`;
const share = (value) => (value === null ? "–" : percent(value));
const kept = (value) => (value === null ? "–" : percent(value, value > 0.995 && value < 1.0005 ? 0 : 1));

const RUN = [
  { name: "run", value: (row) => row.name, cell: (row) => html`<${Name} row=${row} />` },
  { name: "when", value: (row) => Date.parse(row.at), cell: (row) => html`<span title=${moment(Date.parse(row.at))}>${ago(row.at, now())}</span>` },
  { name: "audit", left: true, value: (row) => row.verdict ?? "", cell: (row) => html`<${Verdict} of=${row.verdict} />` },
  { name: "target", value: (row) => row.target, cell: (row) => html`${row.base_target !== null && html`<small>${share(row.base_target)} → </small>`}${share(row.target)}` },
  { name: "kept of the rest", value: (row) => row.retention, cell: (row) => kept(row.retention) },
];

// --- audits ------------------------------------------------------------------------------------------

const fallen = (row) => row.capabilities.filter((one) => one.role === "adjacent" && one.verdict === "fail");

const AUDITS = [
  ...RUN,
  { name: "fell", left: true, value: (row) => fallen(row).length, cell: (row) => html`<span class="names">${fallen(row).map((one) => plain(one.name)).join(", ") || "none"}</span>` },
  { name: "took", value: (row) => row.seconds, cell: (row) => span(1000 * row.seconds) },
];

export const AuditsView = () =>
  html`<${Reports} title="Audits" path="api/audits" command="belay audit"
    lead="Each candidate against its base on the same items, before any rollout: what it gained on its target, and how much it kept of everything else.">
    ${({ found, lit, light }) => html`
      <section aria-labelledby="runs"><h2 id="runs">Every audit</h2>
        <${Table} label="Every audit" columns=${AUDITS} rows=${found} lit=${lit} onLight=${light} /></section>
      <${Matrix} found=${found.slice(0, 8)} />`}
  <//>`;

// The change of every capability in the newest audits, side by side.
function Matrix({ found }) {
  const names = [...new Map(found.flatMap((one) => one.capabilities.map((each) => [each.name, each.role])))];
  names.sort(([, a], [, b]) => (a === b ? 0 : a === "target" ? -1 : 1));
  return html`<section aria-labelledby="matrix">
    <h2 id="matrix">Capability by capability</h2>
    <p class="lead">Candidate less base, in points, on the brief's own items. Marked: a drop that is certainly beyond its threshold.</p>
    <div class="scroll" tabindex="0" role="group" aria-label="Capability by capability, a table">
      <table class="matrix">
        <thead><tr><th scope="col">capability</th>${found.map((one) => html`<th scope="col" key=${one.name}>${one.name}</th>`)}</tr></thead>
        <tbody>${names.map(([name, role]) => html`<tr key=${name}><th scope="row">${plain(name)}${role === "target" && html` <small>target</small>`}</th>
          ${found.map((one) => html`<${Cell} key=${one.name} of=${one.capabilities.find((each) => each.name === name)} />`)}</tr>`)}</tbody>
      </table>
    </div>
  </section>`;
}

function Cell({ of }) {
  if (!of || of.change === null) return html`<td class="soft">–</td>`;
  if (of.silent) return html`<td class="soft" title=${of.silent}>${points(of.change)}</td>`;
  const range = `between ${points(of.low)} and ${points(of.high)} points`;
  return html`<td class=${of.verdict === "fail" ? "bad" : of.change > 0 ? "good" : ""} title=${range}>${of.verdict === "fail" && html`<${Mark} tone="bad" /><span class="hidden">certainly fell: </span>`}${points(of.change)}</td>`;
}

// --- trainings ---------------------------------------------------------------------------------------

const TRAININGS = [
  ...RUN,
  { name: "measured by", left: true, cell: (row) => ({ audit: "its audit", checkpoint: "its checkpoint" })[row.measured] ?? "nothing yet" },
  { name: "recipe", left: true, cell: (row) => html`<span class="names">${[...row.recipe, row.merge === "none" ? "" : `merged ${row.merge}`].filter(Boolean).join(", ")}</span>` },
  { name: "step taken", value: (row) => row.checkpoint, cell: (row) => html`${count(row.checkpoint)} <small>of ${count(row.steps)}</small>` },
  { name: "learning rate", value: (row) => row.learning_rate, cell: (row) => String(Number(row.learning_rate.toPrecision(3))) },
  { name: "alarms", value: (row) => row.alarms, cell: (row) => count(row.alarms) },
];

export const TrainingsView = () =>
  html`<${Reports} title="Trainings" path="api/trainings" command="belay train"
    lead="Every training whose model lies here: by what recipe, and what it gained and kept. Whoever points at one sees its checkpoints on the way.">
    ${({ found, lit, light }) => html`
      <section aria-labelledby="runs"><h2 id="runs">Every training</h2>
        <${Table} label="Every training" columns=${TRAININGS} rows=${found} lit=${lit} onLight=${light} /></section>`}
  <//>`;
