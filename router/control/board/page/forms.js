// What forms are made of: a field with its label, its hint and what is wrong with it, beside it.

import { html } from "./vendor/preact.js";

export function Field({ label, name, value, onInput, hint, wrong, wide, children, ...rest }) {
  const id = `field-${name}`;
  const about = [hint && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(" ") || undefined;
  const own = { id, name, "aria-describedby": about, "aria-invalid": wrong ? "true" : undefined };
  return html`<div class=${`field ${wide ? "wide" : ""}`}>
    <label for=${id}>${label}</label>
    ${children
      ? html`<select ...${own} value=${value} onChange=${(e) => onInput(e.target.value)}>${children}</select>`
      : html`<input ...${own} ...${rest} value=${value} onInput=${(e) => onInput(e.target.value)} />`}
    ${hint && html`<p class="note" id=${`${id}-hint`}>${hint}</p>`}
    ${wrong && html`<p class="wrong" id=${`${id}-wrong`} role="alert">${wrong}</p>`}
  </div>`;
}

// What is wrong, by field; what belongs to none of `names` under the empty name.
export function faults(error, names) {
  const found = {};
  for (const [name, why] of Object.entries(error.fields ?? {})) {
    const of = names.includes(name) ? name : "";
    found[of] = of ? why : [found[of], `${name}: ${why}`].filter(Boolean).join("; ");
  }
  return Object.keys(found).length ? found : { "": error.message };
}

// Go to the first field with something wrong once it is drawn.
export const goToFault = (form) => setTimeout(() => form?.querySelector("[aria-invalid]")?.focus(), 0);
