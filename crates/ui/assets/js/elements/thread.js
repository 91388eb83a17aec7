// The thread: starts at its end, stays there while one reads there, and says when something came
// below. What has been on the screen counts as read: it goes along when a reply is sent.
import { fetchInto, on, send } from "../lib/dom.js";
import { ADDING, onThread, openRef, thread } from "../lib/inbox.js";

const NEAR_END_PX = 48;

const log = () => thread()?.querySelector("[role=log]");
const entries = () => document.getElementById("entries");
const lastEntry = () => [...(entries()?.querySelectorAll("[data-entry]") ?? [])].at(-1)?.dataset.entry ?? "";
const below = () => thread()?.querySelector("[data-new-below]");

function isAtEnd() {
  const box = log();
  return !box || box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END_PX;
}

function goToEnd() {
  const box = log();
  if (box) box.scrollTop = box.scrollHeight;
  noteSeen();
}

function noteSeen() {
  if (document.hidden || !isAtEnd()) return;
  below()?.setAttribute("hidden", "");
  const seen = document.getElementById("last-entry");
  if (seen && lastEntry()) seen.value = lastEntry();
  tellRead();
}

let read;
/** Says once of each latest entry that it was on the screen: asking for a page marks nothing. */
function tellRead() {
  const ref = openRef();
  const latest = `${ref} ${lastEntry()}`;
  if (!ref || read === latest) return;
  read = latest;
  document.getElementById(`conv-${ref}`)?.removeAttribute("data-unread");
  send("POST", `${thread().dataset.url}/presence`, { activity: "read" }).catch(() => (read = undefined));
}

let isFetching = false;
let missed;

/** Asks for what is new in the open thread; the answer brings its own places. */
export async function fetchEntries(touch) {
  const box = entries();
  if (!box) return;
  if (isFetching) return void (missed = touch);
  isFetching = true;
  const query = new URLSearchParams({ after: lastEntry(), touch });
  await fetchInto(box, `${thread().dataset.url}/entries?${query}`);
  isFetching = false;
  if (missed) fetchEntries(missed);
  missed = undefined;
}

/** Looks at the whole thread again, without touching what is being written. */
export function reloadEntries() {
  const box = entries();
  if (box) fetchInto(box, thread().dataset.url, { swap: "outerMorph", select: "#entries" });
}

// What is on the page already does not come a second time, however it was sent twice.
function dropDoubles(tasks) {
  for (const { fragment, target, swapSpec } of tasks) {
    if (!fragment || (!ADDING.has(swapSpec.style) && !target?.matches?.("[data-more]"))) continue;
    for (const piece of fragment.querySelectorAll("[data-entry], .conv[id]")) {
      const there = piece.id && document.getElementById(piece.id);
      if (there && !tasks.some((task) => task.swapSpec.style === "delete" && task.target === there)) piece.remove();
    }
  }
}

let before;
document.addEventListener("htmx:before:swap", ({ detail: { ctx, tasks } }) => {
  dropDoubles(tasks);
  const isOwn = Boolean(ctx.sourceElement?.closest?.("reply-composer"));
  before = { pane: thread(), last: lastEntry(), stays: isOwn || isAtEnd() };
});

document.addEventListener("htmx:after:swap", () => {
  if (!before || before.pane !== thread() || before.last === lastEntry()) return;
  if (before.stays) goToEnd();
  else below()?.removeAttribute("hidden");
});

function arrive() {
  if (location.hash.startsWith("#e-") && document.getElementById(location.hash.slice(1))) return;
  goToEnd();
}

onThread(arrive);
arrive();
on("click", "[data-new-below]", goToEnd);
document.addEventListener("scroll", ({ target }) => target === log() && noteSeen(), { capture: true, passive: true });
document.addEventListener("visibilitychange", noteSeen);
