// A rollout drafted and started: chosen in a form, read, and asked about once.

import { html, useEffect, useRef, useState } from "./vendor/preact.js";
import { Modal, once } from "./dialogs.js";
import { faults, Field, goToFault } from "./forms.js";
import { ask, known } from "./live.js";
import { percent, plain } from "./words.js";

const FIELDS = ["candidate", "model", "route", "stages", "advance", "shadow", "override_reason", "actor"];

export function Start() {
  const [choices, set] = useState(null);
  const [form, fill] = useState(null);
  const [wrong, blame] = useState({});
  const [draft, drafted] = useState(null);
  const box = useRef(null);
  const may = known.me.may.includes("start");
  useEffect(() => {
    if (!may) return;
    ask("api/drafts").then(
      (told) => {
        set(told);
        fill({ candidate: told.candidates.find((one) => one.audit === "pass")?.name ?? told.candidates[0]?.name ?? "", model: told.model, route: "default", stages: told.stages, advance: told.advance, shadow: String(100 * told.shadow), people: false, override_reason: "", actor: localStorage.getItem("belay-name") ?? "" });
      },
      (error) => set({ wrong: error.message }),
    );
  }, [may]);
  const head = html`<h1>Start a rollout</h1>`;
  if (!known.overview) return html`${head}<p class="empty" aria-busy="true">Asking control</p>`;
  if (!may) return html`${head}<p class="empty">Starting a rollout takes an operator.${known.me.name && ` ${known.me.name} is ${known.me.role}.`}</p>`;
  if (choices?.wrong) return html`${head}<p class="empty">${choices.wrong}</p>`;
  if (!form) return html`${head}<p class="empty" aria-busy="true">Looking what there is</p>`;
  if (!choices.candidates.length) return html`${head}<p class="empty">There is no candidate yet: <code>belay train</code> makes one, <code>belay adopt</code> takes one in.</p>`;
  const change = (name) => (value) => (fill({ ...form, [name]: value }), drafted(null));
  const chosen = choices.candidates.find((one) => one.name === form.candidate);
  const send = async (event) => {
    event.preventDefault();
    localStorage.setItem("belay-name", form.actor);
    try {
      drafted(await ask("api/drafts", { ...form, shadow: Number(form.shadow.replace(",", ".")) / 100 }));
      blame({});
    } catch (error) {
      drafted(null);
      blame(faults(error, FIELDS));
      goToFault(box.current);
    }
  };
  const busy = choices.busy[form.route];
  return html`
    ${head}
    <p class="lead after">A draft changes nothing: it is shown first, and started by a second step.</p>
    <form ref=${box} class="panel" onSubmit=${send} novalidate>
      <div class="fields">
        <${Field} name="candidate" label="Candidate" value=${form.candidate} onInput=${change("candidate")} wrong=${wrong.candidate}>
          ${choices.candidates.map((one) => html`<option key=${one.name} value=${one.name}>${one.name} (${one.audit ? `audit: ${one.audit}` : "no audit"})</option>`)}<//>
        <${Field} name="model" label="Clients ask for" value=${form.model} onInput=${change("model")} wrong=${wrong.model} />
        <${Field} name="route" label="Route" value=${form.route} onInput=${change("route")} wrong=${wrong.route} hint=${busy ? `${busy} is live there` : "`default` where the router has no others"} />
        <${Field} name="stages" label="Stages" value=${form.stages} onInput=${change("stages")} wrong=${wrong.stages} hint="share:units until the next, as 5%:2000,25%:4000,50%" />
        <${Field} name="advance" label="Promoted" value=${form.advance} onInput=${change("advance")} wrong=${wrong.advance}>
          <option value="evidence">by proof that nothing dropped</option><option value="schedule">as units settle</option><option value="manual">by hand</option><//>
        <${Field} name="shadow" label="Answered by both arms, %" inputmode="decimal" value=${form.shadow} onInput=${change("shadow")} wrong=${wrong.shadow} />
        ${chosen && chosen.audit !== "pass" && html`<${Field} name="override_reason" label="Why it may go out although its audit did not pass" maxlength="500" wide=${true} value=${form.override_reason} onInput=${change("override_reason")} wrong=${wrong.override_reason} hint="Recorded with your name; it takes an admin." />`}
        ${!known.me.name && html`<${Field} name="actor" label="Your name" autocomplete="name" maxlength="500" value=${form.actor} onInput=${change("actor")} wrong=${wrong.actor} />`}
      </div>
      <label class="check"><input type="checkbox" checked=${form.people} onChange=${(e) => change("people")(e.target.checked)} />What people grade while it runs is part of its evidence</label>
      ${wrong[""] && html`<p class="wrong" role="alert">${wrong[""]}</p>`}
      <div class="buttons"><button type="submit" class=${draft ? "" : "primary"}>Draft it</button></div>
    </form>
    ${draft && html`<${Draft} draft=${draft} actor=${form.actor} />`}
  `;
}

function Draft({ draft, actor }) {
  const [asked, askOnce] = useState(false);
  const { spec, terms } = draft;
  const units = (stage) => (stage.min_units ? ` for ${stage.min_units} units at least` : "");
  return html`<section aria-labelledby="draft">
    <h2 id="draft">${spec.rollout_id}: ${spec.candidate.name} against ${spec.base.name}</h2>
    <dl class="rows">
      <dt>stages</dt><dd>${spec.stages.map((stage) => `${percent(stage.share)}${units(stage)}`).join(", then ")}</dd>
      <dt>watched</dt><dd>${spec.capabilities.filter((one) => one.watched).map((one) => plain(one.name)).join(", ") || "nothing"}</dd>
      <dt>audit</dt><dd>${spec.audit.verdict}${spec.audit.override_by ? `, overridden by ${spec.audit.override_by}: ${spec.audit.override_reason}` : ""}</dd>
      <dt>a false rollback</dt><dd>happens to at most one of ${Math.round(1 / spec.alpha)} rollouts in which nothing dropped</dd>
    </dl>
    <h3 class="terms">Its terms</h3>
    <ul class="plainly">${terms.map((line) => html`<li>${line}</li>`)}</ul>
    <div class="buttons gap"><a class="button" href="#/plan">Plan with other numbers</a><button type="button" class="primary" onClick=${() => askOnce(true)}>Start it</button></div>
    ${asked && html`<${Sure} spec=${spec} actor=${actor} onDone=${() => askOnce(false)} />`}
  </section>`;
}

function Sure({ spec, actor, onDone }) {
  const [reason, say] = useState("");
  const [wrong, blame] = useState("");
  const [busy, be] = useState(false);
  const [key] = useState(once);
  const first = spec.stages[0].share;
  async function send(event, close) {
    event.preventDefault();
    if (busy) return;
    be(true);
    try {
      const query = new URLSearchParams({ reason, ...(known.me.name || !actor ? {} : { actor }) });
      await ask(`rollouts?${query}`, spec, key);
      close();
      location.hash = `#/rollouts/${encodeURIComponent(spec.rollout_id)}`;
    } catch (error) {
      blame(error.message);
    }
    be(false);
  }
  return html`<${Modal} title=${`Start ${spec.rollout_id}`} onDone=${onDone}>
    ${(close) => html`<form method="dialog" onSubmit=${(event) => send(event, close)}>
      <p>${first > 0 ? `From the next request on ${percent(first)} of subjects are answered by ${spec.candidate.name}.` : `${spec.candidate.name} answers nobody yet: it is asked in shadow.`} A drop that is found puts everybody back on ${spec.base.name}.</p>
      <label>Why<input required maxlength="500" autofocus value=${reason} onInput=${(e) => say(e.target.value)} /></label>
      ${wrong && html`<p class="wrong" role="alert">${wrong}</p>`}
      <div class="buttons"><button type="button" onClick=${close}>Cancel</button><button type="submit" class="primary" disabled=${busy}>Start it</button></div>
    </form>`}
  <//>`;
}
