// Interactions as they come, narrowed by what somebody wants to see, stopped when somebody wants to read.

import { html, useEffect, useRef, useState } from "./vendor/preact.js";
import { ask, known, listen, now, Refused } from "./live.js";
import { Mark } from "./parts.js";
import { ago, ARMS, count, OUTCOMES, percent, plain, second, took } from "./words.js";

const MOST = 200; // rows that are kept and drawn
const FIELDS = ["rollout", "route", "capability", "arm", "outcome", "low", "high"];
const LIVE = new Set(["shadow", "ramping", "paused", "promoted"]);
const TONES = { fallback: "bad", failed: "bad", refused: "warn", client_error: "warn", client_left: "wait", cut: "wait" };

const read = (query) => Object.fromEntries(FIELDS.map((name) => [name, query.get(name) ?? ""]));
const written = (wanted) => new URLSearchParams(Object.entries(wanted).filter(([, value]) => value !== "")).toString();

export function TailView({ query }) {
  const [wanted, want] = useState(read(query));
  const asked = written(wanted);
  const tail = useTail(asked);
  const latest = useRef(wanted);
  const change = (news) => {
    // Two fields may change before anything is drawn: one loses focus since another has it.
    const next = (latest.current = { ...latest.current, ...news });
    const text = written(next);
    history.replaceState(null, "", `#/live${text ? `?${text}` : ""}`);
    want(next);
  };
  return html`
    <div class="titled">
      <h1>Interactions</h1>
      <${Pace} tail=${tail} />
    </div>
    <${Find} />
    <${Filters} wanted=${wanted} onChange=${change} asked=${asked} />
    ${tail.wrong && html`<p class="banner warn" role="status">${tail.wrong} Trying again.</p>`}
    ${tail.away && html`<p class="banner warn" role="status">Nothing is read: ${tail.away}.</p>`}
    <${Rows} tail=${tail} narrowed=${asked !== ""} />
  `;
}

// --- what comes --------------------------------------------------------------------------------------

// Rows of a filter, newest first. While it is paused what comes is counted and kept, and shown when it goes on.
function useTail(asked) {
  const [, again] = useState(0);
  const [tail] = useState(() => ({ rows: [], fresh: [], missed: 0, paused: false, reading: null, away: null, wrong: null, begun: false }));
  tail.pause = () => {
    tail.paused = !tail.paused;
    if (!tail.paused) show(tail);
    again((n) => n + 1);
  };
  useEffect(() => {
    const mine = new AbortController();
    Object.assign(tail, { rows: [], fresh: [], missed: 0, begun: false, wrong: null });
    again((n) => n + 1);
    run(tail, asked, mine.signal, () => again((n) => n + 1));
    return () => mine.abort();
  }, [asked]);
  return tail;
}

async function run(tail, asked, signal, changed) {
  while (!signal.aborted) {
    try {
      await listen(`api/tail/stream${asked ? `?${asked}` : ""}`, signal, async () => {}, (frames) => {
        frames.forEach(([, told]) => take(tail, told));
        changed();
      });
    } catch (error) {
      if (signal.aborted || error instanceof Refused) return;
      tail.wrong = `${error.message[0].toUpperCase()}${error.message.slice(1)}.`;
    }
    changed();
    await new Promise((done) => setTimeout(done, 2000));
  }
}

function take(tail, told) {
  Object.assign(tail, { reading: told.reading, away: told.away, wrong: null, begun: true });
  tail.missed += told.left_out;
  tail.fresh = joined(tail.fresh, told.rows);
  if (!tail.paused) show(tail);
}

function show(tail) {
  tail.rows = joined(tail.rows, tail.fresh);
  tail.fresh = [];
}

const OF_SCORE = ["capability", "tagged", "value", "other_value", "unscored", "judge", "scored_at"];

// What is known of a row and its score: control may have forgotten the one when the other comes.
const both = (row, newer) =>
  newer.outcome === null && row.outcome !== null ? { ...row, ...Object.fromEntries(OF_SCORE.map((name) => [name, newer[name]])) } : newer;

// A row that is there already, its score having come, stays where it is.
export function joined(rows, news) {
  const by = new Map(news.map((row) => [row.interaction_id, row]));
  const kept = rows.map((row) => {
    const newer = by.get(row.interaction_id);
    by.delete(row.interaction_id);
    return newer ? both(row, newer) : row;
  });
  return [...by.values(), ...kept].sort((a, b) => (a.at < b.at ? 1 : a.at > b.at ? -1 : 0)).slice(0, MOST);
}

// --- what is drawn -----------------------------------------------------------------------------------

function Pace({ tail }) {
  const { read = 0, skipped = 0, seconds = 0 } = tail.reading ?? {};
  const all = read + skipped;
  const sampled = skipped ? `; too many to read: ${percent(read / all, read < 0.1 * all ? 1 : 0)} of them are here` : "";
  const waiting = tail.fresh.filter((row) => !tail.rows.some((one) => one.interaction_id === row.interaction_id)).length;
  return html`<p class="pace">
    <span>${seconds >= 5 && html`<b>${count(Math.round((60 * all) / seconds))}</b> a minute${sampled}`}</span>
    ${tail.paused && html`<span role="status">Paused${waiting ? `, ${waiting === MOST ? `more than ${MOST}` : count(waiting)} new` : ""}</span>`}
    <button type="button" aria-pressed=${tail.paused} onClick=${tail.pause}>${tail.paused ? "Go on" : "Pause"}</button>
  </p>`;
}

function Find() {
  const open = (event) => {
    event.preventDefault();
    const id = new FormData(event.currentTarget).get("id").trim();
    if (id) location.hash = `#/interactions/${encodeURIComponent(id)}`;
  };
  return html`<form class="find" role="search" onSubmit=${open}>
    <label class="hidden" for="interaction-id">Interaction by its id</label>
    <input id="interaction-id" name="id" class="mono" autocomplete="off" spellcheck=${false} placeholder="Open one by its id (x-belay-interaction)" />
    <button type="submit">Open</button>
  </form>`;
}

function Filters({ wanted, onChange, asked }) {
  const lines = known.overview?.rollouts ?? [];
  const routes = [...new Set(lines.map((line) => line.route))];
  const names = useCapabilities(wanted.rollout);
  const place = wanted.route ? `route:${wanted.route}` : wanted.rollout;
  const go = (value) =>
    onChange(value.startsWith("route:") ? { route: value.slice(6), rollout: "" } : { route: "", rollout: value });
  const pick = (name) => (event) => onChange({ [name]: event.currentTarget.value });
  return html`<form class="filters" aria-label="Which interactions" onSubmit=${(event) => event.preventDefault()}>
    <label>Rollout<select value=${place} onChange=${(event) => go(event.currentTarget.value)}>
      <option value="">all</option>
      ${withOwn(lines.map((line) => line.rollout_id), wanted.rollout).map((id) => html`<option value=${id}>${id}</option>`)}
      ${routes.length > 1 && html`<optgroup label="By route">${routes.map((route) => html`<option value=${`route:${route}`}>${route}</option>`)}</optgroup>`}
    </select></label>
    <label>Capability<select value=${wanted.capability} onChange=${pick("capability")}>
      <option value="">all</option>
      ${withOwn(names, wanted.capability).map((name) => html`<option value=${name}>${plain(name)}</option>`)}
    </select></label>
    <label>Assigned to<select value=${wanted.arm} onChange=${pick("arm")}>
      <option value="">both</option>${Object.entries(ARMS).map(([arm, name]) => html`<option value=${arm}>${name}</option>`)}
    </select></label>
    <label>Outcome<select value=${wanted.outcome} onChange=${pick("outcome")}>
      <option value="">any</option>${Object.entries(OUTCOMES).map(([outcome, name]) => html`<option value=${outcome}>${name}</option>`)}
    </select></label>
    <fieldset><legend>Score</legend>
      <input type="number" min="0" max="1" step="0.05" inputmode="decimal" placeholder="0" aria-label="Score from" value=${wanted.low} onInput=${bound("low", onChange)} />
      <span aria-hidden="true">to</span>
      <input type="number" min="0" max="1" step="0.05" inputmode="decimal" placeholder="1" aria-label="Score to" value=${wanted.high} onInput=${bound("high", onChange)} />
    </fieldset>
    ${asked && html`<button type="button" class="quiet" onClick=${() => onChange(Object.fromEntries(FIELDS.map((name) => [name, ""])))}>Show all</button>`}
  </form>`;
}

// At each key: what is drawn anew twice a second must not undo what is being typed. What is out of range is not asked
// for, and the field says so itself.
const bound = (name, onChange) => (event) =>
  event.currentTarget.reportValidity() && onChange({ [name]: event.currentTarget.value });

const withOwn = (names, own) => (own && !names.includes(own) ? [...names, own] : names);

// The capabilities of the wanted rollout, or of those that run.
function useCapabilities(rollout) {
  const [names, set] = useState([]);
  const lines = known.overview?.rollouts ?? [];
  const of = rollout ? [rollout] : lines.filter((line) => LIVE.has(line.status)).slice(0, 8).map((line) => line.rollout_id);
  const key = of.join("\n");
  useEffect(() => {
    let wanted = true;
    Promise.all(of.map((id) => ask(`rollouts/${encodeURIComponent(id)}`).catch(() => null))).then((states) => {
      const all = states.filter(Boolean).flatMap((state) => state.spec.capabilities.map((one) => one.name));
      if (wanted) set(all.length ? [...new Set(all), "unknown"] : []);
    });
    return () => (wanted = false);
  }, [key]);
  return names;
}

function Rows({ tail, narrowed }) {
  if (!tail.rows.length)
    return html`<p class="empty" aria-busy=${!tail.begun}>${
      !tail.begun ? "Reading the newest ones" : narrowed ? "None of the newest interactions is like that. Whatever comes is shown as it comes." : "No interaction yet. Whatever is asked is shown as it comes."
    }</p>`;
  const several = new Set(tail.rows.map((row) => row.rollout_id)).size > 1;
  const texts = tail.rows.some((row) => row.preview !== null);
  const last = Date.parse(tail.rows[0].at);
  return html`<section aria-label="Interactions">
    ${now() - last > 60000 && html`<p class="note old"><${Mark} tone="wait" />The last one came ${ago(tail.rows[0].at, now())}.</p>`}
    <div class="scroll" tabindex="0" role="group" aria-label="Interactions, a table">
      <table class="tail">
        <thead><tr>
          <th scope="col">asked at</th>${several && html`<th scope="col" class="left">rollout</th>`}<th scope="col" class="left">assigned to</th>
          <th scope="col" class="left">capability</th><th scope="col">score</th><th scope="col" class="left">outcome</th>
          <th scope="col">first byte</th><th scope="col">answered in</th><th scope="col">tokens</th>${texts && html`<th scope="col" class="left">what was asked</th>`}
        </tr></thead>
        <tbody>${tail.rows.map((row) => html`<${Row} key=${row.interaction_id} row=${row} several=${several} texts=${texts} />`)}</tbody>
      </table>
    </div>
    <p class="note">The newest ${tail.rows.length === MOST ? `${MOST} that match` : "ones"}${tail.missed ? `; ${count(tail.missed)} more matched than a browser is told` : ""}.
      ${known.me.may.includes("texts") ? "" : " What was asked is shown to operators."}</p>
  </section>`;
}

function Row({ row, several, texts }) {
  const tone = TONES[row.outcome];
  return html`<tr>
    <th scope="row"><a href=${`#/interactions/${encodeURIComponent(row.interaction_id)}`}>${second(Date.parse(row.at))}</a></th>
    ${several && html`<td class="left of">${row.rollout_id}</td>`}
    <td class="left arm"><i class=${row.arm} aria-hidden="true" />${ARMS[row.arm]}${row.shadowed && html` <small>both asked</small>`}</td>
    <td class=${`left cap ${row.tagged ? "" : "guess"}`}>${row.capability ? plain(row.capability) : row.tagged ? "unknown" : "–"}</td>
    <td class="scored"><${Score} row=${row} /></td>
    <td class="left outcome">${row.outcome ? html`<span class=${tone ?? ""}>${tone && html`<${Mark} tone=${tone} />`}${OUTCOMES[row.outcome]}</span>` : "–"}${row.why && html` <small>${row.why}</small>`}</td>
    <td class="wide">${took(row.first_byte_ms)}</td><td class="total">${took(row.total_ms)}</td><td class="wide">${row.tokens === null ? "–" : count(row.tokens)}</td>
    ${texts && html`<td class="left preview">${row.preview}</td>`}
  </tr>`;
}

function Score({ row }) {
  if (row.value !== null)
    return html`<span class="score-bar" aria-hidden="true"><b style=${{ width: percent(row.value) }} /></span>${row.value.toFixed(2)}`;
  if (row.unscored) return html`<small>${plain(row.unscored)}</small>`;
  return row.judge ? "–" : html`<small>not yet</small>`;
}
