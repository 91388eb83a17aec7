// Markdown for those who would rather press: fetched when formatting is first asked for. The bar
// comes from <template id="t-formatbar">; its buttons say what they do with data-md.
import { fromTemplate } from "../lib/dom.js";
import { insertAtCaret } from "./caret.js";

const AROUND = { bold: "**", italic: "_" };
const LINE = { list: () => "- ", numbers: (n) => `${n}. `, quote: () => "> " };
// Written so, because the build counts the ticks of a line.
const TICK = "\u0060";
const FENCE = TICK.repeat(3);
const ANY_LINE = /^(?:[-*] |\d+\. |> )/;

function replace(field, start, end, text, selectFrom, selectTo) {
  field.focus();
  field.setSelectionRange(start, end);
  insertAtCaret(field, text);
  field.setSelectionRange(selectFrom, selectTo);
}

/** Puts marks around what is selected, or takes them off again. */
function surround(field, mark) {
  const { value, selectionStart: start, selectionEnd: end } = field;
  const size = mark.length;
  const inside = value.slice(start, end);
  if (value.slice(start - size, start) === mark && value.slice(end, end + size) === mark) {
    replace(field, start - size, end + size, inside, start - size, end - size);
  } else replace(field, start, end, mark + inside + mark, start + size, end + size);
}

/** Puts marks before every line of the selection, or takes them off again. */
function prefix(field, markOf) {
  const { value, selectionStart, selectionEnd } = field;
  const start = value.lastIndexOf("\n", selectionStart - 1) + 1;
  const after = value.indexOf("\n", selectionEnd);
  const end = after < 0 ? value.length : after;
  const lines = value.slice(start, end).split("\n");
  const isMarked = lines.every((line, i) => line.startsWith(markOf(i + 1)));
  const text = lines.map((line, i) => (isMarked ? line.slice(markOf(i + 1).length) : markOf(i + 1) + line.replace(ANY_LINE, ""))).join("\n");
  replace(field, start, end, text, lines.length > 1 ? start : start + text.length, start + text.length);
}

function link(field) {
  const { value, selectionStart: start, selectionEnd: end } = field;
  const text = value.slice(start, end);
  const isUrl = /^https?:\/\/\S+$/.test(text);
  const made = isUrl ? `[](${text})` : `[${text}](https://)`;
  // What is still missing is what one types next.
  const from = start + (isUrl ? 1 : text.length + 3);
  replace(field, start, end, made, from, isUrl ? from : from + "https://".length);
}

function code(field) {
  const { value, selectionStart: start, selectionEnd: end } = field;
  const text = value.slice(start, end);
  if (!text.includes("\n")) return surround(field, TICK);
  const from = start + FENCE.length + 1;
  replace(field, start, end, [FENCE, text, FENCE].join("\n"), from, from + text.length);
}

export function format(field, what) {
  if (AROUND[what]) surround(field, AROUND[what]);
  else if (LINE[what]) prefix(field, LINE[what]);
  else if (what === "link") link(field);
  else if (what === "code") code(field);
  else if (what) document.execCommand(what);
}

export function toggleBar(composer) {
  const button = composer.querySelector("[data-format]");
  let bar = composer.querySelector(".formatbar");
  if (!bar) {
    bar = fromTemplate("t-formatbar");
    bar.hidden = true;
    // The text keeps its selection while one presses.
    bar.addEventListener("mousedown", (event) => event.preventDefault());
    bar.addEventListener("click", ({ target }) => format(composer.field, target.closest("[data-md]")?.dataset.md));
    composer.querySelector(".composer__bar").before(bar);
  }
  bar.hidden = !bar.hidden;
  button.setAttribute("aria-expanded", String(!bar.hidden));
  composer.field.focus();
}
