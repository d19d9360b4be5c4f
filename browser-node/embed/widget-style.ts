/** The look of the element before it is started. It takes the font of the site and no more of it. */

export const WIDGET_STYLE = `
:host {
  --ground: #ffffff;
  --line: #dddbd1;
  --ink: #1b211d;
  --soft: #59625c;
  --accent: #17694f;
  --on-accent: #ffffff;
  --focus: #1d5fd1;
  display: block;
  max-width: 26rem;
  color-scheme: light dark;
}
@media (prefers-color-scheme: dark) {
  :host {
    --ground: #191f1c;
    --line: #2f3833;
    --ink: #e8ece9;
    --soft: #a2aea7;
    --accent: #6fcfa9;
    --on-accent: #06241a;
    --focus: #8ab4ff;
  }
}
:host([hidden]) { display: none; }
.box {
  display: grid;
  gap: 0.75rem;
  padding: 1.25rem;
  font: 1rem/1.5 system-ui, sans-serif;
  color: var(--ink);
  background: var(--ground);
  border: 1px solid var(--line);
  border-radius: 16px;
}
h2 { margin: 0; font-size: 1.0625rem; font-weight: 650; }
p { margin: 0; color: var(--soft); overflow-wrap: anywhere; }
button {
  min-height: 3rem;
  padding: 0.5rem 1.25rem;
  font: inherit;
  font-weight: 650;
  color: var(--on-accent);
  cursor: pointer;
  background: var(--accent);
  border: 0;
  border-radius: 999px;
}
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; }
iframe {
  display: block;
  width: 100%;
  height: 26rem;
  color-scheme: light dark;
  border: 1px solid var(--line);
  border-radius: 16px;
}
`
