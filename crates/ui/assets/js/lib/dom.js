// Small things that several modules need. Words that people read never stand in a script: the
// page brings them as data attributes, with {slots} for what changes.

const KEPT_ALIVE_MAX = 60_000;

/** Calls the handler for every event of a type that happens inside a matching element. */
export function on(type, selector, handler, options) {
  document.addEventListener(type, (event) => {
    const element = event.target.closest?.(selector);
    if (element) handler(element, event);
  }, options);
}

export const isShown = (element) => element.checkVisibility({ visibilityProperty: true });

export const language = () => document.documentElement.lang || "en";

export const fill = (text = "", slots) => text.replace(/\{(\w+)\}/g, (slot, name) => slots[name] ?? slot);

/** The text for a number: data-one, data-few … data-other, as the language counts. */
export function counted({ dataset }, n) {
  const form = new Intl.PluralRules(language()).select(n);
  return fill(dataset[form] ?? dataset.other, { n: n.toLocaleString(language()) });
}

export const fromTemplate = (id) => document.getElementById(id)?.content.firstElementChild?.cloneNode(true);

/** A request of our own; the server answers it as it answers htmx, without a redirect. */
export function send(method, url, fields) {
  const body = new URLSearchParams(fields);
  // What outlives the page may only be so long.
  const keepalive = String(body).length < KEPT_ALIVE_MAX;
  return fetch(url, { method, body, headers: { "HX-Request": "true" }, keepalive });
}

/** Fetches what has its own places in the page, or goes to the target. */
export const fetchInto = (target, url, swap = { swap: "none" }) => htmx.ajax("GET", url, { source: target, target, ...swap });

export const toast = (detail) => document.body.dispatchEvent(new CustomEvent("toast", { detail, bubbles: true }));
