// data-confirm="id" on a form, a submit button, a link or an htmx control: a <dialog> that the
// server rendered asks first. Its form has method="dialog"; the answer that goes on has value="yes".
import "./dialog.js";

const agreed = new WeakSet();

function ask(element, goOn, event) {
  const dialog = document.getElementById(element.dataset.confirm);
  if (!dialog || agreed.delete(element)) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  dialog.returnValue = "";
  dialog.showModal();
  dialog.addEventListener("close", () => {
    if (dialog.returnValue !== "yes" || !element.isConnected) return;
    agreed.add(element);
    goOn();
  }, { once: true });
}

document.addEventListener("submit", (event) => {
  const { target: form, submitter } = event;
  const element = [submitter, form].find((part) => part?.dataset.confirm);
  if (element) ask(element, () => form.requestSubmit(submitter), event);
}, { capture: true });

document.addEventListener("click", (event) => {
  const element = event.target.closest?.("[data-confirm]");
  if (!element || element.matches("form") || (element.form && element.type === "submit")) return;
  ask(element, () => element.click(), event);
}, { capture: true });
