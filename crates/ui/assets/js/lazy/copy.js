// data-copy="text" puts it on the clipboard; data-copied is what the toast says then.
import { on, toast } from "../lib/dom.js";

// Without a secure connection there is no clipboard to ask; a selection can still be copied.
function copyBySelection(text) {
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

on("click", "[data-copy]", async (button) => {
  const { copy, copied } = button.dataset;
  if (navigator.clipboard) await navigator.clipboard.writeText(copy);
  else {
    copyBySelection(copy);
    button.focus();
  }
  if (copied) toast({ text: copied });
});
