// Ticking rows: one, a range with Shift, all, or with a finger after "select" was pressed. The
// boxes belong to the form of the bar by their form attribute, so the form sends them by itself.
import { counted } from "../lib/dom.js";

export class Picks {
  #list;
  #last;

  constructor(list, signal) {
    this.#list = list;
    const { pane } = this;
    pane.addEventListener("change", ({ target }) => this.changed(target), { signal });
    pane.addEventListener("click", (event) => this.pressed(event), { signal, capture: true });
    document.addEventListener("htmx:finally:request", ({ detail: { ctx } }) => {
      const control = ctx.sourceElement;
      if (ctx.response?.status < 400 && (control.form ?? control).matches(".bulkbar")) this.#clear();
    }, { signal });
    document.addEventListener("htmx:after:swap", () => this.#count(), { signal });
  }

  get pane() {
    return this.#list.closest(".pane");
  }

  get #all() {
    return [...this.#list.querySelectorAll(".conv__pick")];
  }

  changed(target) {
    if (target.matches("[data-pick-all]")) for (const pick of this.#all) pick.checked = target.checked;
    if (target.matches("[data-pick-all], .conv__pick")) this.#count();
  }

  pressed(event) {
    const { target, shiftKey } = event;
    const mode = target.closest("[data-pick-mode]");
    const row = target.closest(".conv");
    if (mode) {
      const isOn = this.pane.toggleAttribute("data-picking");
      mode.ariaPressed = String(isOn);
      if (!isOn) this.#clear();
    } else if (target.matches(".conv__pick")) this.#pickTo(target, shiftKey);
    else if (row && this.pane.hasAttribute("data-picking")) {
      event.preventDefault();
      event.stopPropagation();
      row.querySelector(".conv__pick").click();
    }
  }

  #pickTo(pick, isRange) {
    const all = this.#all;
    const [from, to] = [all.indexOf(this.#last), all.indexOf(pick)];
    if (isRange && from >= 0) for (const other of all.slice(Math.min(from, to), Math.max(from, to))) other.checked = pick.checked;
    this.#last = pick;
  }

  #clear() {
    for (const pick of this.#all) pick.checked = false;
    this.#count();
  }

  #count() {
    const all = this.#all;
    const n = all.filter(({ checked }) => checked).length;
    const every = this.pane.querySelector("[data-pick-all]");
    const text = this.pane.querySelector("[data-picked]");
    if (every) Object.assign(every, { checked: n > 0 && n === all.length, indeterminate: n > 0 && n < all.length });
    if (text) text.textContent = counted(text, n);
  }
}
