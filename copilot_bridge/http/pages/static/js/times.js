// Times in the reader's zone and language.
// @ts-check

import { all, language, words } from "./dom.js";
import { STYLES, clock, distance, styleOf } from "./pure.js";

const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

/** @param {HTMLElement} shown */
function tellTime(shown) {
  const element = /** @type {HTMLTimeElement} */ (shown);
  const given = element.dateTime;
  const dateOnly = given.length <= 10;
  const moment = new Date(dateOnly ? `${given}T00:00:00` : given);
  if (Number.isNaN(moment.getTime())) return;
  const style = element.dataset.style || "long";
  const now = new Date();
  const text = style === "ago" || style === "until"
    ? distance(relative, (moment.getTime() - now.getTime()) / 1000)
    : moment.toLocaleString(language, dateOnly && style !== "day" ? STYLES.date : styleOf(style, moment, now));
  if (element.textContent !== text) element.textContent = text;
  element.title = moment.toLocaleString(language, dateOnly ? STYLES.date : STYLES.long);
}

/**
 * The time until the moment in data-countdown, or since the one in data-since (unix seconds).
 * @param {HTMLElement} element
 */
function count(element) {
  const now = Date.now() / 1000;
  const text = element.dataset.countdown
    ? clock(Number(element.dataset.countdown) - now)
    : clock(now - Number(element.dataset.since));
  if (element.textContent !== text) element.textContent = text;
}

/** @param {ParentNode} root */
export function tellTimes(root) {
  all(root, "time[datetime]").forEach(tellTime);
  all(root, "[data-countdown], [data-since]").forEach(count);
}

setInterval(() => {
  all(document, "time[data-style=ago], time[data-style=until]").forEach(tellTime);
  all(document, "[data-countdown], [data-since]").forEach(count);
}, 1000);

/** Days begin where the reader is: the server is told the zone by a cookie. */
export function tellZone() {
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
  if (words.zone === zone) return;
  const cookie = `time_zone=${encodeURIComponent(`${zone}|${-new Date().getTimezoneOffset()}`)}`;
  if (document.cookie.split("; ").includes(cookie)) return;  // it knows, and says otherwise
  document.cookie = `${cookie}; path=${words.root}; max-age=31536000; samesite=strict`;
  const dated = document.querySelector("[data-dated]");
  if (dated && document.cookie.split("; ").includes(cookie)) location.reload();
}
