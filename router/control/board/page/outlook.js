// How many samples each capability has, and how long a drop would live from now on.

import { html, useEffect, useState } from "./vendor/preact.js";
import { ask } from "./live.js";
import { count, long, percent, plain } from "./words.js";

const EVERY_MS = 30000;

function useOutlook(id, settled) {
  const [found, set] = useState(null);
  useEffect(() => {
    let wanted = true;
    const look = () =>
      ask(`api/rollouts/${encodeURIComponent(id)}/outlook`).then((told) => wanted && set(told), () => {});
    look();
    const again = setInterval(look, EVERY_MS);
    return () => ((wanted = false), clearInterval(again));
  }, [id, settled > 0]);
  return found;
}

export function Outlook({ line }) {
  const found = useOutlook(line.rollout_id, line.settled);
  if (!found || !found.rows.length) return null;
  const ended = found.rows.every((one) => one.why === "the rollout has ended");
  const rows = [...found.rows].sort((a, b) => (b.a_day ?? 0) - (a.a_day ?? 0) || b.units + b.pairs - a.units - a.pairs);
  const most = Math.max(1, ...rows.map((one) => one.units + one.pairs));
  const title = ended ? "Samples of each capability" : "How long a drop would live";
  return html`<section aria-labelledby="outlook">
    <h2 id="outlook">${title}</h2>
    <p class="lead">${lead(found, ended)}</p>
    <div class="scroll" tabindex="0" role="group" aria-label=${`${title}, a table`}>
      <table class="stacked">
        <thead><tr>
          <th scope="col">capability</th><th scope="col" class="wide">samples so far</th>
          ${!ended && html`<th scope="col">a day now</th>`}${(ended ? [] : found.drops).map((drop) => html`<th scope="col">−${Math.round(100 * drop)} points <small>half | 9 of 10</small></th>`)}
        </tr></thead>
        <tbody>${rows.map((one) => html`<tr key=${one.capability}>
          <th scope="row">${plain(one.capability)}</th>
          <td data-label="samples so far" class="wide"><span class="with"><span class="parts" aria-hidden="true"><b style=${{ width: `${(100 * one.units) / most}%` }} /><i style=${{ width: `${(100 * one.pairs) / most}%` }} /></span>
            <span>${count(one.units)} ${one.units === 1 ? "unit" : "units"}, ${count(one.pairs)} ${one.pairs === 1 ? "pair" : "pairs"}</span></span></td>
          ${!ended && html`<td data-label="a day now">${one.a_day === null ? "–" : count(Math.round(one.a_day))}</td>`}
          ${!ended && one.why && html`<td class="prose" colSpan=${found.drops.length} data-label="a drop"><small>${one.why}</small></td>`}
          ${(ended || one.why ? [] : found.drops).map((drop, n) => html`<td data-label=${`−${Math.round(100 * drop)} points`}>${when(one, one.drops[n], drop)}</td>`)}
        </tr>`)}</tbody>
      </table>
    </div>
  </section>`;
}

function lead(found, ended) {
  if (ended) return "What each capability was judged by.";
  const rate = found.rate === null ? "It is too early to tell how much traffic there is." : `At ${speed(found.rate)} and a share of ${percent(found.share)}, as it is now.`;
  return `${rate} Until a drop that begins now would be found: in half of such rollouts, and in nine of ten. What has been found so far is not reckoned in.`;
}

const speed = (rate) => (rate >= 1 ? `${rate.toFixed(1)} scores a second` : `${count(Math.round(3600 * rate))} scores an hour`);

function when(one, told, drop) {
  if (drop <= one.tolerated) return html`<small>tolerated</small>`;
  if (!told || told.p50_s === null) return html`<small>never at this threshold</small>`;
  return html`${long(told.p50_s)} <small class="beside">| ${told.p90_s === null ? "never" : long(told.p90_s)}</small>`;
}
