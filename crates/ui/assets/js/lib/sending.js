// From the press on Send to the answer: first what is still on its way up, then the message, which
// shows in the thread at once and gives way to the real one.
import { fromTemplate } from "./dom.js";

export class Sending {
  #composer;
  #waitsFor;
  #sent;

  /** `waitsFor` says what has to be finished first, if anything; its promise says whether it was. */
  constructor(composer, signal, waitsFor) {
    this.#composer = composer;
    this.#waitsFor = waitsFor;
    composer.addEventListener("submit", (event) => this.#before(event), { signal, capture: true });
    composer.addEventListener("htmx:before:request", ({ target }) => target === composer.form && this.#show(), { signal });
    document.addEventListener("htmx:finally:request", ({ detail }) => detail.ctx.sourceElement === composer.form && this.#answered(), { signal });
    document.addEventListener("composer:sent", ({ detail }) => {
      if (detail.ref === composer.dataset.ref) composer.sent(this.#sent?.mode ?? composer.mode);
    }, { signal });
    signal.addEventListener("abort", () => this.#sent?.entry?.remove());
  }

  #setBusy(isBusy, submitter) {
    for (const part of [this.#composer, submitter]) if (part) part.ariaBusy = isBusy ? "true" : null;
  }

  async #before(event) {
    const { submitter } = event;
    const isBusy = this.#composer.ariaBusy === "true";
    const waiting = this.#waitsFor();
    if (event.target !== this.#composer.form || (!isBusy && !waiting)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    if (isBusy) return;
    this.#setBusy(true, submitter);
    const isComplete = await waiting;
    this.#setBusy(false, submitter);
    if (isComplete && this.#composer.isConnected) this.#composer.form.requestSubmit(submitter);
  }

  #show() {
    const { mode, field } = this.#composer;
    const entry = fromTemplate(`t-sending-${mode}`) ?? fromTemplate("t-sending");
    const entries = document.getElementById("entries");
    this.#sent = { mode, entry };
    this.#setBusy(true);
    if (!entry || !entries) return;
    entry.querySelector("[data-text]").textContent = field.value;
    entries.append(entry);
    entry.scrollIntoView({ block: "nearest" });
  }

  #answered() {
    this.#sent?.entry?.remove();
    this.#setBusy(false);
    this.#composer.answered(this.#sent?.mode);
    this.#sent = undefined;
  }
}
