// data-open="id" opens a <dialog>, data-close closes it, and so does a press beside it. A dialog
// with data-show opens when htmx has put something into it; the event dialog:close shuts it.
import { on } from "../lib/dom.js";

/** Opens a dialog, or goes on with it; a field marked data-lookup fetches its list. */
export async function show(dialog) {
  if (!dialog || dialog.open) return;
  dialog.showModal();
  // Where there is something to choose or write, that is where one begins, not at the way out.
  const inside = (what) => dialog.querySelector(`.dialog__body ${what}`);
  if (!dialog.querySelector("[autofocus]")) (inside("input:checked") ?? inside(":is(select, input:not([type=hidden]))"))?.focus();
  const lookup = dialog.querySelector("[data-lookup]");
  if (!lookup) return;
  lookup.value = "";
  await import("./palette.js");
  htmx.trigger(lookup, "lookup");
}

// A link does the same without this script, and still opens in another tab when asked to.
on("click", ":is(a, button)[data-open]", ({ dataset }, event) => {
  const dialog = document.getElementById(dataset.open);
  if (!dialog || event.metaKey || event.ctrlKey) return;
  event.preventDefault();
  show(dialog);
});
on("click", "[data-close]", (button) => button.closest("dialog")?.close());

document.addEventListener("click", ({ target, clientX: x, clientY: y }) => {
  if (!target.matches?.("dialog:modal")) return;
  const box = target.getBoundingClientRect();
  if (y < box.top || y > box.bottom || x < box.left || x > box.right) target.close();
});
