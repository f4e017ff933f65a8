// Figures and times as people read them. Minus is worse, everywhere.

const EN = "en-GB";
const whole = new Intl.NumberFormat(EN);
const cents = new Intl.NumberFormat(EN, { minimumFractionDigits: 2, maximumFractionDigits: 2 });

export const plain = (name) => name.replace(/^guardrail:/, "").replaceAll(/[_:]/g, " ");
export const count = (n) => whole.format(n);
export const money = (n) => (n > 0 && n < 0.01 ? "under 0.01" : cents.format(n));
export const percent = (share, digits = 0) => `${(100 * share).toFixed(digits)}%`;

export const onRoute = (line) => (line.route === "default" ? "" : ` on ${line.route}`);

export function points(change, digits = 0) {
  const text = Math.abs(100 * change).toFixed(digits);
  const sign = Number(text) === 0 ? "±" : change < 0 ? "−" : "+";
  return `${sign}${text}`;
}

export function evidence(value) {
  if (value === null || value === undefined) return "–";
  if (value >= 1e6) return "over a million";
  if (value >= 100) return whole.format(Math.round(value));
  return value >= 10 ? value.toFixed(0) : value.toFixed(value >= 1 ? 1 : 2);
}

// A duration as latencies are read: 84 ms, 1.24 s, 12.3 s.
export function took(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 999.5) return `${ms.toFixed(ms > 0 && ms < 10 ? 1 : 0)} ms`;
  return ms < 100000 ? `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s` : span(ms);
}

export function span(ms) {
  const s = Math.max(0, ms / 1000);
  if (s < 100) return `${Math.round(s)} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 129600) return `${Math.round(s / 3600)} h`;
  return `${Math.round(s / 86400)} days`;
}

// A time that is reckoned, in hours and days; nobody waits for it to the second.
export function long(s) {
  if (s < 90) return `${Math.max(1, Math.round(s))} s`;
  if (s < 5400) return `${Math.round(s / 60)} min`;
  if (s < 172800) return `${(s / 3600).toFixed(s < 36000 ? 1 : 0)} h`;
  return s < 86400 * 1000 ? `${count(Math.round(s / 86400))} days` : "years";
}

export const ago = (iso, at) => (iso ? `${span(at - Date.parse(iso))} ago` : "never");

const clock = new Intl.DateTimeFormat(EN, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(EN, { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat(EN, { dateStyle: "medium", timeStyle: "medium" });
const seconds = new Intl.DateTimeFormat(EN, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
export const second = (ms) => seconds.format(ms);
export const hour = (ms) => clock.format(ms);
export const date = (ms) => day.format(ms);
export const moment = (ms) => full.format(ms);
export const when = (ms, at) => (at - ms < 64800000 ? hour(ms) : `${date(ms)}, ${hour(ms)}`);

export const ACTIONS = {
  rollback: { label: "Roll back", title: "Put all traffic back on base", verb: "Roll back to base" },
  pause: { label: "Pause", title: "Pause the rollout", verb: "Pause" },
  resume: { label: "Resume", title: "Go on with the rollout", verb: "Resume" },
  promote: { label: "Promote", title: "Go one stage on", verb: "Promote" },
  close: { label: "Close", title: "Close the rollout", verb: "Close" },
};
export const ARMS = { control: "base", candidate: "candidate" };
export const OUTCOMES = {
  complete: "answered",
  fallback: "base instead",
  failed: "failed",
  refused: "refused",
  client_error: "client's error",
  client_left: "client left",
  cut: "router stopped",
};
export const DECIDED = { roll_back: "Roll back", promote: "Promote", hold: "Hold" };
export const POLICIES = {
  full: "Texts are kept as they were, without tokens and keys.",
  redacted: "Texts are kept without addresses, numbers and other personal data; brackets stand where they were.",
  hashed: "Only digests of the texts are kept: what was said cannot be seen here or anywhere.",
};
