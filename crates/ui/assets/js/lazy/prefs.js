// How somebody likes to look at it: <button name="theme" value="dark" data-pref>, or a radio or
// checkbox of that kind. Applies at once and is kept on the server. data-off is the value of "not".
import { on, send } from "../lib/dom.js";

function apply(name, value) {
  document.documentElement.dataset[name] = value;
  for (const control of document.querySelectorAll(`[data-pref][name="${CSS.escape(name)}"]`)) {
    const isOn = control.value === value;
    if ("checked" in control) control.checked = isOn;
    else for (const state of ["aria-checked", "aria-pressed"]) if (control.hasAttribute(state)) control.setAttribute(state, String(isOn));
  }
  send("POST", "/me/preferences", { [name]: value }).catch(() => {});
}

on("click", "button[data-pref]", ({ name, value, dataset }, event) => {
  event.preventDefault();
  const isOn = document.documentElement.dataset[name] === value;
  apply(name, isOn && dataset.off ? dataset.off : value);
});

on("change", "input[data-pref]", ({ name, value, type, checked, dataset }) => {
  apply(name, type === "checkbox" && !checked ? dataset.off : value);
});

// The browser asks only after a press.
on("click", "[data-ask-notify]", async (button) => {
  if (!globalThis.Notification) return;
  button.dataset.answer = await Notification.requestPermission();
});
