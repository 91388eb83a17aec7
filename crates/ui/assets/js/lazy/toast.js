// Toasts: the event `toast` with { text, undo, undoLabel, ms, tone }, and those that the server put
// into the region. Five seconds, ten with Undo, as long as somebody looks; errors stay until closed.
import { on } from "../lib/dom.js";

const SHORT_MS = 5000;
const LONG_MS = 10_000;
const AT_ONCE_MAX = 4;

const region = document.querySelector(".toasts");

function button(label, attributes) {
  const made = document.createElement("button");
  Object.assign(made, { type: "button", className: "btn btn--s", textContent: label });
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

/** Shows a toast. */
export function show({ text, undo, undoLabel, ms, tone }) {
  if (!region || !text) return;
  const { undoLabel: usual, close = "" } = region.dataset;
  const toast = document.createElement("div");
  toast.className = "toast";
  if (tone) toast.dataset.tone = tone;
  if (ms) toast.dataset.ms = ms;
  const words = document.createElement("span");
  words.textContent = text;
  toast.append(words);
  if (undo) toast.append(button(undoLabel ?? usual, { "data-undo": undo }));
  if (tone === "bad") toast.append(button("×", { "data-close-toast": "", "aria-label": close, class: "btn btn--s btn--icon" }));
  region.append(toast);
}

/** Lets a toast go after its time, which stands still under the pointer and the focus. */
function startTimer(toast) {
  if (toast.dataset.tone === "bad") return;
  let left = Number(toast.dataset.ms) || (toast.querySelector("[data-undo]") ? LONG_MS : SHORT_MS);
  let since;
  let timer;
  const run = () => {
    since = Date.now();
    timer = setTimeout(() => toast.remove(), left);
  };
  const pause = () => {
    clearTimeout(timer);
    left -= since ? Date.now() - since : 0;
    since = 0;
  };
  const goOn = () => since || toast.matches(":hover, :focus-within") || run();
  for (const type of ["pointerenter", "focusin"]) toast.addEventListener(type, pause);
  for (const type of ["pointerleave", "focusout"]) toast.addEventListener(type, () => setTimeout(goOn));
  const bar = document.createElement("i");
  bar.className = "toast__time";
  toast.style.setProperty("--ms", `${left}ms`);
  toast.append(bar);
  run();
}

if (region) {
  for (const toast of region.querySelectorAll(".toast")) startTimer(toast);
  new MutationObserver((changes) => {
    for (const toast of changes.flatMap(({ addedNodes }) => [...addedNodes])) if (toast.matches?.(".toast")) startTimer(toast);
    while (region.children.length > AT_ONCE_MAX) region.firstElementChild.remove();
  }).observe(region, { childList: true });
}

on("click", ".toast [data-undo]", (pressed, event) => {
  event.preventDefault();
  htmx.ajax("POST", pressed.dataset.undo, { source: region, target: region, swap: "none" });
  pressed.closest(".toast").remove();
});
on("click", "[data-close-toast]", (pressed) => pressed.closest(".toast").remove());
