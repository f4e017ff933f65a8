// Target against retention, a point a run, drawn by uPlot, which is fetched when it is first wanted.

import { html, useEffect, useRef } from "./vendor/preact.js";
import { percent } from "./words.js";

let fetched = null;

// uPlot is a script of its own time: it puts itself into the window.
function uplot() {
  fetched = fetched ?? Promise.all([added("link", { rel: "stylesheet", href: "page/vendor/uplot.css" }), added("script", { src: "page/vendor/uplot.js" })]).then(() => window.uPlot);
  return fetched;
}

const added = (tag, fields) =>
  new Promise((done, failed) => {
    const element = Object.assign(document.createElement(tag), fields);
    element.onload = done;
    element.onerror = () => ((fetched = null), failed(new Error("the chart cannot be fetched")));
    document.head.append(element);
  });

const HEIGHT = 340;
const REACH = 26; // how near the pointer has to come, in pixels
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(name);
const font = () => `12.5px ${color("--sans")}`;
export const SAID = { pass: "passed", inconclusive: "cannot tell", fail: "failed", none: "no audit" };
const TONES = { pass: "--good", fail: "--bad", inconclusive: "--warn", none: "--soft" };

// `points` have name, target, retention and verdict ("pass", "fail", "inconclusive" or "none"), and may have a `trail`:
// checkpoints on the way. `base` is base's score on the target. `lit` is the name that is pointed at elsewhere.
export function Scatter({ points, base, lit, onLight }) {
  const box = useRef(null);
  const plot = useRef(null);
  const now = useRef({});
  now.current = { points, base, lit, onLight };
  const key = points.map((one) => `${one.name} ${one.target} ${one.retention} ${one.verdict}`).join("\n");
  useEffect(() => {
    let over = false;
    let made = null;
    uplot().then((uPlot) => {
      if (over) return;
      made = plot.current = draw(uPlot, box.current, now);
    }, () => {});
    const seen = new ResizeObserver(() => made?.setSize({ width: box.current.clientWidth, height: HEIGHT }));
    seen.observe(box.current);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    const again = () => made?.redraw(false, true);
    dark.addEventListener("change", again);
    return () => ((over = true), seen.disconnect(), dark.removeEventListener("change", again), made?.destroy(), (plot.current = null));
  }, [key]);
  useEffect(() => plot.current?.redraw(false, false), [lit]);
  return html`<div class="scatter" role="img" aria-label=${summary(points)}>
    <div ref=${box} />
    <p class="key">${Object.entries(SAID).map(([of, name]) => html`<span class="of"><${Shape} of=${of} />${name}</span>`)}
      <span class="hint">Up and to the right is better. Drag to look closer, double-click to see all.</span></p>
  </div>`;
}

function summary(points) {
  const best = [...points].sort((a, b) => b.target + b.retention - a.target - a.retention)[0];
  const about = best ? ` ${best.name} has ${percent(best.target)} on the target and keeps ${percent(best.retention)} of the rest.` : "";
  return `Target against retention of ${points.length} runs; the table below has them all.${about}`;
}

function draw(uPlot, box, now) {
  const sorted = [...now.current.points].sort((a, b) => a.target - b.target);
  const { base } = now.current;
  const data = [sorted.map((one) => one.target), sorted.map((one) => one.retention)];
  const xs = data[0].concat(base ?? []);
  const ys = [...data[1], 1];
  const axis = (label, size, most) => ({
    label, size, labelSize: 22, labelGap: 2, font: font(), labelFont: font(), stroke: () => color("--soft"), ticks: { show: false },
    grid: { stroke: () => color("--line"), width: 1 }, values: (_, splits) => splits.map((value) => (value > most ? "" : percent(value))),
  });
  const options = {
    width: box.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { points: { show: false }, drag: { x: true, y: true, uni: 20 }, y: false, x: false },
    scales: { x: { time: false, range: (_, low, high) => around(low, high, data[0], xs) }, y: { range: (_, low, high) => around(low, high, data[1], ys) } },
    axes: [axis("score on the target", 28, 1.0001), axis("kept of everything else", 48, Infinity)],
    series: [{}, { paths: () => null, points: { show: false } }],
    hooks: {
      draw: [(u) => paint(u, sorted, now.current)],
      setCursor: [(u) => now.current.onLight(under(u, sorted))],
    },
  };
  return new uPlot(options, data, box);
}

// All that is drawn with some room around it; where somebody looks closer, that. uPlot asks with its own data's bounds.
function around(low, high, data, all) {
  if (low !== Math.min(...data) || high !== Math.max(...data)) return [low, high];
  const [least, most] = [Math.min(...all), Math.max(...all)];
  const room = Math.max(0.04, 0.1 * (most - least));
  return [Math.max(0, least - room), most + room];
}

function under(u, points) {
  const { left, top } = u.cursor;
  if (left < 0) return null;
  const far = (one) => Math.hypot(u.valToPos(one.target, "x") - left, u.valToPos(one.retention, "y") - top);
  const nearest = points.reduce((best, one) => (best === null || far(one) < far(best) ? one : best), null);
  return nearest && far(nearest) <= REACH ? nearest.name : null;
}

function paint(u, points, { base, lit }) {
  const { ctx } = u;
  const ratio = devicePixelRatio;
  const x = (value) => u.valToPos(value, "x", true);
  const y = (value) => u.valToPos(value, "y", true);
  ctx.save();
  ctx.beginPath();
  ctx.rect(u.bbox.left, u.bbox.top, u.bbox.width, u.bbox.height);
  ctx.clip();
  ctx.font = `${12.5 * ratio}px ${color("--sans")}`;
  line(ctx, u, y(1), "nothing lost", ratio);
  if (base !== null && base !== undefined) cross(ctx, x(base), y(1), ratio);
  const taken = [];
  for (const one of [...points].sort((a, b) => (a.name === lit) - (b.name === lit))) {
    const here = { x: x(one.target), y: y(one.retention), lit: one.name === lit };
    if (here.lit && one.trail?.length > 1) trail(ctx, one.trail.map((step) => [x(step.target), y(step.retention)]), ratio);
    shape(ctx, here.x, here.y, (here.lit ? 8 : 5.5) * ratio, one.verdict, ratio);
    label(ctx, u, one.name, here, taken, points.length <= 14, ratio);
  }
  ctx.restore();
}

function line(ctx, u, at, text, ratio) {
  ctx.strokeStyle = ctx.fillStyle = color("--soft");
  ctx.lineWidth = 1.2 * ratio;
  ctx.setLineDash([6 * ratio, 4 * ratio]);
  ctx.beginPath();
  ctx.moveTo(u.bbox.left, at);
  ctx.lineTo(u.bbox.left + u.bbox.width, at);
  ctx.stroke();
  ctx.setLineDash([]);
  ctx.textAlign = "right";
  ctx.fillText(text, u.bbox.left + u.bbox.width - 6 * ratio, at - 6 * ratio);
}

function cross(ctx, at, up, ratio) {
  ctx.strokeStyle = ctx.fillStyle = color("--base");
  ctx.lineWidth = 2.2 * ratio;
  ctx.beginPath();
  for (const [dx, dy] of [[5, 5], [5, -5]]) {
    ctx.moveTo(at - dx * ratio, up - dy * ratio);
    ctx.lineTo(at + dx * ratio, up + dy * ratio);
  }
  ctx.stroke();
  ctx.textAlign = "left";
  ctx.fillText("base", at + 10 * ratio, up - 6 * ratio);
}

function trail(ctx, steps, ratio) {
  ctx.strokeStyle = ctx.fillStyle = color("--one");
  ctx.lineWidth = 1.5 * ratio;
  ctx.beginPath();
  steps.forEach(([at, up], place) => (place ? ctx.lineTo(at, up) : ctx.moveTo(at, up)));
  ctx.stroke();
  for (const [at, up] of steps) {
    ctx.beginPath();
    ctx.arc(at, up, 2.5 * ratio, 0, 2 * Math.PI);
    ctx.fill();
  }
}

// A shape for every verdict, so that they are told apart without colour.
function shape(ctx, at, up, size, verdict, ratio) {
  ctx.beginPath();
  if (verdict === "fail") ctx.rect(at - size, up - size, 2 * size, 2 * size);
  else if (verdict === "inconclusive") {
    ctx.moveTo(at, up - 1.2 * size);
    ctx.lineTo(at + 1.2 * size, up + size);
    ctx.lineTo(at - 1.2 * size, up + size);
    ctx.closePath();
  } else ctx.arc(at, up, size, 0, 2 * Math.PI);
  ctx.fillStyle = verdict === "none" ? color("--surface") : color(TONES[verdict]);
  ctx.strokeStyle = verdict === "none" ? color("--soft") : color("--surface");
  ctx.lineWidth = (verdict === "none" ? 2 : 1.2) * ratio;
  ctx.fill();
  ctx.stroke();
}

// A name beside its point, where there is room; the one that is pointed at always.
function label(ctx, u, name, here, taken, all, ratio) {
  const width = ctx.measureText(name).width;
  const right = here.x + 11 * ratio + width < u.bbox.left + u.bbox.width;
  const left = right ? here.x + 11 * ratio : here.x - 11 * ratio - width;
  const box = [left, here.y - 8 * ratio, left + width, here.y + 8 * ratio];
  const clear = !taken.some((other) => box[0] < other[2] && box[2] > other[0] && box[1] < other[3] && box[3] > other[1]);
  if (!here.lit && (!all || !clear)) return;
  taken.push(box);
  ctx.textAlign = "left";
  ctx.fillStyle = here.lit ? color("--ink") : color("--soft");
  ctx.fillText(name, left, here.y + 4.5 * ratio);
}

const SHAPES = {
  pass: html`<circle cx="6" cy="6" r="5" />`,
  inconclusive: html`<path d="M6 1 11.5 11H.5Z" />`,
  fail: html`<rect x="1" y="1" width="10" height="10" />`,
  none: html`<circle cx="6" cy="6" r="4.2" fill="none" stroke="currentColor" stroke-width="1.8" />`,
};

export const Shape = ({ of }) =>
  html`<svg class=${`mark ${of}`} viewBox="0 0 12 12" aria-hidden="true" fill="currentColor">${SHAPES[of]}</svg>`;
