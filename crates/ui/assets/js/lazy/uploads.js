// Files on their way up. The server answers each with its chip.
import { fromTemplate } from "../lib/dom.js";

export class Uploads {
  #composer;
  #running = new Set();

  constructor(composer, signal) {
    this.#composer = composer;
    composer.addEventListener("click", ({ target }) => {
      if (target.closest("[data-remove-file]")) this.#remove(target.closest(".file"));
    }, { signal });
    signal.addEventListener("abort", () => this.#running.forEach(({ request }) => request.abort()));
  }

  get isBusy() {
    return this.#running.size > 0;
  }

  /** Waits for what runs. Says whether all of it arrived. */
  async settle() {
    const results = await Promise.all([...this.#running].map(({ done }) => done));
    return results.every(Boolean);
  }

  /** Sends a file to the text of this mode. */
  send(file, mode) {
    const chip = fromTemplate("t-file");
    chip.querySelector("[data-name]").textContent = file.name;
    this.#composer.filesOf(mode).append(chip);

    // fetch cannot tell how far an upload is.
    const request = new XMLHttpRequest();
    const upload = { chip, request };
    upload.done = new Promise((done) => {
      request.upload.onprogress = ({ loaded, total }) => (chip.querySelector("progress").value = loaded / total);
      request.onloadend = () => {
        this.#running.delete(upload);
        done(this.#arrived(chip, request));
      };
    });
    this.#running.add(upload);
    request.open("POST", this.#composer.dataset.uploadUrl);
    request.setRequestHeader("HX-Request", "true");
    const form = new FormData();
    form.append("mode", mode);
    form.append("file", file);
    request.send(form);
  }

  /** Puts the answer in the place of the chip that waited. */
  #arrived(chip, { status, responseText }) {
    if (!chip.isConnected) return true;
    const template = document.createElement("template");
    template.innerHTML = status && status < 500 ? responseText : "";
    const answer = template.content.querySelector(".file");
    if (answer) {
      chip.replaceWith(answer);
      htmx.process(answer);
    } else {
      chip.dataset.state = "failed";
      chip.querySelector("progress").remove();
      chip.querySelector("[data-why]")?.removeAttribute("hidden");
    }
    return status >= 200 && status < 300 && Boolean(answer);
  }

  #remove(chip) {
    for (const { chip: running, request } of this.#running) if (running === chip) request.abort();
    // What the server has is taken away there; that answer removes the chip.
    if (!chip.querySelector("[hx-delete], [hx-post]")) chip.remove();
  }
}
