// Nothing typed is ever lost: each mode has its own draft, saved on the server a moment after
// typing, and kept in this browser until the server has it.
import { send } from "./dom.js";

const PAUSE_MS = 700;
const AGAIN_MS = 5000;

export class Drafts {
  #composer;
  #timers = new Map();
  #saving = new Map();

  constructor(composer) {
    this.#composer = composer;
  }

  get isBusy() {
    return this.#saving.size > 0;
  }

  /** Brings back what the server never got, unless it has something newer. */
  restore() {
    for (const field of this.#composer.fields) {
      const { text, at } = this.#kept(field) ?? {};
      if (!text || text === field.value || at < Date.parse(field.dataset.savedAt)) continue;
      field.value = text;
      this.save(field);
    }
  }

  typed(field) {
    this.#keep(field);
    this.#say("saving");
    this.#schedule(field, PAUSE_MS);
  }

  /** Saves at once what waits, also while the page goes away. */
  flush() {
    for (const field of [...this.#timers.keys()]) this.save(field);
  }

  async save(field) {
    const { draftUrl } = this.#composer.dataset;
    const { mode } = field.dataset;
    const text = field.value;
    this.#drop(field);
    if (!draftUrl) return;
    const request = send("PUT", draftUrl, { mode, text, ...this.#composer.addresses(mode) }).then(({ ok }) => ok, () => false);
    this.#saving.set(field, request);
    const isSaved = await request;
    if (this.#saving.get(field) !== request) return;
    this.#saving.delete(field);
    if (!isSaved) this.#schedule(field, AGAIN_MS);
    else if (field.value === text) this.#unkeep(field);
    this.#say(isSaved ? "saved" : "unsaved");
  }

  /** Starts nothing more: a message goes out, and no draft may arrive after it. */
  hold() {
    for (const field of [...this.#timers.keys()]) this.#drop(field);
  }

  settled() {
    return Promise.all(this.#saving.values());
  }

  /** The text was sent: there is no draft any more. */
  forget(field) {
    this.#drop(field);
    this.#unkeep(field);
    this.#say("");
  }

  #schedule(field, ms) {
    this.#drop(field);
    this.#timers.set(field, setTimeout(() => this.#composer.isConnected && this.save(field), ms));
  }

  #drop(field) {
    clearTimeout(this.#timers.get(field));
    this.#timers.delete(field);
  }

  #key({ dataset }) {
    return `draft ${document.body.dataset.me ?? ""} ${this.#composer.dataset.ref} ${dataset.mode}`;
  }

  // A store that is full or closed to us is no reason to stop somebody who types.
  #withStore(use) {
    try {
      return use(localStorage);
    } catch {
      return null;
    }
  }

  #keep(field) {
    this.#withStore((store) => store.setItem(this.#key(field), JSON.stringify({ text: field.value, at: Date.now() })));
  }

  #kept(field) {
    return this.#withStore((store) => JSON.parse(store.getItem(this.#key(field))));
  }

  #unkeep(field) {
    this.#withStore((store) => store.removeItem(this.#key(field)));
  }

  #say(what) {
    const line = this.#composer.querySelector("[data-draft-state]");
    if (line) line.textContent = this.#composer.dataset[what] ?? "";
  }
}
