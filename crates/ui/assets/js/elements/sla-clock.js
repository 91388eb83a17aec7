// <sla-clock data-from data-due data-soon data-suffix>: counts on once in a while what the server
// wrote. The patterns are the page's: <body data-clock="{d}d|{h}h {m}m|{h}h|{m}m|{t} over">.
import { fill } from "../lib/dom.js";

const EVERY_MS = 20_000;
const STEPS = 20;
const clocks = new Set();
let timer;

function spell(ms) {
  const [days, hoursAndMinutes, hours, minutes, over] = (document.body.dataset.clock ?? "").split("|");
  if (!minutes) return;
  const all = Math.floor(Math.abs(ms) / 60_000);
  const slots = { d: Math.floor(all / 1440), h: Math.floor(all / 60), m: all % 60 };
  const pattern = slots.d >= 2 ? days : slots.h && slots.m ? hoursAndMinutes : slots.h ? hours : minutes;
  const t = fill(pattern, slots);
  return ms < 0 ? fill(over, { t }) : t;
}

customElements.define("sla-clock", class extends HTMLElement {
  connectedCallback() {
    clocks.add(this);
    timer ??= setInterval(() => clocks.forEach((clock) => clock.tick()), EVERY_MS);
  }

  disconnectedCallback() {
    clocks.delete(this);
  }

  tick() {
    const { from, due, soon, state, suffix = "" } = this.dataset;
    if (!due || state === "paused" || state === "met") return;
    const now = Date.now();
    const left = Date.parse(due) - now;
    const text = this.querySelector("[data-text]");
    const words = spell(left);
    if (text && words) text.textContent = words + (left < 0 ? "" : suffix);
    if (from) this.dataset.used = Math.min(STEPS, Math.max(0, Math.round((STEPS * (now - Date.parse(from))) / (Date.parse(due) - Date.parse(from)))));
    this.#become(left < 0 ? "over" : soon && now >= Date.parse(soon) ? "soon" : state);
  }

  /** A promise that turns is said aloud, but only for the ticket that is open. */
  #become(state) {
    if (state === this.dataset.state) return;
    this.dataset.state = state;
    const voice = document.getElementById("announce");
    if (voice && this.closest("#thread")) voice.textContent = this.textContent;
  }
});
