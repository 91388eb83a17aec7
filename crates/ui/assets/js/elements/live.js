// What happens elsewhere shows here: changed tickets, new messages, who else is here, counts.
import { counted, fetchInto } from "../lib/dom.js";
import { Connection } from "../lib/connection.js";
import { list, openRef } from "../lib/inbox.js";

const COUNTS_MS = 1000;
const QUIET_MS = 2000;
const SOMEBODY_SAW_MS = 300;

const { live, counts, me = "" } = document.body.dataset;

function changed({ ref, touch }) {
  list()?.updates?.().then((updates) => updates.changed(ref));
  if (ref === openRef()) import("./thread.js").then(({ fetchEntries }) => fetchEntries(touch));
}

function presence({ ref, html, collision }) {
  const put = (name, value) => {
    if (value === undefined) return;
    for (const slot of document.querySelectorAll(`[${name}="${CSS.escape(ref)}"]`)) {
      slot.innerHTML = value;
      htmx.process(slot);
    }
  };
  put("data-presence-slot", html);
  put("data-collision-slot", collision);
}

let countsTimer;
function fetchCounts() {
  countsTimer ??= setTimeout(() => {
    countsTimer = undefined;
    const source = document.querySelector(".sidebar");
    if (source && counts) fetchInto(source, counts);
  }, COUNTS_MS);
}

function refresh() {
  list()?.updates?.().then((updates) => updates.reload());
  if (openRef()) import("./thread.js").then(({ reloadEntries }) => reloadEntries());
  fetchCounts();
}

let wasSeen = false;
function notify({ count, title, body, url, tag }) {
  for (const badge of document.querySelectorAll("[data-notifications]")) {
    badge.hidden = !count;
    const text = badge.querySelector("[data-other]");
    if (text) text.textContent = counted(text, count);
    else badge.textContent = count;
  }
  navigator.setAppBadge?.(count).catch(() => {});
  if (!title) return;
  if (!document.hidden) return connection.post({ event: "seen", data: {} });
  if (!connection.isLeader || globalThis.Notification?.permission !== "granted") return;
  // Nobody is told twice: a tab that is in view speaks up.
  wasSeen = false;
  setTimeout(() => {
    if (wasSeen) return;
    const icon = document.querySelector("link[rel~=icon][sizes], link[rel~=icon]")?.href;
    const note = new Notification(title, { body, icon, tag });
    note.onclick = () => {
      note.close();
      focus();
      if (url) location.assign(url);
    };
  }, SOMEBODY_SAW_MS);
}

let offlineTimer;
function tell(isConnected) {
  const line = document.querySelector(".offline-line");
  if (!line) return;
  if (!isConnected) return void (offlineTimer ??= setTimeout(() => (line.hidden = false), QUIET_MS));
  offlineTimer = clearTimeout(offlineTimer);
  line.hidden = true;
}

const reactions = { changed, presence, notify, counts: fetchCounts, refresh, settings: refresh, seen: () => (wasSeen = true) };
const connection = live && new Connection(live, `live ${me}`, (name, data) => reactions[name]?.(data), tell);

if (connection) {
  connection.start();
  // A page that is kept for going back holds no connection; when it comes back, it looks again.
  addEventListener("pagehide", () => connection.stop());
  addEventListener("pageshow", ({ persisted }) => {
    if (!persisted) return;
    connection.start();
    refresh();
  });
}
