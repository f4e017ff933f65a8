// What traffic consists of, and how that shifts over time: bands of equal width in time, `unknown` among them.

import { html, useState } from "./vendor/preact.js";
import { useWidth } from "./charts.js";
import { linear, moments, nearest } from "./scales.js";
import { count, date, hour, percent, plain, when } from "./words.js";

const BINS = 24;
const LEAST = 50; // prompts of a stretch on average: of fewer the parts are chance
const TOLD = 7; // the rest is one band
const HEIGHT = 190;

const label = (name) => (name === "" ? "unknown" : plain(name));

// The parts of traffic in each stretch of time: what came between two moments, by name, largest first, unknown last.
export function shifts(path) {
  const names = Object.keys(path.traffic ?? {});
  const at = path.at.map((s, i) => [1000 * s, i]).filter(([, i]) => names.some((name) => path.traffic[name][i] !== null));
  if (at.length < 3) return null;
  const from = at[0][0];
  const to = at[at.length - 1][0];
  const value = (name, i) => path.traffic[name][i] ?? 0;
  const total = (name) => value(name, at[at.length - 1][1]);
  const named = names.filter((name) => name !== "" && name !== "other").sort((a, b) => total(b) - total(a));
  const told = named.slice(0, TOLD);
  const rest = [...named.slice(TOLD), ...names.filter((name) => name === "other")];
  const bands = [...told.map((name) => ({ name, of: [name] })), ...(rest.length ? [{ name: "all others", of: rest }] : []), ...(names.includes("") ? [{ name: "", of: [""] }] : [])];
  const bins = [];
  const sumAt = (i) => names.reduce((sum, name) => sum + value(name, i), 0);
  const wanted = Math.max(2, Math.min(BINS, Math.floor((sumAt(at[at.length - 1][1]) - sumAt(at[0][1])) / LEAST)));
  const bounds = Array.from({ length: wanted + 1 }, (_, n) => from + ((to - from) * n) / wanted);
  let before = at[0][1];
  for (let n = 1; n <= wanted; n++) {
    const inside = at.filter(([t]) => t <= bounds[n]);
    const last = inside[inside.length - 1][1];
    const grown = bands.map((band) => band.of.reduce((sum, name) => sum + Math.max(0, value(name, last) - value(name, before)), 0));
    const sum = grown.reduce((a, b) => a + b, 0);
    if (sum > 0) {
      bins.push({ from: bins.length ? bins[bins.length - 1].to : bounds[n - 1], to: bounds[n], sum, parts: grown.map((one) => one / sum) });
      before = last;
    }
  }
  return bins.length > 1 ? { bands, bins, from, to } : null;
}

export function Shift({ path }) {
  const [box, width] = useWidth();
  const found = shifts(path);
  if (!found) return html`<p class="empty" ref=${box}>How it shifts is drawn once there is some of it.</p>`;
  return html`<div class="chart" ref=${box}>${width > 0 && html`<${Drawn} ...${found} width=${width} />`}</div>`;
}

function Drawn({ bands, bins, from, to, width }) {
  const [at, move] = useState(null);
  const narrow = width < 560;
  const left = 44;
  const right = width - (narrow ? 6 : 168);
  const top = 10;
  const x = linear(from, to, left, right);
  const y = linear(0, 1, HEIGHT, top);
  const axis = moments(from, to, narrow ? 4 : 8);
  const base = bins.map(() => 0);
  const drawn = bands.map((band, n) => {
    const edges = bins.map((bin, i) => ({ low: base[i], high: (base[i] += bin.parts[n]) }));
    return { band, edges, kind: band.name === "" ? "unknown" : `band b${n % 8}` };
  });
  const keys = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Home") move(0);
    else if (event.key === "End") move(bins.length - 1);
    else if (event.key === "Escape") move(null);
    else if (step) move(Math.min(bins.length - 1, Math.max(0, (at ?? bins.length - 1) + step)));
    else return;
    event.preventDefault();
  };
  const point = (event) => move(nearest(bins.map((bin) => x((bin.from + bin.to) / 2)), event.clientX - event.currentTarget.getBoundingClientRect().left));
  const shown = bins[at ?? bins.length - 1];
  const told = bands.map((band, n) => `${label(band.name)} ${percent(bins[0].parts[n])} at first, ${percent(shown.parts[n])} now`).join("; ");
  return html`<svg class="shift" width=${width} height=${HEIGHT + 26} role="img" tabindex="0" aria-label=${`What traffic consists of over time. ${told}. Arrow keys read stretch by stretch.`}
      onKeyDown=${keys} onPointerMove=${point} onPointerDown=${point} onPointerLeave=${() => move(null)} onBlur=${() => move(null)}>
      <defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><rect class="hatch-ground" width="6" height="6" /><line class="hatch-line" x1="0" x2="0" y1="0" y2="6" /></pattern></defs>
      ${drawn.map(({ band, edges, kind }) => html`<path key=${band.name} class=${kind} d=${area(edges, bins, x, y)} />`)}
      ${[0, 0.5, 1].map((v) => html`<g class="tick"><line x1=${left} x2=${right} y1=${y(v)} y2=${y(v)} /><text x=${left - 8} y=${y(v) + 4} text-anchor="end">${percent(v)}</text></g>`)}
      ${axis.at.map((t) => html`<text class="axis" x=${x(t)} y=${HEIGHT + 18} text-anchor="middle">${axis.step >= 43200000 ? date(t) : hour(t)}</text>`)}
      ${!narrow && ends(drawn, y).map((end) => html`<text class="end" x=${right + 8} y=${end.y + 4}>${end.text}</text>`)}
      ${at !== null && html`<rect class="lit" x=${x(shown.from)} width=${Math.max(1, x(shown.to) - x(shown.from))} y=${top} height=${HEIGHT - top} />`}
    </svg>
    <p class="readout" aria-live="off"><b>${when(shown.from, to)} to ${hour(shown.to)}</b><span>${count(shown.sum)} prompts</span>
      ${bands.map((band, n) => html`<span>${label(band.name)} <b>${percent(shown.parts[n])}</b></span>`)}</p>`;
}

// The border between two bands is a stairway too: a line between stretches would tell what nobody measured.
function area(edges, bins, x, y) {
  const up = edges.map((edge, i) => `L${x(bins[i].from).toFixed(1)} ${y(edge.high).toFixed(1)}H${x(bins[i].to).toFixed(1)}`).join("");
  const down = [...edges].map((edge, i) => `L${x(bins[i].to).toFixed(1)} ${y(edge.low).toFixed(1)}H${x(bins[i].from).toFixed(1)}`).reverse().join("");
  return `M${x(bins[0].from).toFixed(1)} ${y(edges[0].low).toFixed(1)}${up}${down}Z`;
}

const short = (text) => (text.length > 16 ? `${text.slice(0, 15)}…` : text);

function ends(drawn, y) {
  const told = [];
  for (const { band, edges } of drawn) {
    const last = edges[edges.length - 1];
    const middle = y((last.low + last.high) / 2);
    if (told.every((one) => Math.abs(one.y - middle) >= 14)) told.push({ y: middle, text: `${short(label(band.name))} ${percent(last.high - last.low)}` });
  }
  return told;
}
