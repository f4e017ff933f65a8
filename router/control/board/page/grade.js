// People grade answers, one at a time, by keyboard, and are never told which arm gave one.

import { html, useEffect, useRef, useState } from "./vendor/preact.js";
import { once } from "./dialogs.js";
import { Field } from "./forms.js";
import { ask, known } from "./live.js";
import { State } from "./parts.js";
import { count, plain } from "./words.js";

const GRADES = ["useless", "poor", "fair", "good", "as good as can be"];
const valueOf = (key) => (key - 1) / (GRADES.length - 1);
const keyOf = (grade) => Math.round(grade * (GRADES.length - 1)) + 1;

export function Grade({ place }) {
  if (!known.overview) return html`<p class="empty" aria-busy="true">Asking control</p>`;
  if (!known.me.may.includes("grade"))
    return html`<section class="empty"><h1>Grade answers</h1><p>Grading takes an operator.${known.me.name && ` ${known.me.name} is ${known.me.role}.`}</p></section>`;
  return place.id ? html`<${Sitting} key=${place.id} id=${place.id} />` : html`<${Choose} />`;
}

function Choose() {
  const lines = known.overview.rollouts;
  return html`<h1>Grade answers</h1>
    <p class="lead after">What people say of an answer is what judges are measured against. Of which rollout?</p>
    ${!lines.length && html`<p class="empty">No rollout yet.</p>`}
    <ol class="list">${lines.map((line) => html`<li key=${line.rollout_id}><a href=${`#/grade/${encodeURIComponent(line.rollout_id)}`}><b>${line.rollout_id}</b><span>${line.candidate} against ${line.base}</span><${State} verdict=${line.verdict} /></a></li>`)}</ol>`;
}

function Sitting({ id }) {
  const [name, setName] = useState(known.me.name || localStorage.getItem("belay-name") || "");
  const [ready, begin] = useState(Boolean(name));
  if (ready) return html`<${Cases} id=${id} name=${name} />`;
  const go = (event) => {
    event.preventDefault();
    if (!name.trim()) return;
    localStorage.setItem("belay-name", name.trim());
    begin(true);
  };
  return html`<h1>Grade answers of ${id}</h1>
    <form class="panel narrow" onSubmit=${go}><${Field} name="grader" label="Your name" autocomplete="name" required maxlength="100" value=${name} onInput=${setName} hint="A grade is somebody's: it is recorded with it." />
    <div class="buttons"><button type="submit" class="primary">Begin</button></div></form>`;
}

function Cases({ id, name }) {
  // Keys come faster than the page is drawn: what they act on is kept here, not in what was drawn last.
  const now = useRef({ one: null, before: null, note: "", busy: false }).current;
  const [, draw] = useState(0);
  const keep = (change) => (Object.assign(now, change), draw((n) => n + 1));
  const [wrong, blame] = useState("");
  const [said, say] = useState("");
  const [done, add] = useState(0);
  const heading = useRef(null);
  const at = `rollouts/${encodeURIComponent(id)}/review`;
  const who = known.me.name ? "" : `?actor=${encodeURIComponent(name)}`;
  const next = () => ask(`${at}${who}`).then((one) => (keep({ one, note: "" }), blame("")), (error) => blame(error.message));
  useEffect(() => (next(), undefined), [id]);
  async function grade(key) {
    const { one, note } = now;
    if (!one?.case || now.busy) return;
    now.busy = true;
    try {
      await ask(`${at}/${encodeURIComponent(one.case)}`, { grade: valueOf(key), note, actor: known.me.name ? null : name }, once());
      say(`${GRADES[key - 1]}, recorded`);
      add((n) => n + (one.again ? 0 : 1));
      keep({ before: { ...one, grade: valueOf(key), note, again: true } });
      await next();
      heading.current?.focus({ preventScroll: true });
      scrollTo(0, 0);
    } catch (error) {
      blame(error.message);
    }
    now.busy = false;
  }
  function back() {
    if (!now.before || now.busy) return;
    keep({ one: now.before, note: now.before.note, before: null });
    say("The one before; another grade takes the place of the first.");
  }
  useEffect(() => {
    const pressed = (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
      const typing = event.target.matches?.("input, textarea, select");
      if (typing) return void (event.key === "Escape" && event.target.blur());
      if (/^[1-5]$/.test(event.key)) grade(Number(event.key));
      else if (event.key === "b") back();
      else if (event.key === "n") document.getElementById("field-note")?.focus();
      else return;
      event.preventDefault();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, []);
  const { one, before, note } = now;
  return html`
    <nav class="crumbs" aria-label="Where you are"><a href="#/grade">Grade</a><span aria-hidden="true">/</span><span aria-current="page">${id}</span></nav>
    <h1 ref=${heading} tabindex="-1">${one?.case ? plain(one.capability) : "Grade answers"}</h1>
    <p class="lead after"><b>${one ? count(one.left) : "–"}</b> answers wait for you at most, you graded <b>${count(done)}</b> now, people have graded <b>${one ? count(one.graded_pairs) : "–"}</b> pairs whole. Graded as ${name}.</p>
    <p class="hidden" role="status">${said}</p>
    ${wrong && html`<p class="banner bad" role="alert">${wrong} <button type="button" onClick=${next}>Try again</button></p>`}
    ${!one && !wrong && html`<p class="empty" aria-busy="true">Looking for answers</p>`}
    ${one && !one.case && html`<p class="empty">None now. Shown are requests that both arms answered and that were scored, while the log holds their texts. <button type="button" onClick=${next}>Look again</button></p>`}
    ${one?.case && html`<${Case} ...${{ one, note, setNote: (typed) => keep({ note: typed }), grade, back: before && back }} />`}
    <${Effect} id=${id} />
  `;
}

function Case({ one, note, setNote, grade, back }) {
  return html`
    <section aria-labelledby="asked"><h2 id="asked">What was asked</h2>
      ${one.messages.map((message) => html`<div class="said"><b>${message.role}</b><p>${message.content}</p></div>`)}</section>
    <section aria-labelledby="given"><h2 id="given">The answer</h2>
      <article class="answer blind"><p class="text">${one.answer}</p></article></section>
    <section class="keys" aria-label="Your grade">
      <div class="grades">${GRADES.map((word, n) => html`<button key=${n} type="button" aria-pressed=${one.again && keyOf(one.grade) === n + 1 ? "true" : undefined} onClick=${() => grade(n + 1)}><kbd>${n + 1}</kbd>${word}</button>`)}</div>
      <${Field} name="note" label="A note, kept with the grade" maxlength="500" value=${note} onInput=${setNote} wide=${true} />
      <p class="note"><kbd>1</kbd> to <kbd>5</kbd> grade, <kbd>n</kbd> writes a note and <kbd>Esc</kbd> leaves it, ${back ? html`<kbd>b</kbd> <button type="button" class="link" onClick=${back}>goes back to the one before</button>` : html`<kbd>b</kbd> goes back to the one before`}. No answer is skipped: whether it is might depend on its arm.</p>
    </section>`;
}

// What the grades do in this rollout.
function Effect({ id }) {
  const [rollout, set] = useState(null);
  useEffect(() => {
    ask(`api/rollouts/${encodeURIComponent(id)}`).then(set, () => {});
  }, [id]);
  if (!rollout) return null;
  const graded = rollout.agreements.filter((one) => one.graded);
  return html`<section aria-labelledby="does"><h2 id="does">What grades do</h2>
    <p class="lead">${
      rollout.people
        ? "They are part of this rollout's evidence: what people confirm may roll it back, also where its judge may only hold, and a judge that errs more than its threshold allows for is refuted. It takes both answers of a pair by one person."
        : "This rollout was started without people's grades in its evidence: they measure its judges, and calibrate the next draft. It takes both answers of a pair by one person."
    }</p>
    ${graded.length > 0 && html`<ul class="plainly">${graded.map((one) => html`<li key=${one.capability}><b>${plain(one.capability)}</b>: ${count(one.graded)} graded pairs${one.off === null ? "" : `, the judge's gap is off by ${(100 * one.off).toFixed(0)} points`}${one.refuted ? ", refuted" : ""}</li>`)}</ul>`}
  </section>`;
}
