// The bar between the pages. A page is a line of this table: its first word in the address, and what it is called.

import { html } from "./vendor/preact.js";

export const PAGES = [
  { kind: "", label: "Rollouts", inside: ["rollouts"] },
  { kind: "live", label: "Interactions", inside: ["interactions"] },
  { kind: "audits", label: "Audits", inside: [] },
  { kind: "trainings", label: "Trainings", inside: [] },
  { kind: "grade", label: "Grade", inside: [] },
  { kind: "plan", label: "Plan", inside: [] },
  { kind: "start", label: "Start", inside: [] },
];

const isHere = (page, kind) => page.kind === kind || page.inside.includes(kind);

export const Nav = ({ kind }) =>
  PAGES.length > 1 &&
  html`<nav class="pages" aria-label="Pages">
    ${PAGES.map((page) => {
      const current = page.kind === kind ? "page" : isHere(page, kind) ? "true" : undefined;
      return html`<a key=${page.kind} href=${`#/${page.kind}`} aria-current=${current}>${page.label}</a>`;
    })}
  </nav>`;
