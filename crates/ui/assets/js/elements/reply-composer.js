// <reply-composer data-ref data-draft-url data-upload-url data-presence-url>: a reply, a note and a
// forward are texts that never mix. A text field says which one it is with data-mode.
import { isShown } from "../lib/dom.js";
import { list } from "../lib/inbox.js";
import { Drafts } from "../lib/drafts.js";
import { Presence } from "../lib/presence.js";
import { Sending } from "../lib/sending.js";

customElements.define("reply-composer", class extends HTMLElement {
  #life;
  #drafts;
  #presence;
  #uploads;

  connectedCallback() {
    this.#life = new AbortController();
    const { signal } = this.#life;
    const { presenceUrl } = this.dataset;
    this.#drafts = new Drafts(this);
    new Sending(this, signal, () => this.#unfinished());
    if (presenceUrl) this.#presence = new Presence(presenceUrl, () => !document.hidden && isShown(this), signal);
    const listen = (types, handler, more) => types.split(" ").forEach((type) => this.addEventListener(type, handler, { signal, ...more }));
    listen("input", ({ target }) => this.#onInput(target));
    listen("focusout", ({ target }) => target.matches("[data-mode], [data-address]") && this.#drafts.flush());
    listen("keydown", (event) => this.#onKey(event));
    listen("click", (event) => this.#onClick(event));
    listen("change paste drop", (event) => this.#onFiles(event));
    listen("dragover dragleave dragend", (event) => this.#onDrag(event));
    listen("focusin", ({ target }) => this.#pick(target), { once: true });
    addEventListener("pagehide", () => this.#drafts.flush(), { signal });
    this.#drafts.restore();
    this.#peek();
  }

  disconnectedCallback() {
    this.#drafts.flush();
    this.#life.abort();
    this.#uploads = undefined;
  }

  get form() {
    return this.querySelector("form");
  }

  get fields() {
    return [...this.querySelectorAll("textarea[data-mode]")];
  }

  get mode() {
    return this.form.elements.mode?.value || "reply";
  }

  get field() {
    return this.fields.find(({ dataset }) => dataset.mode === this.mode);
  }

  /** Who a text of this mode goes to, under the names that drafts are saved with. */
  addresses(mode) {
    const inputs = [...this.querySelectorAll(`.for-${mode} [data-address]`)];
    return Object.fromEntries(inputs.map(({ dataset, value }) => [dataset.address, value]));
  }

  /** Where the files of a text are listed. */
  filesOf(mode) {
    return this.querySelector(`.composer__files[data-mode="${mode}"]`) ?? this.querySelector(".composer__files");
  }

  /** Turns to a mode and starts writing. */
  write(mode = this.mode) {
    const radio = this.querySelector(`[name=mode][value="${mode}"]`);
    if (radio) radio.checked = true;
    this.toggleAttribute("data-open", true);
    this.field.focus();
  }

  /** The text of a mode has become a message. */
  sent(mode) {
    const field = this.fields.find(({ dataset }) => dataset.mode === mode);
    field.value = "";
    this.#drafts.forget(field);
    this.#presence?.finished();
    this.filesOf(mode)?.replaceChildren();
    this.#peek();
    if (this.hasAttribute("data-open")) this.#fold();
  }

  /** Refused, or lost on the way: what was written is still here, and is kept. */
  answered(mode) {
    for (const field of this.fields) if (field.dataset.mode === mode && field.value) this.#drafts.save(field);
  }

  #unfinished() {
    this.#drafts.hold();
    if (!this.#uploads?.isBusy && !this.#drafts.isBusy) return;
    return Promise.all([this.#uploads?.settle(), this.#drafts.settled()]).then(([isComplete = true]) => isComplete);
  }

  #onInput(target) {
    if (!target.matches("[data-mode], [data-address]")) return;
    this.#drafts.typed(this.field);
    this.#presence?.wrote();
    this.#peek();
  }

  #onKey(event) {
    if (event.defaultPrevented || event.isComposing || !event.target.matches("textarea, input")) return;
    const isModified = event.metaKey || event.ctrlKey;
    if (isModified && event.key === "Enter") this.#press(event.shiftKey ? "resolve" : "");
    else if (isModified && /^[bi]$/.test(event.key)) this.#format(event.key);
    else if (event.key === "Escape") {
      event.target.blur();
      if (this.hasAttribute("data-open")) this.#fold();
    } else return;
    event.preventDefault();
  }

  #press(then) {
    const button = [...this.form.elements].find(({ dataset }) => dataset.send === then);
    if (button) this.form.requestSubmit(button);
  }

  #onClick({ target, detail }) {
    const recipients = target.closest("[data-recipients-toggle]");
    if (target.closest("[data-leave]")) this.#leave();
    else if (target.closest("[data-fold]")) this.hasAttribute("data-open") ? this.#fold() : this.write();
    else if (target.closest("[data-format]")) this.#format();
    else if (recipients) {
      const isOpen = this.toggleAttribute("data-recipients");
      recipients.ariaExpanded = String(isOpen);
      if (isOpen) this.querySelector(`.recipients.for-${this.mode} input`).focus();
    } else if (detail && target.matches("[name=mode]")) this.field.focus(); // With arrow keys one may be passing by.
  }

  /** Somebody else answers: back to the list, what was written stays a draft. */
  #leave() {
    if (this.hasAttribute("data-open")) this.#fold();
    this.#presence?.finished();
    list()?.querySelector("a[aria-current=true]")?.focus();
  }

  async #pick(field) {
    const before = field.value;
    const { catchUp } = await import("../lazy/pickers.js");
    if (field.matches("[data-mode]")) catchUp(field, before);
  }

  #fold() {
    this.removeAttribute("data-open");
    const peek = this.querySelector(".composer__peek");
    if (peek && isShown(peek)) peek.focus();
  }

  async #format(key) {
    const { toggleBar, format } = await import("../lazy/format.js");
    if (key) format(this.field, { b: "bold", i: "italic" }[key]);
    else toggleBar(this);
  }

  #onDrag(event) {
    const isOver = event.type === "dragover" && event.dataTransfer.types.includes("Files");
    if (isOver) event.preventDefault();
    this.toggleAttribute("data-over", isOver);
  }

  async #onFiles(event) {
    const { target, clipboardData, dataTransfer } = event;
    const files = [...((clipboardData ?? dataTransfer ?? target).files ?? [])];
    const { mode } = this;
    this.removeAttribute("data-over");
    if (!files.length || !this.dataset.uploadUrl) return;
    event.preventDefault();
    // What is uploaded now must not go along with the form again.
    if (target.type === "file") target.value = "";
    const { Uploads } = await import("../lazy/uploads.js");
    this.#uploads ??= new Uploads(this, this.#life.signal);
    for (const file of files) this.#uploads.send(file, mode);
  }

  /** What the one line on a phone says. */
  #peek() {
    const line = this.querySelector("[data-peek]");
    const label = this.querySelector("[data-peek-draft]");
    const text = this.field.value.trim();
    if (line) line.textContent = text.slice(0, 120) || line.dataset.empty;
    if (label) label.hidden = !text;
  }
});
