// Every request shows that it runs, runs once, and says so when it failed.
import { toast } from "../lib/dom.js";

// Answers that say no and bring something to show where they were asked for.
const REFUSALS = [409, 422];

// htmx puts every answer into the page; of those that failed only a refusal belongs there.
htmx.config.noSwap = [204, 304, "5xx", ...Array.from({ length: 100 }, (_, n) => 400 + n).filter((status) => !REFUSALS.includes(status))];

const isBusy = (element) => element.ariaBusy === "true";

/** Marks a form and what submitted it, or a button that asks by itself. */
function mark({ sourceElement, request }, isRunning) {
  for (const part of [sourceElement, request.submitter]) if (part?.matches("form, button")) part.ariaBusy = isRunning || null;
}

document.addEventListener("htmx:before:request", ({ detail: { ctx } }) => mark(ctx, "true"));
document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => mark(ctx));

// A second press while the first is on its way changes nothing.
document.addEventListener("submit", (event) => {
  if (!isBusy(event.target)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, { capture: true });

// A plain form is busy until the next page is here.
document.addEventListener("submit", ({ target, submitter, defaultPrevented }) => {
  if (!defaultPrevented && target.method === "post" && !target.target) mark({ sourceElement: target, request: { submitter } }, "true");
});
addEventListener("pageshow", ({ persisted }) => {
  if (persisted) for (const part of document.querySelectorAll("form, button")) part.ariaBusy = null;
});

// What nobody pressed fails in silence: the line about the connection says enough.
function complain(which, { sourceElement, sourceEvent, response, hx }) {
  const region = document.querySelector(".toasts");
  if (!region || (!sourceEvent?.type && sourceElement !== region)) return;
  if (!REFUSALS.includes(response?.status) && !hx?.trigger && !hx?.redirect) toast({ text: region.dataset[which], tone: "bad" });
}
document.addEventListener("htmx:error", ({ detail: { ctx } }) => ctx && complain("unreachable", ctx));
document.addEventListener("htmx:response:error", ({ detail: { ctx } }) => complain("failed", ctx));
