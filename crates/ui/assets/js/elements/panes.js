// Panes: the customer panel that slides over, and phones, where one pane shows at a time. The
// server sets data-pane from the address; here it follows what htmx swaps.
import { isShown, on } from "../lib/dom.js";
import { inbox, onThread } from "../lib/inbox.js";

function setPanel(isOpen) {
  const frame = inbox();
  if (!frame) return;
  frame.dataset.panel = isOpen ? "open" : "closed";
  for (const button of document.querySelectorAll("[data-panel-toggle]")) button.setAttribute("aria-expanded", String(isOpen));
  const within = isOpen ? "#panel" : "#thread";
  [...document.querySelectorAll(`${within} [data-panel-toggle]`)].find(isShown)?.focus();
}

on("click", "[data-panel-toggle]", () => setPanel(inbox()?.dataset.panel !== "open"));

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !event.defaultPrevented && inbox()?.dataset.panel === "open" && event.target.closest?.("#panel")) setPanel(false);
});

onThread(() => {
  const frame = inbox();
  if (!frame) return;
  frame.dataset.pane = "thread";
  frame.dataset.panel = "closed";
});

// Back to the list without asking the server: the list has been kept up to date all along.
on("click", "[data-pane-back]", (link, event) => {
  const frame = inbox();
  if (!frame || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  frame.dataset.pane = "list";
  history.pushState({ htmx: true }, "", link.href);
  if (link.dataset.title) document.title = link.dataset.title;
  frame.querySelector(".conv__who[aria-current]")?.focus();
});

// Going back and forward brings the page from the server; where one was in the list stays.
const scrolled = new Map();
document.addEventListener("htmx:before:history:restore", () => {
  for (const box of document.querySelectorAll(".pane--list .pane__scroll, .sidebar__scroll")) scrolled.set(box.className, box.scrollTop);
  document.addEventListener("htmx:after:swap", () => {
    for (const [name, top] of scrolled) document.getElementsByClassName(name)[0]?.scrollTo(0, top);
    showCurrent();
  }, { once: true });
});

// Navigation that scrolls sideways on small screens starts at the current item.
function showCurrent() {
  for (const here of document.querySelectorAll(":is(.subnav, .tabs) [aria-current]")) {
    const box = here.closest(".subnav, .tabs");
    if (box.scrollWidth > box.clientWidth) box.scrollLeft = here.offsetLeft - box.offsetLeft - (box.clientWidth - here.offsetWidth) / 2;
  }
}
showCurrent();
