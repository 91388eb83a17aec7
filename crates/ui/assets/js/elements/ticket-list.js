// <ticket-list data-view data-url data-keys>: rows are links, and this makes them quick to reach.
// j and k move, Enter opens (a link does that by itself), x ticks, u comes back.
import { inbox, onThread, openRef } from "../lib/inbox.js";
import { areOn, isForPage } from "./hotkeys.js";

const refOf = (link) => link?.closest(".conv").dataset.ref;

customElements.define("ticket-list", class extends HTMLElement {
  #life;
  #updates;
  #opening;
  #neighbour;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    const listen = (type, handler) => document.addEventListener(type, handler, { signal });
    listen("keydown", (event) => this.#onKey(event));
    listen("ticket:leave", ({ detail }) => this.#leave(detail));
    listen("htmx:before:swap", () => this.#rememberNeighbour());
    listen("htmx:after:swap", () => this.#mark());
    onThread((pane) => this.#opened(pane), { signal });
    this.addEventListener("click", ({ target }) => (this.#opening = refOf(target.closest(".conv__who"))), { signal });
    this.#awaitPicks();
    this.#mark();
  }

  disconnectedCallback() {
    this.#life.abort();
    this.#updates = undefined;
  }

  /** What keeps the rows up to date; fetched when the first ticket changes. */
  async updates() {
    const { ListUpdates } = await import("../lazy/list-updates.js");
    return (this.#updates ??= new ListUpdates(this, this.#life.signal));
  }

  /** The first tick fetches what else ticking can do, and is handed to it. */
  #awaitPicks() {
    const { signal } = this.#life;
    const first = new AbortController();
    const start = async (event, isOurs) => {
      if (!isOurs) return;
      first.abort();
      const { Picks } = await import("../lazy/picks.js");
      const picks = new Picks(this, signal);
      if (event.type === "change") picks.changed(event.target);
      else picks.pressed(event);
    };
    const options = { signal: AbortSignal.any([signal, first.signal]) };
    const pane = this.closest(".pane") ?? this;
    pane.addEventListener("change", (event) => start(event, event.target.matches(".conv__pick")), options);
    pane.addEventListener("click", (event) => start(event, event.target.closest("[data-pick-mode]")), options);
  }

  get #links() {
    return [...this.querySelectorAll(".conv__who")];
  }

  #linkOf(ref) {
    return this.#links.find((link) => ref && refOf(link) === ref);
  }

  #onKey(event) {
    if (!isForPage(event)) return;
    const isInside = this.contains(document.activeElement);
    const step = { ...(areOn() && { j: 1, k: -1 }), ...(isInside && { ArrowDown: 1, ArrowUp: -1 }) }[event.key];
    if (step) this.#move(step);
    else if (areOn() && event.key === "u") this.#back();
    else if (areOn() && event.key === "x") this.#pick();
    else return;
    event.preventDefault();
  }

  #move(step) {
    const links = this.#links;
    const focused = links.findIndex((link) => link.closest(".conv").contains(document.activeElement));
    const at = focused < 0 ? links.findIndex((link) => link.ariaCurrent === "true") : focused;
    const link = links[Math.min(links.length - 1, Math.max(0, at + step))];
    link?.focus();
    link?.closest(".conv").scrollIntoView({ block: "nearest" });
  }

  #back() {
    if (inbox()?.dataset.pane === "thread") document.querySelector("[data-pane-back]")?.click();
    (this.#linkOf(openRef()) ?? this.#links[0])?.focus();
  }

  #pick() {
    const row = document.activeElement.closest(".conv") ?? this.#linkOf(openRef())?.closest(".conv");
    row?.querySelector(".conv__pick")?.click();
  }

  /** The open ticket is marked in the list, whoever swapped what. */
  #mark() {
    for (const link of this.#links) link.ariaCurrent = refOf(link) === openRef() ? "true" : null;
  }

  #opened(pane) {
    this.#mark();
    // Focus follows into the thread only for those who came from the list.
    if (this.#opening === pane.dataset.ref) pane.querySelector("[data-thread-title]")?.focus({ preventScroll: true });
    this.#opening = undefined;
    this.#markRead(pane.dataset.ref);
  }

  /** Whoever opened a ticket has seen it. */
  #markRead(ref) {
    const row = this.#linkOf(ref)?.closest(".conv");
    row?.removeAttribute("data-unread");
    row?.querySelector(".conv__mark")?.replaceChildren();
  }

  /** Keeps which row comes after the open one, for when the open one is gone from the list. */
  #rememberNeighbour() {
    const links = this.#links;
    const at = links.findIndex((link) => refOf(link) === openRef());
    if (at >= 0) this.#neighbour = { ref: openRef(), next: refOf(links[at + 1] ?? links[at - 1]) };
  }

  #leave({ ref, next }) {
    if (ref !== openRef()) return;
    this.#rememberNeighbour();
    const link = next && this.#neighbour?.ref === ref && this.#linkOf(this.#neighbour.next);
    if (!link) return this.#back();
    link.click();
    this.#opening = undefined;
    link.focus();
  }
});
