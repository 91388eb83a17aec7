// Entry point. Every module makes markup quicker that works without it, and none needs another to
// run. What a page does not have, or nobody has pressed yet, is not fetched.
import "./elements/requests.js";
import "./elements/hotkeys.js";
import "./elements/panes.js";
import "./elements/live.js";

// When a page has settled.
const CALM_MS = 1000;

// Fetched when the page has one.
const PRESENT = {
  "ticket-list": "ticket-list",
  "#thread": "thread",
  "reply-composer": "reply-composer",
  "sla-clock": "sla-clock",
  "local-time": "local-time",
  "form[data-passkey]": "passkeys",
  "mail-frame": "mail-frame",
  ".error-summary, form[data-guard], [data-show-when], [data-reveal], [data-own-zone], .dropzone": "forms",
};

// Fetched when one is pressed for the first time; the press is then repeated.
const PRESSED = {
  "[popovertarget]": "menu",
  ":is(a, button)[data-open]": "dialog",
  "[data-confirm]": "confirm",
  "[data-copy]": "copy",
  "button[data-pref], input[data-pref], [data-ask-notify]": "prefs",
};

function upgrade() {
  for (const [selector, name] of Object.entries(PRESENT)) {
    if (!document.querySelector(selector)) continue;
    delete PRESENT[selector];
    import(`./elements/${name}.js`);
  }
  if (document.querySelector(".toast")) import("./lazy/toast.js");
}
upgrade();
// What says that the server is away has to be here before it is.
setTimeout(() => import("./lazy/toast.js"), CALM_MS);
document.addEventListener("htmx:after:swap", upgrade);

document.addEventListener("click", async (event) => {
  const { target } = event;
  const missing = Object.keys(PRESSED).filter((selector) => target.closest?.(selector));
  if (!missing.length || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  const names = missing.map((selector) => PRESSED[selector]);
  for (const selector of missing) delete PRESSED[selector];
  // Without its module a press still does what the markup says.
  await Promise.allSettled(names.map((name) => import(`./lazy/${name}.js`)));
  target.closest("button, a, input, summary, label, form")?.click();
}, { capture: true });

document.addEventListener("toast", async ({ detail }) => (await import("./lazy/toast.js")).show(detail));
document.addEventListener("dialog:close", () => document.querySelector("dialog:modal")?.close());
document.addEventListener("htmx:after:settle", async ({ target }) => {
  if (target.matches?.("dialog[data-show]")) (await import("./lazy/dialog.js")).show(target);
});
