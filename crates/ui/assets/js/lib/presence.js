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
  #toldAt = 0;
  #wasHere = false;
  #last = Promise.resolve();

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
    this.#wroteAt = Date.now();
    if (this.#wroteAt - this.#toldAt < WRITING_MS) return;
    this.#toldAt = this.#wroteAt;
    this.#say("writing");
  }

  /** What was written is sent. */
  finished() {
    this.#wroteAt = this.#toldAt = 0;
    this.#look();
  }

  #look() {
    if (!this.#isHere()) this.#leave();
    else this.#say(Date.now() - this.#wroteAt < VIEWING_MS ? "writing" : "viewing");
  }

  /** One after the other: the last that is said is the last that is heard. */
  #say(activity) {
    this.#wasHere = true;
    this.#last = this.#last.then(() => send("POST", this.#url, { activity })).catch(() => {});
  }

  #leave() {
    if (this.#wasHere) navigator.sendBeacon(this.#url, new URLSearchParams({ activity: "gone" }));
    this.#wasHere = false;
  }
}
