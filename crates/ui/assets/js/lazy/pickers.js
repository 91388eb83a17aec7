// Two ways to put in what one does not type: "/" at the start of a line opens the saved replies,
// "@" in a note the people. An option carries its text in data-insert.
import { insertAtCaret, isAtLineStart, textBeforeCaret } from "./caret.js";
import { on, send } from "../lib/dom.js";
import { floatAt } from "./float.js";
import "./menu.js";
import { Options, steer } from "./options.js";

const TEXT = "reply-composer textarea";
const MENTION = /(?:^|\s)@([\p{L}\p{N}._-]{0,30})$/u;

function insert(text) {
  const composer = document.querySelector("reply-composer");
  composer.write();
  insertAtCaret(composer.field, text);
}

const replies = () => document.getElementById("saved-replies");
const people = () => document.getElementById("people");

steer("#saved-replies", ({ dataset }, popover) => {
  popover.hidePopover();
  insert(dataset.insert);
  if (dataset.used) send("POST", dataset.used, {}).catch(() => {});
});

on("keydown", TEXT, (field, event) => {
  if (event.key !== "/" || event.metaKey || event.ctrlKey || event.isComposing) return;
  if (!replies() || !isAtLineStart(field)) return;
  event.preventDefault();
  floatAt(replies(), field);
});

/** What was typed before this file had come opens the lists all the same. */
export function catchUp(field, before) {
  if (field.value !== before) suggestPeople(field);
  const typed = field.value.slice(before.length);
  const isSlash = field.value.startsWith(before) && /^\/\S*$/.test(typed) && /(^|\n)$/.test(before);
  if (!isSlash || !replies()) return;
  insertAtCaret(field, "", typed.length);
  floatAt(replies(), field);
  const lookup = replies().querySelector("[data-lookup]");
  lookup.value = typed.slice(1);
  if (lookup.value) lookup.dispatchEvent(new Event("input", { bubbles: true }));
}

// A slash that was meant as one: typed twice.
on("keydown", "#saved-replies [data-lookup]", (lookup, event) => {
  if (event.key !== "/" || lookup.value) return;
  event.preventDefault();
  replies().hidePopover();
  insert("/");
});

function typedName(field) {
  return field.dataset.mode === "note" ? MENTION.exec(textBeforeCaret(field))?.[1] : undefined;
}

function closePeople(field) {
  if (people()?.matches(":popover-open")) people().hidePopover();
  field?.removeAttribute("aria-activedescendant");
}

function suggestPeople(field) {
  const name = typedName(field);
  if (name === undefined || !people()) return closePeople(field);
  const isAlike = ({ textContent }) => textContent.toLowerCase().includes(name.toLowerCase());
  for (const option of people().querySelectorAll("[role=option]")) option.hidden = !isAlike(option);
  const options = new Options(people(), field);
  if (!options.shown.length) return closePeople(field);
  floatAt(people(), field);
  options.selectFirst();
}

on("input", TEXT, suggestPeople);

function mention({ dataset }, field) {
  insertAtCaret(field, `${dataset.insert} `, typedName(field).length + 1);
  closePeople(field);
}

on("keydown", TEXT, (field, event) => {
  if (!people()?.matches(":popover-open")) return;
  const options = new Options(people(), field);
  if (event.key === "Escape") closePeople(field);
  else if ((event.key === "Enter" || event.key === "Tab") && options.current) mention(options.current, field);
  else if (!options.move(event)) return;
  event.preventDefault();
}, { capture: true });

// The list never takes the focus from the text.
on("mousedown", "#people [role=option]", (option, event) => {
  event.preventDefault();
  mention(option, document.activeElement);
});
on("focusout", TEXT, closePeople);
