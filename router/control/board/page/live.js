// What the page knows and how it comes: one stream, read with fetch so that a token can go with it, begun anew
// whenever it breaks. Whoever shows something subscribes.

const SILENT_MS = 10000; // the stream beats every second
const OLD_MS = 5000;

export const known = {
  overview: null,
  rollouts: new Map(),
  heard: 0, // when the stream last said anything (this clock)
  skew: 0, // control's clock minus this one, ms
  trouble: null, // why the stream is not there
  refused: false, // a token is wanted
  me: { name: "", may: [] },
};

const listeners = new Set();
export const subscribe = (listener) => {
  listeners.add(listener);
  return () => listeners.delete(listener);
};
const changed = () => listeners.forEach((listener) => listener());

export const token = {
  get: () => sessionStorage.getItem("belay-token") || "",
  set(value) {
    if (value) sessionStorage.setItem("belay-token", value);
    else sessionStorage.removeItem("belay-token");
    known.refused = false;
    changed();
    restart();
  },
};

export const now = () => Date.now() + known.skew;
export const age = () => (known.heard ? Date.now() - known.heard : null);
export const isOld = () => known.trouble !== null || (known.heard > 0 && age() > OLD_MS);

export class Refused extends Error {}

// A JSON answer. Throws Refused where control wants (another) token, Error with control's own words otherwise.
export async function ask(path, body, key) {
  const headers = { accept: "application/json" };
  if (key) headers["idempotency-key"] = key;
  if (token.get()) headers.authorization = `Bearer ${token.get()}`;
  if (body) headers["content-type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
  } catch {
    throw new Error("Control does not answer.");
  }
  const told = await answer.json().catch(() => ({}));
  if (answer.ok) return told;
  const words = [told.error || explain(told.detail) || `Control answered ${answer.status}.`, told.hint];
  const text = words.filter(Boolean).join(" ");
  const error = answer.status === 401 || answer.status === 403 ? new Refused(text) : new Error(text);
  error.fields = told.fields ?? byField(told.detail);
  throw error;
}

// The first mistake of each field, in control's own words.
function byField(detail) {
  const found = {};
  for (const one of Array.isArray(detail) ? detail : []) {
    const [name, ...rest] = (one.loc || []).slice(1);
    const inside = rest.length ? `${typeof rest[0] === "number" ? `number ${rest[0] + 1}, ${rest.slice(1).join(" ")}` : rest.join(" ")}: ` : "";
    found[name] ??= `${inside}${one.msg}`;
  }
  return found;
}

const explain = (detail) =>
  Array.isArray(detail) ? detail.map((one) => `${(one.loc || []).slice(1).join(".")}: ${one.msg}`).join("; ") : detail;

// --- the stream --------------------------------------------------------------------------------------

let wanted = null; // the rollout whose changes are streamed besides the overview
let running = null;

export function follow(rollout) {
  if (running && wanted === rollout) return;
  wanted = rollout;
  restart();
}

function restart() {
  if (running) running.abort();
  running = new AbortController();
  run(running);
}

async function run(mine) {
  let wait = 500;
  while (running === mine) {
    try {
      await read(mine, () => (wait = 500));
      known.trouble = "the stream ended";
    } catch (error) {
      if (running !== mine) return;
      if (error instanceof Refused) {
        known.refused = true;
        changed();
        return;
      }
      known.trouble = error.message;
    }
    changed();
    await new Promise((done) => setTimeout(done, wait));
    wait = Math.min(2 * wait, 5000);
  }
}

async function read(mine, onFirst) {
  const query = wanted ? `?rollout=${encodeURIComponent(wanted)}` : "";
  const opened = async () => {
    known.me = await ask("api/me");
    if (wanted) await whole(wanted);
  };
  await listen(`api/stream${query}`, mine.signal, opened, (frames) => {
    frames.forEach(take);
    known.heard = Date.now();
    known.trouble = null;
    onFirst();
    changed();
  });
}

// Reads server-sent events until they end; `onFrames` has [kind, data] of each. Throws Refused, and Error in plain
// words where control does not answer, or is silent for too long.
export async function listen(path, signal, opened, onFrames) {
  const headers = token.get() ? { authorization: `Bearer ${token.get()}` } : {};
  const silent = new AbortController();
  signal.addEventListener("abort", () => silent.abort());
  let watchdog = setTimeout(() => silent.abort(), SILENT_MS);
  try {
    const answer = await fetch(path, { headers, signal: silent.signal }).catch(() => {
      throw new Error("control does not answer");
    });
    if (answer.status === 401 || answer.status === 403) throw new Refused("a token is wanted");
    if (!answer.ok) throw new Error((await answer.json().catch(() => ({}))).error || `control answered ${answer.status}`);
    await opened();
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read().catch(() => {
        throw new Error("control does not answer");
      });
      if (done) return;
      clearTimeout(watchdog);
      watchdog = setTimeout(() => silent.abort(), SILENT_MS);
      const frames = (rest + value).split("\n\n");
      rest = frames.pop();
      onFrames(frames.map(parsed));
    }
  } finally {
    clearTimeout(watchdog);
  }
}

const parsed = (frame) => [/^event: (.*)$/m.exec(frame)?.[1], JSON.parse(/^data: (.*)$/m.exec(frame)?.[1] ?? "null")];

function take([kind, data]) {
  if (kind === "beat") known.skew = Date.parse(data.now) - Date.now();
  else if (kind === "overview") known.overview = data;
  else if (kind === "rollout" && data) merge(data);
}

// The whole path comes once, then its last moments one by one.
async function whole(rollout) {
  try {
    known.rollouts.set(rollout, await ask(`api/rollouts/${encodeURIComponent(rollout)}`));
  } catch (error) {
    if (error instanceof Refused) throw error;
    known.rollouts.set(rollout, { unknown: error.message });
  }
  changed();
}

function merge(news) {
  const before = known.rollouts.get(news.line.rollout_id);
  if (!before || before.unknown) {
    known.rollouts.set(news.line.rollout_id, news);
    return;
  }
  known.rollouts.set(news.line.rollout_id, { ...news, path: joined(before.path, news.path) });
}

export function joined(path, last) {
  if (!last.at.length || (path.at.length && last.at[0] <= path.at[path.at.length - 1])) return path;
  const length = path.at.length;
  const evidence = {};
  for (const name of new Set([...Object.keys(path.evidence), ...Object.keys(last.evidence)]))
    evidence[name] = [...(path.evidence[name] ?? Array(length).fill(null)), ...(last.evidence[name] ?? [null])];
  const traffic = {};
  const counted = [path.traffic ?? {}, last.traffic ?? {}];
  for (const name of new Set(counted.flatMap(Object.keys)))
    traffic[name] = [...(counted[0][name] ?? Array(length).fill(null)), ...(counted[1][name] ?? [null])];
  const both = (name) => [...path[name], ...last[name]];
  return { at: both("at"), settled: both("settled"), share: both("share"), combined: both("combined"), evidence, traffic };
}
