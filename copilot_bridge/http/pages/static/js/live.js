// One stream of what has changed, for the whole page.
// @ts-check

import { all, announce, toast, words } from "./dom.js";
import { titled } from "./pure.js";
import { load, show } from "./regions.js";

const PAUSE = 15000;  // ms between two looks while nobody sees the page
const LOST_AFTER = 3;  // failures in a row

/** @type {EventSource | null} */
let source = null;
let failures = 0;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

const regions = () => all(document, "[data-live]");

/** @param {boolean} once */
function address(once) {
  const query = new URLSearchParams(location.search);
  regions().forEach((region) => {
    query.append("part", region.dataset.live || "");
    new URLSearchParams(region.dataset.query).forEach((value, name) => query.set(name, value));
  });
  if (once) query.set("once", "1");
  return `${words.liveUrl}?${query}`;
}

/** @param {string} name @param {string} html */
function take(name, html) {
  regions().filter((region) => region.dataset.live === name).forEach((region) => show(region, html));
  if (name === "status") follow();
}

/** The title and the icon of the tab say what the line at the top says. */
function follow() {
  const line = document.querySelector(".status[data-kind]");
  if (!(line instanceof HTMLElement)) return;
  const { kind = "", waiting = "0", icon = "" } = line.dataset;
  document.title = titled(document.title, kind, waiting);
  const link = document.querySelector("link[rel=icon]");
  if (link instanceof HTMLLinkElement && link.getAttribute("href") !== icon) link.href = icon;
  const badge = document.querySelector("[data-count=approvals]");
  if (badge instanceof HTMLElement && badge.firstChild) {
    if (Number(waiting) > Number(badge.firstChild.textContent)) notify(line);
    badge.firstChild.textContent = waiting;
    badge.hidden = waiting === "0";
  }
}

/** @param {HTMLElement} line */
function notify(line) {
  const text = line.querySelector("a.primary")?.textContent || "";
  if (!document.querySelector("[data-live=approvals]")) announce(text);
  if (document.hidden && wanted()) {
    const shown = new Notification("Copilot Bridge", { body: text, tag: "approvals", icon: line.dataset.icon });
    shown.onclick = () => { window.focus(); location.assign(`${words.root?.replace(/\/$/, "")}/approvals`); };
  }
}

/** The reader has asked for notifications, and the browser allows them. */
export function wanted() {
  return "Notification" in window && Notification.permission === "granted" && localStorage.getItem("notify") === "1";
}

function open() {
  source?.close();
  source = new EventSource(address(false));
  source.addEventListener("part", (event) => {
    failures = 0;
    const message = JSON.parse(event.data);
    take(message.name, message.html);
  });
  source.addEventListener("error", () => {
    failures += 1;
    if (source?.readyState === EventSource.CLOSED) return again();  // refused, or no bridge
    if (failures === LOST_AFTER) toast(words.offline || "");
  });
}

/** Whether the reader may still see the page is for the server to say. */
async function again() {
  clearTimeout(timer);
  try {
    const response = await fetch(address(true), { headers: { Accept: "text/html", "X-Live": "1" } });
    if (response.status === 401 || response.status === 403) return location.reload();
    failures = 0;
    open();
  } catch {
    failures += 1;
    if (failures === LOST_AFTER) toast(words.offline || "");
    timer = setTimeout(again, Math.min(30000, 2000 * 2 ** Math.min(failures, 4)));
  }
}

/** While nobody sees the page it takes no connection, of which a browser has six for each site. */
async function look() {
  try {
    const response = await fetch(address(true), { headers: { Accept: "text/html", "X-Live": "1" } });
    if (response.ok) Object.entries(await response.json()).forEach(([name, html]) => take(name, html));
  } catch {
    // It is asked again when the page is seen.
  }
  if (document.hidden) timer = setTimeout(look, PAUSE);
}

function choose() {
  clearTimeout(timer);
  if (document.hidden && !wanted()) {
    source?.close();
    source = null;
    timer = setTimeout(look, PAUSE);
  } else if (!source) {
    open();
  }
}

/** Open the stream anew: the regions of the page have changed. */
export function restart() {
  if (source) open();
}

export function start() {
  if (!words.liveUrl || !regions().length) return;
  document.addEventListener("visibilitychange", () => {
    choose();
    if (!document.hidden) all(document, "[data-later][data-every]").forEach(load);
  });
  window.addEventListener("pagehide", () => source?.close());
  window.addEventListener("pageshow", (event) => { if (event.persisted) open(); });
  choose();
}
