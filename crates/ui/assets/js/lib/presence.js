// Tells the others who has a ticket open, and who is writing in it.
import { send } from "./dom.js";

const VIEWING_MS = 20_000;
const WRITING_MS = 3000;
const SETTLED_MS = 300;

export class Presence {
  #url;
  #isHere;
  #beat;
  #wroteAt = 0;
  #wasHere = false;

  constructor(url, isHere, signal) {
    this.#url = url;
    this.#isHere = isHere;
    const look = () => this.#look();
    document.addEventListener("visibilitychange", look, { signal });
    addEventListener("pagehide", () => this.#leave(), { signal });
    addEventListener("pageshow", ({ persisted }) => persisted && look(), { signal });
    this.#beat = setInterval(look, VIEWING_MS);
    // Who only passes by on the way to another ticket was not here.
    const settled = setTimeout(look, SETTLED_MS);
    signal.addEventListener("abort", () => {
      clearTimeout(settled);
      clearInterval(this.#beat);
      this.#leave();
    });
  }

  wrote() {
    if (Date.now() - this.#wroteAt < WRITING_MS) return;
    this.#wroteAt = Date.now();
    this.#say("writing");
  }

  #look() {
    if (this.#isHere()) this.#say("viewing");
    else this.#leave();
  }

  #say(activity) {
    this.#wasHere = true;
    send("POST", this.#url, { activity }).catch(() => {});
  }

  #leave() {
    if (this.#wasHere) navigator.sendBeacon(this.#url, new URLSearchParams({ activity: "gone" }));
    this.#wasHere = false;
  }
}
