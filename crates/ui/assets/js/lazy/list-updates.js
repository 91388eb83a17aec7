// Brings changed tickets into the list: asks the server for their rows in one go, and holds back
// what would move the rows about while somebody is among them.
import { counted, fetchInto, fromTemplate } from "../lib/dom.js";
import { ADDING } from "../lib/inbox.js";

const GATHER_MS = 250;
const AT_ONCE_MAX = 50;
const LEFT_MS = 600;

const canHover = matchMedia("(hover: hover)");

export class ListUpdates {
  #list;
  #changed = new Set();
  #held = new Set();
  #mayMove = false;
  #isBusy = false;
  #timer;
  #leaving;

  constructor(list, signal) {
    this.#list = list;
    document.addEventListener("htmx:before:swap", ({ detail }) => {
      if (detail.ctx.sourceElement === list) this.#holdBack(detail.tasks);
    }, { signal });
    list.addEventListener("click", ({ target }) => {
      if (target.closest("[data-show-new]")) this.#showHeld();
    }, { signal });
    for (const type of ["pointerleave", "focusout"]) list.addEventListener(type, () => this.#left(), { signal });
    signal.addEventListener("abort", () => {
      clearTimeout(this.#timer);
      clearTimeout(this.#leaving);
    });
  }

  /** A ticket is not what it was. */
  changed(ref) {
    this.#changed.add(ref);
    this.#timer ??= setTimeout(() => this.#fetchRows(), GATHER_MS);
  }

  /** Something was missed: looks at the whole list again. */
  reload() {
    this.#changed.clear();
    this.#clearHeld();
    return fetchInto(this.#list, this.#list.dataset.url, { swap: "outerMorph", select: "ticket-list" });
  }

  get #isOccupied() {
    return (canHover.matches && this.#list.matches(":hover")) || this.#list.contains(document.activeElement);
  }

  async #fetchRows() {
    this.#timer = undefined;
    if (this.#isBusy || !this.#changed.size) return;
    const refs = [...this.#changed];
    this.#changed.clear();
    if (refs.length > AT_ONCE_MAX) return this.reload();

    const url = new URL(this.#list.dataset.url, location.href);
    url.pathname += "/rows";
    url.searchParams.set("refs", refs);
    url.searchParams.set("shown", this.#shown());
    this.#isBusy = true;
    await fetchInto(this.#list, url.pathname + url.search);
    this.#isBusy = false;
    this.#mayMove = false;
    if (this.#changed.size) this.#timer = setTimeout(() => this.#fetchRows(), GATHER_MS);
  }

  /** What is on the screen, group by group: `overdue:RC-1,RC-2;hour:RC-3`. */
  #shown() {
    const refsIn = (group) => [...group.querySelectorAll(".conv[data-ref]")].map((row) => row.dataset.ref);
    return [...this.#list.querySelectorAll(".conv-group")].map((group) => `${group.id.replace("group-", "")}:${refsIn(group)}`).join(";");
  }

  /** Takes out of the swap what would shift rows; what a row says is brought up to date in its place. */
  #holdBack(tasks) {
    if (this.#mayMove || !this.#isOccupied) return;
    const adding = tasks.filter(({ swapSpec, fragment }) => ADDING.has(swapSpec.style) && fragment.querySelector(".conv"));
    if (!adding.length) return;
    const inPlace = [];
    for (const row of adding.flatMap(({ fragment }) => [...fragment.querySelectorAll(".conv[data-ref]")])) {
      this.#held.add(row.dataset.ref);
      const target = document.getElementById(row.id);
      if (!target) continue;
      const fragment = document.createDocumentFragment();
      fragment.append(row);
      inPlace.push({ type: "partial", fragment, target, swapSpec: { style: "outerMorph" }, sourceElement: this.#list });
    }
    const kept = tasks.filter((task) => !adding.includes(task) && !(task.swapSpec.style === "delete" && this.#held.has(task.target?.dataset.ref)));
    tasks.splice(0, tasks.length, ...kept, ...inPlace);
    this.#announce();
  }

  #announce() {
    let banner = this.#list.querySelector(".live-banner");
    if (!banner) {
      banner = fromTemplate("t-live-banner");
      if (!banner) return;
      this.#list.prepend(banner);
    }
    const button = banner.querySelector("[data-show-new]");
    button.textContent = counted(button, this.#held.size);
  }

  #showHeld() {
    const hadFocus = this.#list.querySelector(".live-banner :focus-visible");
    for (const ref of this.#held) this.#changed.add(ref);
    this.#clearHeld();
    this.#mayMove = true;
    clearTimeout(this.#timer);
    this.#fetchRows();
    if (hadFocus) this.#list.querySelector(".conv__who")?.focus();
  }

  #clearHeld() {
    this.#held.clear();
    this.#list.querySelector(".live-banner")?.remove();
  }

  #left() {
    clearTimeout(this.#leaving);
    if (this.#held.size) this.#leaving = setTimeout(() => this.#held.size && !this.#isOccupied && this.#showHeld(), LEFT_MS);
  }
}
