// Shortcuts are set in the markup: data-hotkey="e", or data-hotkey="g i" for one key after another.
// Single keys rest while somebody types, and for those who switched them off (WCAG 2.1.4).
import { isShown } from "../lib/dom.js";
import { onThread, openRef } from "../lib/inbox.js";

const TYPING = "input:not([type=checkbox], [type=radio], [type=range], [type=button], [type=submit]), textarea, select, [contenteditable]";
const BETWEEN_KEYS_MS = 900;
let before = "";
let timer;
let afterOpening;

/** What the key means, also on keyboards without Latin letters. */
function keyOf({ key, code }) {
  if (/^[ -~]$/.test(key)) return key;
  return code.match(/^Key([A-Z])$/)?.[1].toLowerCase() ?? key;
}

/** Whether a key pressed now is for the page. */
export function isForPage(event) {
  const modified = (event.metaKey || event.ctrlKey || event.altKey) && !event.getModifierState("AltGraph");
  return !(event.defaultPrevented || event.isComposing || modified || event.target.closest?.(TYPING) || document.querySelector("dialog[open]"));
}

export const areOn = () => document.documentElement.dataset.hotkeys !== "off";

// What waits in a closed menu has a visible way to it, and so counts as visible.
function isUsable(control) {
  if (control.matches(":disabled, [aria-disabled=true]")) return false;
  const menu = control.closest("[popover]:not(:popover-open)");
  return isShown(menu?.parentElement ?? control.closest("reply-composer") ?? control);
}

function act(control) {
  const composer = control.closest("reply-composer");
  if (composer && control.matches("[type=radio]")) customElements.whenDefined("reply-composer").then(() => composer.write(control.value));
  else if (control.matches("input:not([type=checkbox], [type=radio]), textarea, select")) control.focus();
  else {
    control.focus({ preventScroll: true });
    control.click();
  }
  return true;
}

// The keys that do something to a ticket.
const keysOf = (row) => row.closest("ticket-list").dataset.keys?.split(" ") ?? [];

/** Presses the control that has this shortcut. Says whether there was one. */
export function press(keys) {
  const row = document.activeElement?.closest(".conv[data-ref]");
  const isElsewhere = row && row.dataset.ref !== openRef();
  const controls = [...document.querySelectorAll(`[data-hotkey="${CSS.escape(keys)}"]`)].filter(isUsable);
  // Ticked rows come first: what a key does to a ticket is done to them, or not at all.
  const ticked = [...document.querySelectorAll(".conv__pick:checked")].find(isShown);
  if (ticked) {
    const together = controls.find((found) => found.closest(".bulkbar"));
    if (together) return act(together);
    if (keysOf(ticked).includes(keys)) return true;
  }
  const control = controls.find((found) => !isElsewhere || !found.closest("#thread, #panel"));
  if (control) return act(control);
  // The row in focus is not the open ticket: open it first.
  if (!isElsewhere || !keysOf(row).includes(keys)) return false;
  afterOpening = { ref: row.dataset.ref, keys };
  row.querySelector(".conv__who").click();
  return true;
}

onThread(({ dataset }) => {
  if (afterOpening?.ref === dataset.ref) press(afterOpening.keys);
  afterOpening = undefined;
});

function movePane(step) {
  const panes = [...document.querySelectorAll(".pane")].filter(isShown);
  const here = panes.findIndex((pane) => pane.contains(document.activeElement));
  const pane = panes[here < 0 ? 0 : here + step];
  const first = ["a[aria-current=true]", ".conv__who", "[tabindex='0']"].map((s) => pane?.querySelector(s)).find(Boolean);
  first?.focus();
  return Boolean(first);
}

addEventListener("keydown", (event) => {
  const key = keyOf(event);
  if ((event.metaKey || event.ctrlKey) && !event.altKey && key.toLowerCase() === "k") {
    const palette = document.getElementById("palette");
    if (!palette) return;
    event.preventDefault();
    if (!document.querySelector("dialog[open]")) import("../lazy/dialog.js").then(({ show }) => show(palette));
    return;
  }
  if (!isForPage(event) || !areOn() || key.length > 1 || key === " ") return;

  const keys = before ? `${before} ${key}` : key;
  clearTimeout(timer);
  before = "";
  if (document.querySelector(`[data-hotkey^="${CSS.escape(keys)} "]`)) {
    before = keys;
    timer = setTimeout(() => (before = ""), BETWEEN_KEYS_MS);
    return;
  }
  const step = { "[": -1, "]": 1 }[keys];
  if (step ? movePane(step) : press(keys)) event.preventDefault();
});
