// What is asked before anything changes: once, for a reason; for a token where control wants one.

import { html, useEffect, useRef, useState } from "./vendor/preact.js";
import { ask, known, Refused, token } from "./live.js";
import { ACTIONS, percent } from "./words.js";

export function Modal({ title, onDone, children }) {
  const box = useRef(null);
  useEffect(() => {
    const before = document.activeElement;
    box.current.showModal();
    return () => before?.focus?.();
  }, []);
  return html`<dialog ref=${box} onClose=${onDone} aria-labelledby="dialog-title">
    <h2 id="dialog-title">${title}</h2>
    ${children(() => box.current.close())}
  </dialog>`;
}

const effect = (line, action) =>
  ({
    rollback: `${percent(line.share)} of subjects have ${line.candidate} now. From the next request on everybody is answered by ${line.base}.`,
    promote: "More subjects get the candidate.",
    close: "The candidate arm is emptied. Do this once base is served by the promoted model.",
    pause: "Nothing is promoted until somebody resumes it; evidence may still roll it back.",
    resume: "The rollout goes on where it was paused.",
  })[action];

// A click that is sent twice is one change. (randomUUID is there on https and on this machine only.)
export const once = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

export function Dialog({ line, action, onDone }) {
  const [reason, setReason] = useState("");
  const [actor, setActor] = useState(localStorage.getItem("belay-name") ?? "");
  const [secret, setSecret] = useState("");
  const [wants, setWants] = useState(false);
  const [wrong, setWrong] = useState("");
  const [busy, setBusy] = useState(false);
  const [seen] = useState(line.revision); // what is changed is what was seen when the dialog opened
  const [key] = useState(once);
  const word = ACTIONS[action];
  async function send(event, close) {
    event.preventDefault();
    if (busy) return;
    setBusy(true);
    setWrong("");
    localStorage.setItem("belay-name", actor);
    if (secret) token.set(secret);
    const body = { actor: actor || null, reason, revision: seen };
    try {
      await ask(`rollouts/${encodeURIComponent(line.rollout_id)}/${action}`, body, key);
      close();
    } catch (error) {
      if (error instanceof Refused) setWants(true);
      setWrong(error.message);
    }
    setBusy(false);
  }
  return html`<${Modal} title=${`${word.title}: ${line.rollout_id}`} onDone=${onDone}>
    ${(close) => html`<form method="dialog" onSubmit=${(event) => send(event, close)}>
      <p>${effect(line, action)}</p>
      <label>Why<input required maxlength="500" autofocus value=${reason} onInput=${(e) => setReason(e.target.value)} /></label>
      ${!known.me.name && html`<label>Your name<input required maxlength="500" autocomplete="name" value=${actor} onInput=${(e) => setActor(e.target.value)} /></label>`}
      ${wants && html`<${Secret} value=${secret} onInput=${setSecret} />`}
      ${wrong && html`<p class="wrong" role="alert">${wrong}</p>`}
      <div class="buttons">
        <button type="button" onClick=${close}>Cancel</button>
        <button type="submit" class=${action === "rollback" ? "danger" : "primary"} disabled=${busy}>${word.verb}</button>
      </div>
    </form>`}
  <//>`;
}

export function TokenDialog({ onDone }) {
  const [secret, setSecret] = useState("");
  const send = (event, close) => {
    event.preventDefault();
    token.set(secret);
    close();
  };
  return html`<${Modal} title="Token" onDone=${onDone}>
    ${(close) => html`<form method="dialog" onSubmit=${(event) => send(event, close)}>
      <p>It goes to control with every request, and is forgotten when this tab is closed.</p>
      <${Secret} value=${secret} onInput=${setSecret} />
      <div class="buttons">
        <button type="button" onClick=${() => (token.set(""), close())}>Forget it</button>
        <button type="submit" class="primary">Use it</button>
      </div>
    </form>`}
  <//>`;
}

const Secret = ({ value, onInput }) =>
  html`<label>Token<input type="password" autocomplete="off" value=${value} onInput=${(e) => onInput(e.target.value)} /></label>`;
