// Where things are on the inbox page.

export const inbox = () => document.getElementById("inbox");
export const list = () => document.querySelector("ticket-list");
export const thread = () => document.getElementById("thread");

/** The reference of the open ticket, if one is open. */
export const openRef = () => thread()?.dataset.ref;

/** Calls back with the thread pane each time another one was swapped in. */
export function onThread(handler, options) {
  document.addEventListener("htmx:after:settle", ({ target }) => {
    // htmx wires the new content right after this event.
    if (target.id === "thread") setTimeout(() => target.isConnected && handler(target));
  }, options);
}

/** Swap styles that add to the page instead of changing what is there. */
export const ADDING = new Set(["beforebegin", "afterend", "afterbegin", "beforeend"]);
