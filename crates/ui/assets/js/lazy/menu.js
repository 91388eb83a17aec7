// Arrow keys in menus, and aria-expanded on what opens them. Escape, a press elsewhere and the way
// focus goes back come from the platform.
import { isShown, on } from "../lib/dom.js";
import { hasAnchors, place } from "./float.js";

function invokerOf({ id }, event) {
  const all = [...document.querySelectorAll(`[popovertarget="${CSS.escape(id)}"]`)];
  return event.source ?? all.find((button) => button.matches(":focus, :hover")) ?? all.find(isShown) ?? all[0];
}

document.addEventListener("toggle", (event) => {
  const popover = event.target;
  if (!popover.matches?.("[popover]")) return;
  const invoker = invokerOf(popover, event);
  invoker?.setAttribute("aria-expanded", String(event.newState === "open"));
  if (event.newState !== "open" || popover.popover === "manual") return;
  // Opened from a menu that has closed: beside what is left to see.
  const anchor = invoker && isShown(invoker) ? invoker : document.querySelector("#thread .pane__head");
  if (anchor && invoker && (anchor !== invoker || !hasAnchors)) place(popover, anchor);
  const lookup = popover.querySelector("[data-lookup]");
  if (lookup) {
    lookup.value = "";
    lookup.focus();
    htmx.trigger(lookup, "lookup");
  } else if (popover.matches(".menu")) popover.querySelector(".menu__item:not([hidden])")?.focus();
}, true);

on("keydown", ".menu:popover-open", (menu, event) => {
  if (menu.querySelector("[data-lookup]")) return;
  const items = [...menu.querySelectorAll(".menu__item:not([hidden])")];
  const at = items.indexOf(document.activeElement);
  const next = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (next === undefined) return;
  event.preventDefault();
  items.at(next % items.length)?.focus();
});

// Choosing closes, except where the choice stays visible in the menu itself.
on("click", ".menu__item", (item) => {
  if (item.hasAttribute("aria-checked") || item.hasAttribute("popovertarget")) return;
  const menu = item.closest("[popover]");
  if (menu?.matches(":popover-open")) menu.hidePopover();
});
