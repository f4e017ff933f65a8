// The planner as a form: how long drops would live under a traffic that one can try out. It reckons, and changes nothing.

import { html, useEffect, useRef, useState } from "./vendor/preact.js";
import { useWidth } from "./charts.js";
import { faults, Field, goToFault } from "./forms.js";
import { ask, known } from "./live.js";
import { linear } from "./scales.js";
import { count, long, plain } from "./words.js";

const FIELDS = ["rate", "stages", "shadow", "fresh", "capabilities"];
const EMPTY = { name: "", traffic: "10", base: "80", threshold: "5" };
const PROBED = [0.05, 0.1, 0.2];

export function Plan({ query }) {
  const wanted = query.get("from") ?? known.overview?.rollouts[0]?.rollout_id ?? null;
  const [form, set] = useState(null);
  const [told, tell] = useState(null);
  const [wrong, blame] = useState({});
  const [lit, light] = useState(null);
  const box = useRef(null);
  useEffect(() => {
    if (form || (!known.overview && !query.get("from"))) return;
    begun(wanted).then((found) => (set(found), reckon(found)));
  }, [wanted, known.overview !== null]);
  async function reckon(asked) {
    try {
      tell(await ask("api/plan", body(asked)));
      blame({});
    } catch (error) {
      blame(faults(error, FIELDS));
      goToFault(box.current);
    }
  }
  if (!form) return html`<p class="empty" aria-busy="true">Asking control</p>`;
  const change = (name) => (value) => set({ ...form, [name]: value });
  const part = (n, name) => (value) => set({ ...form, capabilities: form.capabilities.map((one, i) => (i === n ? { ...one, [name]: value } : one)) });
  const send = (event) => (event.preventDefault(), reckon(form));
  return html`
    <h1>Plan a rollout</h1>
    <p class="lead after">How long a drop would live before it is found, and what it would cost. ${form.from ? `Begins with what ${form.from} has seen.` : "Begins with a guess."} Nothing is changed by it.</p>
    <form ref=${box} class="panel" onSubmit=${send} novalidate>
      <div class="fields">
        <${Field} name="rate" label="Interactions a second" inputmode="decimal" value=${form.rate} onInput=${change("rate")} wrong=${wrong.rate} />
        <${Field} name="stages" label="Stages" value=${form.stages} onInput=${change("stages")} hint="share:units until the next" wrong=${wrong.stages} />
        <${Field} name="shadow" label="Answered by both arms, %" inputmode="decimal" value=${form.shadow} onInput=${change("shadow")} wrong=${wrong.shadow} />
        <${Field} name="fresh" label="Of subjects not met before, %" inputmode="decimal" value=${form.fresh} onInput=${change("fresh")} wrong=${wrong.fresh} />
      </div>
      <fieldset>
        <legend>Capabilities</legend>
        <div class="scroll" tabindex="0" role="group" aria-label="Capabilities, a table of fields">
          <table class="inputs">
            <thead><tr><th scope="col">name</th><th scope="col">traffic, %</th><th scope="col">base is right, %</th><th scope="col">tolerated, points</th><th scope="col"><span class="hidden">take out</span></th></tr></thead>
            <tbody>${form.capabilities.map((one, n) => html`<tr key=${n}>
              ${["name", "traffic", "base", "threshold"].map((name) => html`<td><input aria-label=${`${{ name: "name", traffic: "traffic in percent", base: "base is right in percent", threshold: "tolerated points" }[name]}, capability ${n + 1}`} inputmode=${name === "name" ? "text" : "decimal"} value=${one[name]} onInput=${(e) => part(n, name)(e.target.value)} /></td>`)}
              <td><button type="button" class="quiet" disabled=${form.capabilities.length === 1} onClick=${() => set({ ...form, capabilities: form.capabilities.filter((_, i) => i !== n) })}>Remove<span class="hidden"> capability ${n + 1}</span></button></td>
            </tr>`)}</tbody>
          </table>
        </div>
        ${wrong.capabilities && html`<p class="wrong" role="alert">${wrong.capabilities}</p>`}
        ${wrong[""] && html`<p class="wrong" role="alert">${wrong[""]}</p>`}
      </fieldset>
      <div class="buttons">
        <button type="button" onClick=${() => set({ ...form, capabilities: [...form.capabilities, EMPTY] })}>Add a capability</button>
        <button type="submit" class="primary">Reckon</button>
      </div>
    </form>
    ${told && html`<${Told} told=${told} lit=${lit ?? worst(told)} onLight=${light} />`}
  `;
}

// What the form begins with: what a rollout has seen, else a guess.
async function begun(id) {
  const guess = { from: null, rate: "1", stages: "5%:2000,25%:4000,50%", shadow: "10", fresh: "50", capabilities: [{ ...EMPTY, name: "facts" }] };
  if (!id) return guess;
  const at = `api/rollouts/${encodeURIComponent(id)}`;
  const [rollout, outlook] = await Promise.all([ask(at).catch(() => null), ask(`${at}/outlook`).catch(() => null)]);
  const watched = rollout?.capabilities.filter((one) => !one.rail && one.watched) ?? [];
  if (!watched.length) return guess;
  const total = Object.values(rollout.traffic).reduce((a, b) => a + b, 0);
  const parts = watched.map((one) => (total ? (one.prompts ?? 0) / total : 1 / watched.length));
  return {
    from: id,
    rate: number(outlook?.rate ?? 1, 3),
    stages: rollout.line.stages.map((share) => `${number(100 * share, 2)}%`).join(":2000,"),
    shadow: number(100 * rollout.shadow, 1),
    fresh: "50",
    capabilities: watched.map((one, n) => ({
      name: one.name, traffic: number(100 * parts[n], 1), base: number(100 * (one.control.mean ?? 0.8), 0), threshold: number(100 * one.threshold, 1),
    })),
  };
}

const number = (value, digits) => String(Number(value.toFixed(digits)));
const part = (text) => Number(text.replace(",", ".")) / 100;
const body = (form) => ({
  rate: Number(form.rate.replace(",", ".")) || 0,
  stages: form.stages, shadow: part(form.shadow), fresh: part(form.fresh),
  capabilities: form.capabilities.map((one) => ({ name: one.name, traffic: part(one.traffic), base: part(one.base), threshold: part(one.threshold) })),
});

// --- what came of it -----------------------------------------------------------------------------------

const at = (curve, drop) => curve.found.reduce((best, one) => (Math.abs(one.drop - drop) < Math.abs(best.drop - drop) ? one : best));
const slowness = (curve) => at(curve, 0.1).p50 ?? Infinity;
const worst = (told) => [...told.curves].sort((a, b) => slowness(b) - slowness(a))[0].capability;

function Told({ told, lit, onLight }) {
  const rows = [...told.curves].sort((a, b) => slowness(b) - slowness(a));
  const time = (one) => (one.p50 === null ? html`<small>never</small>` : html`${long(one.p50 / told.rate)} <small class="beside">| ${one.p90 === null ? "never" : long(one.p90 / told.rate)}</small>`);
  return html`<section aria-labelledby="lives">
    <h2 id="lives">How long a drop would live</h2>
    <p class="lead">Until it is found in half of such rollouts, and in nine of ten. What is tolerated is never found; the slowest stands first.</p>
    <${Curves} told=${told} lit=${lit} />
    <div class="scroll gap" tabindex="0" role="group" aria-label="How long a drop would live, a table">
      <table class="stacked">
        <thead><tr><th scope="col">capability</th>${PROBED.map((drop) => html`<th scope="col">−${100 * drop} points <small>half | 9 of 10</small></th>`)}<th scope="col">bad answers until then <small>−10 points</small></th></tr></thead>
        <tbody>${rows.map((curve) => {
          const spoilt = at(curve, 0.1).bad_answers;
          return html`<tr key=${curve.capability} onMouseEnter=${() => onLight(curve.capability)}>
            <th scope="row"><button type="button" class="link" aria-pressed=${curve.capability === lit ? "true" : "false"} onClick=${() => onLight(curve.capability)}>${plain(curve.capability)}</button></th>
            ${PROBED.map((drop) => html`<td data-label=${`−${100 * drop} points`}>${time(at(curve, drop))}</td>`)}
            <td data-label="bad answers">${spoilt === null ? "–" : count(Math.round(spoilt))}</td>
          </tr>`;
        })}</tbody>
      </table>
    </div>
  </section>`;
}

const TIMES = [1, 10, 60, 600, 3600, 21600, 86400, 604800, 2592000, 31536000];

function Curves({ told, lit }) {
  const [box, width] = useWidth();
  return html`<div class="chart" ref=${box}>${width > 0 && html`<${Drawn} told=${told} lit=${lit} width=${width} />`}</div>`;
}

function Drawn({ told, lit, width }) {
  const narrow = width < 560;
  const [left, right, top, bottom] = [62, width - (narrow ? 24 : 168), 14, 270];
  const seconds = (n) => n / told.rate;
  const all = told.curves.flatMap((curve) => curve.found.flatMap((one) => [one.p50, one.p90].filter((n) => n !== null).map(seconds)));
  const from = Math.log10(Math.max(0.5, Math.min(...all, 1e9) * 0.7));
  const to = Math.log10(Math.max(...all, 1) * 1.4);
  const largest = Math.max(...told.curves.flatMap((curve) => curve.found.map((one) => one.drop)));
  const x = linear(0, largest, left, right);
  const y = (s) => linear(from, Math.max(to, from + 0.5), bottom, top)(Math.log10(s));
  const line = (curve, of) => curve.found.filter((one) => one[of] !== null).map((one, i) => `${i ? "L" : "M"}${x(one.drop).toFixed(1)} ${y(seconds(one[of])).toFixed(1)}`).join("");
  const chosen = told.curves.find((curve) => curve.capability === lit) ?? told.curves[0];
  const both = chosen.found.filter((one) => one.p50 !== null && one.p90 !== null);
  const band = both.length > 1 ? `M${both.map((one) => `${x(one.drop).toFixed(1)} ${y(seconds(one.p90)).toFixed(1)}`).join("L")}L${[...both].reverse().map((one) => `${x(one.drop).toFixed(1)} ${y(seconds(one.p50)).toFixed(1)}`).join("L")}Z` : "";
  const ticks = TIMES.filter((s) => Math.log10(s) >= from && Math.log10(s) <= to);
  const ten = at(chosen, 0.1);
  return html`<svg class="curves" width=${width} height=${bottom + 40} role="img" aria-label=${`How long a drop would live by its size. ${plain(chosen.capability)}: 10 points ${ten.p50 === null ? "are never found" : `live ${long(seconds(ten.p50))} in half of rollouts`}.`}>
      ${ticks.map((s) => html`<g class="tick"><line x1=${left} x2=${right} y1=${y(s)} y2=${y(s)} /><text x=${left - 8} y=${y(s) + 4} text-anchor="end">${long(s)}</text></g>`)}
      ${[0, 0.1, 0.2, 0.3, 0.4].filter((v) => v <= largest).map((v) => html`<g class="tick"><line x1=${x(v)} x2=${x(v)} y1=${top} y2=${bottom} /><text x=${x(v)} y=${bottom + 18} text-anchor="middle">${v ? `−${Math.round(100 * v)}` : "0"}</text></g>`)}
      <text x=${(left + right) / 2} y=${bottom + 35} text-anchor="middle">points that a capability drops by</text>
      ${told.curves.filter((curve) => curve !== chosen).map((curve) => html`<path key=${curve.capability} class="one" d=${line(curve, "p50")} />`)}
      <path class="band" d=${band} /><path class="all dashed" d=${line(chosen, "p90")} /><path class="all" d=${line(chosen, "p50")} />
      ${!narrow && both.length > 0 && html`<text class="end all" x=${right + 8} y=${y(seconds(both[both.length - 1].p50)) + 4}>${plain(chosen.capability).slice(0, 20)}</text>
        <text class="end" x=${right + 8} y=${y(seconds(both[both.length - 1].p90)) - 6}>in 9 of 10</text>`}
    </svg>
    <p class="key"><i class="all" />${plain(chosen.capability)}, half and 9 of 10 <i class="one" />others, half</p>`;
}

