// Forms: problems get the focus, unsaved changes are asked about once, a password can be looked at,
// fields that depend on another come and go, a time zone is guessed, and a file field names what
// was chosen.
import { on } from "../lib/dom.js";

function focusProblems() {
  const summary = document.querySelector(".error-summary:not([data-seen])");
  if (!summary) return;
  summary.dataset.seen = "";
  summary.focus();
}

/** data-show-when="name=value", "name=one|two", or "name" for anything but nothing. */
function showDependents(root = document) {
  for (const part of root.querySelectorAll("[data-show-when]")) {
    const [name, values] = part.dataset.showWhen.split("=");
    const chosen = new FormData(part.closest("form")).getAll(name);
    const isShown = values ? values.split("|").some((value) => chosen.includes(value)) : chosen.some(Boolean);
    part.hidden = !isShown;
    if ("disabled" in part) part.disabled = !isShown;
  }
}

/** A time zone that nobody has chosen yet is that of this computer, if the list has it. */
function guessZone() {
  for (const field of document.querySelectorAll("[data-own-zone]")) {
    delete field.dataset.ownZone;
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    if ([...field.options].some(({ value }) => value === timeZone)) field.value = timeZone;
  }
}

function look() {
  focusProblems();
  showDependents();
  guessZone();
}
look();
document.addEventListener("htmx:after:swap", look);

on("change", "form", (form) => showDependents(form));
on("input", "form[data-guard]", (form) => (form.dataset.dirty = ""));
on("reset", "form", (form) => {
  delete form.dataset.dirty;
  setTimeout(() => showDependents(form));
});
document.addEventListener("submit", ({ target, defaultPrevented }) => {
  if (!defaultPrevented) delete target.dataset.dirty;
});
addEventListener("beforeunload", (event) => {
  if (document.querySelector("form[data-guard][data-dirty]")) event.preventDefault();
});

on("click", "[data-reveal]", (button) => {
  const field = document.getElementById(button.getAttribute("aria-controls")) ?? button.parentElement.querySelector("input");
  const isShown = field.type === "password";
  field.type = isShown ? "text" : "password";
  button.setAttribute("aria-pressed", String(isShown));
});

on("change", "[type=file]", (field) => {
  const names = field.closest(".dropzone")?.querySelector("[data-chosen]");
  if (names) names.textContent = [...field.files].map(({ name }) => name).join("\n");
});
for (const type of ["dragenter", "dragleave", "drop"]) on(type, ".dropzone", (zone) => zone.toggleAttribute("data-over", type === "dragenter"));
