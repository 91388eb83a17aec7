// <mail-frame>: the height of a mail that cannot be measured, because its frame may do nothing.
// A press on the grip goes to the next size, a drag and the arrow keys set any. The offer to show
// pictures goes once it is taken.

const SIZES = ["s", "m", "l", "xl"];
const STEP_PX = 40;
const HEIGHT_PX_MIN = 80;
const CLICK_PX = 4;

customElements.define("mail-frame", class extends HTMLElement {
  #life;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    const offer = this.parentElement.querySelector("[data-pictures]");
    offer?.addEventListener("click", () => setTimeout(() => this.#took(offer)), { signal });
    const grip = this.querySelector(".mail__grip");
    grip?.addEventListener("pointerdown", (event) => this.#drag(grip, event), { signal });
    grip?.addEventListener("keydown", (event) => this.#onKey(event), { signal });
    // A press that a pointer made was handled as a drag of no length.
    grip?.addEventListener("click", ({ detail }) => detail || this.#nextSize(), { signal });
  }

  disconnectedCallback() {
    this.#life.abort();
  }

  get #frame() {
    return this.querySelector("iframe");
  }

  #set(height) {
    this.#frame.style.setProperty("--mail-set", `${Math.max(HEIGHT_PX_MIN, height)}px`);
  }

  #took(offer) {
    offer.closest(".mail__bar").hidden = true;
    this.#frame.focus();
  }

  #nextSize() {
    this.#frame.style.removeProperty("--mail-set");
    this.dataset.size = SIZES[(SIZES.indexOf(this.dataset.size ?? "m") + 1) % SIZES.length];
  }

  #onKey(event) {
    const step = { ArrowDown: STEP_PX, ArrowUp: -STEP_PX }[event.key];
    if (!step) return;
    event.preventDefault();
    this.#set(this.#frame.offsetHeight + step);
  }

  #drag(grip, { clientY, pointerId }) {
    const { offsetHeight } = this.#frame;
    let moved = 0;
    const drag = new AbortController();
    const { signal } = drag;
    grip.setPointerCapture(pointerId);
    this.dataset.dragged = "";
    grip.addEventListener("pointermove", (event) => {
      moved = event.clientY - clientY;
      if (Math.abs(moved) > CLICK_PX) this.#set(offsetHeight + moved);
    }, { signal });
    for (const type of ["pointerup", "pointercancel"]) grip.addEventListener(type, () => {
      drag.abort();
      delete this.dataset.dragged;
      if (type === "pointerup" && Math.abs(moved) <= CLICK_PX) this.#nextSize();
    }, { signal });
  }
});
