// Text at the caret, so that the browser's own undo takes it back.

/** Puts text in place of the selection, or of the `back` characters before the caret. */
export function insertAtCaret(field, text, back = 0) {
  field.focus();
  if (back) field.setSelectionRange(field.selectionStart - back, field.selectionEnd);
  // Deprecated and without a successor: nothing else keeps the undo history.
  if (document.execCommand(text ? "insertText" : "delete", false, text)) return;
  field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
  field.dispatchEvent(new InputEvent("input", { bubbles: true }));
}

export const textBeforeCaret = (field) => field.value.slice(0, field.selectionStart);

export const isAtLineStart = (field) =>
  field.selectionStart === field.selectionEnd && /(^|\n)$/.test(textBeforeCaret(field));
