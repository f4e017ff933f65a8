// Where things lie in a chart: pure arithmetic.

const FLOOR = 1e-3;
const CEILING = 1e9;

// A scale of powers of ten that holds the values and the limit with room above it.
export function logScale(values, limit, top, bottom) {
  const some = values.filter((v) => v !== null && v > 0).map((v) => Math.min(Math.max(v, FLOOR), CEILING));
  const low = Math.floor(Math.log10(Math.min(0.1, ...some)));
  const high = Math.max(Math.log10(limit) + 0.6, Math.log10(Math.max(1, ...some)) + 0.25);
  const of = (v) => bottom - ((Math.log10(Math.min(Math.max(v, FLOOR), CEILING)) - low) / (high - low)) * (bottom - top);
  const ticks = [];
  const step = Math.ceil((high - low) / 6);
  for (let power = Math.ceil(low); power <= high; power += step) ticks.push(10 ** power);
  return { of, ticks };
}

export const linear = (from, to, left, right) => (v) => left + ((v - from) / (to - from || 1)) * (right - left);

// Round moments for an axis, in ms; about `most` of them.
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000];
export function moments(from, to, most) {
  const step = 1000 * (STEPS.find((s) => (to - from) / (1000 * s) <= most) ?? STEPS[STEPS.length - 1]);
  const offset = new Date(from).getTimezoneOffset() * 60000;
  const found = [];
  for (let at = Math.ceil((from - offset) / step) * step + offset; at <= to; at += step) found.push(at);
  return { at: found, step };
}

// A line that keeps its value until the next one; nothing where there is none.
export function stairs(xs, ys) {
  let path = "";
  let pen = false;
  for (let i = 0; i < xs.length; i++) {
    if (ys[i] === null) {
      pen = false;
      continue;
    }
    const x = xs[i].toFixed(1);
    const y = ys[i].toFixed(1);
    path += pen ? `H${x}V${y}` : `M${x} ${y}`;
    pen = true;
  }
  return path;
}

// Labels that stand beside the ends of lines, pushed apart.
export function apart(labels, least, top, bottom) {
  const sorted = [...labels].sort((a, b) => a.y - b.y);
  for (let i = 1; i < sorted.length; i++) sorted[i].y = Math.max(sorted[i].y, sorted[i - 1].y + least);
  for (let i = sorted.length - 1, most = bottom; i >= 0; i--, most -= least) sorted[i].y = Math.max(top, Math.min(sorted[i].y, most));
  return sorted;
}

export function nearest(sorted, value) {
  let low = 0;
  let high = sorted.length - 1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (sorted[middle] < value) low = middle;
    else high = middle;
  }
  return value - sorted[low] < sorted[high] - value ? low : high;
}
