// The pictures, as SVG: read in grey by width and dash, by keyboard with the arrows, aloud by their summary.

import { html, useEffect, useRef, useState } from "./vendor/preact.js";
import { apart, linear, logScale, moments, nearest, stairs } from "./scales.js";
import { count, date, evidence, hour, percent, plain, points, when } from "./words.js";

export function useWidth() {
  const box = useRef(null);
  const [width, set] = useState(0);
  useEffect(() => {
    const seen = new ResizeObserver(([entry]) => set(Math.round(entry.contentRect.width)));
    seen.observe(box.current);
    return () => seen.disconnect();
  }, []);
  return [box, width];
}

export function Spark({ values, bar }) {
  const scale = logScale(values, bar, 3, 37);
  const x = linear(0, Math.max(1, values.length - 1), 2, 198);
  const xs = values.map((_, i) => x(i));
  return html`<svg class="spark" viewBox="0 0 200 40" preserveAspectRatio="none" aria-hidden="true">
    <line class="limit" x1="0" x2="200" y1=${scale.of(bar)} y2=${scale.of(bar)} />
    <path class="all" d=${stairs(xs, values.map(scale.of))} />
  </svg>`;
}

const HEIGHT = 330;
const SHARE = 62;
const GAP = 30;
const AXIS = 26;

export function EvidenceChart({ path, steps, bar, told, lit }) {
  const [box, width] = useWidth();
  return html`<div class="chart" ref=${box}>
    ${width > 0 && path.at.length > 0 && html`<${Drawn} ...${{ path, steps, bar, told, lit, width }} />`}
  </div>`;
}

function Drawn({ path, steps, bar, told, lit, width }) {
  const [at, move] = useState(null);
  const narrow = width < 560;
  const left = 46;
  const right = width - (narrow ? 8 : 168);
  const top = 18;
  const times = path.at.map((s) => 1000 * s);
  const from = times[0];
  const to = Math.max(times[times.length - 1], from + 60000);
  const x = linear(from, to, left, right);
  const xs = times.map(x);
  const names = Object.keys(path.evidence);
  const y = logScale([...path.combined, ...names.flatMap((name) => path.evidence[name])], bar, top, HEIGHT);
  const first = HEIGHT + GAP;
  const share = linear(0, Math.max(0.1, ...path.share), first + SHARE, first);
  const style = (name) => (name === lit || told.includes(name) ? "told" : "one");
  const ends = [{ name: "all together", kind: "all", y: y.of(path.combined.at(-1)) }];
  for (const name of told) if (path.evidence[name]) ends.push({ name: plain(name), kind: "told", y: y.of(path.evidence[name].at(-1) ?? 1) });
  const others = names.length - told.filter((name) => path.evidence[name]).length;
  const rest = names.filter((name) => !told.includes(name)).map((name) => path.evidence[name].at(-1) ?? 0.1);
  if (others > 0) ends.push({ name: `${others} other capabilities`, kind: "one", y: y.of(rest.sort((a, b) => a - b)[rest.length >> 1]) });
  const keys = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -20, PageDown: 20 }[event.key];
    if (event.key === "Home") move(0);
    else if (event.key === "End") move(times.length - 1);
    else if (event.key === "Escape") move(null);
    else if (step) move(Math.min(times.length - 1, Math.max(0, (at ?? times.length - 1) + step)));
    else return;
    event.preventDefault();
  };
  const point = (event) => {
    const rect = event.currentTarget.getBoundingClientRect();
    move(nearest(xs, event.clientX - rect.left));
  };
  const axis = moments(from, to, narrow ? 4 : 8);
  const bottom = first + SHARE;
  return html`<svg
      width=${width} height=${bottom + AXIS} tabindex="0" role="img"
      aria-label=${summary(path, bar, told)} onKeyDown=${keys}
      onPointerMove=${point} onPointerDown=${point} onPointerLeave=${() => move(null)} onBlur=${() => move(null)}
    >
      <rect class="beyond" x=${left} y=${top - 6} width=${right - left} height=${Math.max(0, y.of(bar) - top + 6)} />
      ${y.ticks.map((v) => html`<g class="tick"><line x1=${left} x2=${right} y1=${y.of(v)} y2=${y.of(v)} /><text x=${left - 8} y=${y.of(v) + 4} text-anchor="end">${tick(v)}</text></g>`)}
      ${axis.at.map((t) => html`<g class="tick"><line x1=${x(t)} x2=${x(t)} y1=${top} y2=${bottom} /><text x=${x(t)} y=${bottom + 18} text-anchor="middle">${axis.step >= 43200000 ? date(t) : hour(t)}</text></g>`)}
      <${Steps} ...${{ steps, x, top, bottom, right, narrow }} />
      ${names.filter((name) => style(name) === "one").map((name) => html`<path key=${name} class="one" d=${stairs(xs, path.evidence[name].map((v) => (v === null ? null : y.of(v))))} />`)}
      <line class="limit" x1=${left} x2=${right} y1=${y.of(bar)} y2=${y.of(bar)} />
      <text class="limit-label" x=${left + 6} y=${y.of(bar) - 7}>roll back at ${evidence(bar)}</text>
      <path class="all" d=${stairs(xs, path.combined.map(y.of))} />
      ${names.filter((name) => style(name) === "told").map((name) => html`<path key=${name} class="told" d=${stairs(xs, path.evidence[name].map((v) => (v === null ? null : y.of(v))))} />`)}
      <path class="share-area" d=${`${stairs(xs, path.share.map(share))}V${bottom}H${xs[0]}Z`} />
      <path class="share-line" d=${stairs(xs, path.share.map(share))} />
      <text class="axis-label" x=${left} y=${first - 8}>share of subjects with the candidate</text>
      <line class="base-line" x1=${left} x2=${right} y1=${bottom} y2=${bottom} />
      ${!narrow && apart(ends, 16, top + 4, HEIGHT).map((end) => html`<text class=${`end ${end.kind}`} x=${right + 8} y=${end.y + 4}>${end.name}</text>`)}
      ${at !== null && html`<g class="cross"><line x1=${xs[at]} x2=${xs[at]} y1=${top} y2=${bottom} /><circle cx=${xs[at]} cy=${y.of(path.combined[at])} r="4" /><circle cx=${xs[at]} cy=${share(path.share[at])} r="3" /></g>`}
    </svg>
    ${narrow && html`<p class="key"><i class="all" />all together ${told.length > 0 && html`<i class="told" />${told.map(plain).join(", ")}`} <i class="one" />others</p>`}
    <${Readout} path=${path} at=${at} told=${told} />`;
}

const tick = (v) => (v >= 1 && v < 1e5 ? count(v) : v < 1 && v >= 1e-2 ? String(Number(v.toPrecision(1))) : v.toExponential(0));

function Steps({ steps, x, top, bottom, right, narrow }) {
  let last = -Infinity;
  return steps.map((step) => {
    const at = x(1000 * step.at);
    const ended = step.status === "rolled_back";
    const text = ended ? "rolled back" : step.status === "ramping" || step.status === "promoted" ? percent(step.share) : step.status;
    const fits = ended || at - last > (narrow ? 30 : 40);
    if (fits) last = at;
    const end = at > right - 70;
    return html`<g class=${`step ${ended ? "ended" : ""}`}>
      <line x1=${at} x2=${at} y1=${top - 6} y2=${bottom} />
      ${fits && html`<text x=${at + (end ? -5 : 5)} y=${top + 4} text-anchor=${end ? "end" : "start"}>${text}</text>`}
    </g>`;
  });
}

function Readout({ path, at, told }) {
  const i = at ?? path.at.length - 1;
  const shown = [...new Set([...told, ...Object.keys(path.evidence).sort((a, b) => (path.evidence[b][i] ?? 0) - (path.evidence[a][i] ?? 0))])].slice(0, 3);
  return html`<p class="readout" aria-live=${at === null ? "off" : "polite"}>
    <b>${when(1000 * path.at[i], Date.now())}</b>
    <span>${count(path.settled[i])} scores</span><span>share ${percent(path.share[i])}</span>
    <span>all together <b>${evidence(path.combined[i])}</b></span>
    ${shown.map((name) => html`<span>${plain(name)} <b>${evidence(path.evidence[name]?.[i])}</b></span>`)}
  </p>`;
}

function summary(path, bar, told) {
  const most = Math.max(...path.combined);
  const ones = told.map((name) => `${plain(name)} ${evidence(path.evidence[name]?.at(-1))}`).join(", ");
  return `Evidence of a drop over time, now ${evidence(path.combined.at(-1))}, at most ${evidence(most)}, with the limit at ${evidence(bar)}. ${ones} The share is ${percent(path.share.at(-1))}. Arrow keys read moment by moment.`;
}

// The change of one capability with what holds it, beside the drop that is tolerated.
export function Interval({ one, from, to }) {
  const x = linear(from, to, 4, 236);
  const limit = -(one.tolerated ?? one.threshold);
  const has = one.estimate !== null;
  const kind = !has ? "" : one.high < limit ? "worse" : one.low > limit ? "kept" : "open";
  const label = has
    ? `${points(one.estimate)} points, between ${points(one.low)} and ${points(one.high)}; ${points(limit)} is tolerated`
    : "no score of both arms yet";
  return html`<svg class=${`interval ${kind}`} viewBox="0 0 240 26" role="img" aria-label=${label}>
    <rect class="beyond" x="0" y="0" width=${Math.max(0, x(limit))} height="26" />
    <line class="zero" x1=${x(0)} x2=${x(0)} y1="0" y2="26" />
    <line class="limit" x1=${x(limit)} x2=${x(limit)} y1="0" y2="26" />
    ${has && html`<line class="range" x1=${x(Math.max(one.low, from))} x2=${x(Math.min(one.high, to))} y1="13" y2="13" />
      <circle cx=${x(one.estimate)} cy="13" r="5" />`}
  </svg>`;
}

// How far evidence is on its way to the limit, by powers of ten.
export function Meter({ value, bar }) {
  const part = Math.min(1, Math.max(0, (Math.log10(Math.max(value, 0.1)) + 1) / (Math.log10(bar) + 1)));
  return html`<span class=${`meter ${part >= 1 ? "full" : ""}`} role="img" aria-label=${`${evidence(value)} of ${evidence(bar)}`}><b style=${{ width: `${100 * part}%` }} /></span>`;
}
