// <local-time data-mode="relative|clock"><time datetime>…</time></local-time>: the reader's own
// clock, where the server's zone would say something else or the distance grows while one looks.
import { language } from "../lib/dom.js";

const EVERY_MS = 30_000;
const UNITS = [["day", 86_400], ["hour", 3600], ["minute", 60]];
const times = new Set();
let timer;

function relative(at) {
  const seconds = (at - Date.now()) / 1000;
  const format = new Intl.RelativeTimeFormat(language(), { style: "narrow", numeric: "auto" });
  const [unit, length] = UNITS.find(([, size]) => Math.abs(seconds) >= size) ?? ["second", Infinity];
  return format.format(Math.trunc(seconds / length), unit);
}

const MODES = {
  relative,
  clock: (at) => at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }),
};

customElements.define("local-time", class extends HTMLElement {
  connectedCallback() {
    times.add(this);
    timer ??= setInterval(() => times.forEach((time) => time.show()), EVERY_MS);
    this.show();
  }

  disconnectedCallback() {
    times.delete(this);
  }

  show() {
    const time = this.querySelector("time");
    const words = MODES[this.dataset.mode]?.(new Date(time?.dateTime));
    if (words) time.textContent = words;
  }
});
