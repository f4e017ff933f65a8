// The page: which view the address asks for, and what stands around every view.

import { html, render, useEffect, useRef, useState } from "./vendor/preact.js";
import { Dialog, TokenDialog } from "./dialogs.js";
import { DecisionView } from "./decision.js";
import { Grade } from "./grade.js";
import { follow, known, subscribe, token } from "./live.js";
import { Nav } from "./nav.js";
import { Overview } from "./overview.js";
import { Banners, Freshness } from "./parts.js";
import { Plan } from "./plan.js";
import { RolloutView } from "./rollout.js";
import { Start } from "./start.js";

// `#/kind/id/part/inner?query`; an empty `kind`, and one that nobody knows, is the overview.
function route() {
  const [path, query] = location.hash.slice(1).split("?");
  const [, kind = "", id, part, inner] = path.split("/").map(plainly);
  return { kind, id, part, inner, query: new URLSearchParams(query) };
}

function plainly(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a % that somebody typed
  }
}

const rolloutOf = (place) => (place.kind === "rollouts" ? place.id || null : null);

const TITLES = { live: "Live interactions", interactions: "Interaction", grade: "Grade answers", plan: "Plan a rollout", start: "Start a rollout", audits: "Audits", trainings: "Trainings" };

// Pages that are fetched when somebody opens them: a rollout at the moment of its rollback waits for none of them.
const LATER = {
  InteractionView: () => import("./interaction.js"),
  TailView: () => import("./tail.js"),
  AuditsView: () => import("./reports.js"),
  TrainingsView: () => import("./reports.js"),
};

function Later({ view, ...props }) {
  const [found, set] = useState(null);
  useEffect(() => {
    let wanted = true;
    LATER[view]().then((part) => wanted && set({ view: part[view] }), () => wanted && set({ wrong: true }));
    return () => (wanted = false);
  }, [view]);
  if (found?.wrong) return html`<p class="empty">This page cannot be fetched: control does not answer. Load it again.</p>`;
  return found ? html`<${found.view} ...${props} />` : html`<p class="empty" aria-busy="true">Opening</p>`;
}

function useLive() {
  const [, again] = useState(0);
  useEffect(() => {
    let due = 0;
    const draw = () => {
      due = due || requestAnimationFrame(() => ((due = 0), again((n) => n + 1)));
    };
    const stop = subscribe(draw);
    const clock = setInterval(draw, 1000); // ages grow by themselves
    return () => (stop(), clearInterval(clock));
  }, []);
}

function Page() {
  useLive();
  const [place, go] = useState(route());
  const [asked, act] = useState(null);
  const [wantsToken, setWantsToken] = useState(false);
  const main = useRef(null);
  useEffect(() => {
    const moved = () => {
      go(route());
      scrollTo(0, 0);
      main.current?.focus({ preventScroll: true });
    };
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  const name = rolloutOf(place);
  useEffect(() => follow(name), [name]);

  const rollout = name ? known.rollouts.get(name) : null;
  const line = known.overview?.rollouts.find((one) => one.rollout_id === name) ?? rollout?.line;
  document.title = TITLES[place.kind] ? `${TITLES[place.kind]} · Belay` : line ? `${line.rollout_id}: ${line.verdict.name} · Belay` : "Belay";
  const onAct = (of, action) => act({ line: of, action });
  return html`
    <a class="skip" href="#main" onClick=${(e) => (e.preventDefault(), main.current?.focus())}>To the content</a>
    <header class="top">
      <a class="brand" href="#/"><img src="page/icon.svg" alt="" width="26" height="26" />Belay</a>
      <${Nav} kind=${place.kind} />
      <${Freshness} />
      ${(token.get() || known.refused) &&
      html`<button type="button" class="quiet" onClick=${() => setWantsToken(true)}>Token</button>`}
    </header>
    <main id="main" tabindex="-1" ref=${main}>
      <${Banners} onToken=${() => setWantsToken(true)} />
      ${view(place, rollout, line, onAct)}
    </main>
    ${asked && html`<${Dialog} ...${asked} onDone=${() => act(null)} />`}
    ${wantsToken && html`<${TokenDialog} onDone=${() => setWantsToken(false)} />`}
  `;
}

function view(place, rollout, line, onAct) {
  const one = place.kind === "interactions" ? place.id : place.part === "interactions" ? place.inner : null;
  if (one) return html`<${Later} view="InteractionView" id=${one} key=${one} />`;
  if (place.kind === "live" || place.kind === "interactions") return html`<${Later} view="TailView" query=${place.query} key="tail" />`;
  if (place.kind === "grade") return html`<${Grade} place=${place} />`;
  if (place.kind === "plan") return html`<${Plan} query=${place.query} />`;
  if (place.kind === "start") return html`<${Start} />`;
  if (place.kind === "audits") return html`<${Later} view="AuditsView" key="audits" />`;
  if (place.kind === "trainings") return html`<${Later} view="TrainingsView" key="trainings" />`;
  if (!rolloutOf(place)) return html`<${Overview} overview=${known.overview} onAct=${onAct} />`;
  if (rollout?.unknown)
    return html`<section class="empty"><h1>No such rollout</h1><p>${rollout.unknown}</p><a href="#/">All rollouts</a></section>`;
  if (!rollout) return html`<p class="empty" aria-busy="true">Reading ${place.id}</p>`;
  const props = { rollout, line: line ?? rollout.line, onAct };
  if (place.part === "decisions") return html`<${DecisionView} ...${props} id=${place.inner} key=${place.inner} />`;
  return html`<${RolloutView} ...${props} />`;
}

render(html`<${Page} />`, document.getElementById("page"));
