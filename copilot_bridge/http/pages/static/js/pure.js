// What needs no page: for the other scripts, and for their tests.
// @ts-check

/**
 * @param {number} seconds
 * @returns {string} "14:32", "1:02:03"
 */
export function clock(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/**
 * The texts of the events in a piece of a stream, and what is left of an event that is not whole yet.
 * @param {string} text
 * @returns {[any[], string]}
 */
export function eventsOf(text) {
  const blocks = text.split("\n\n");
  const rest = blocks.pop() || "";
  const found = blocks.flatMap((block) => block.split("\n"))
    .filter((line) => line.startsWith("data: ") && line !== "data: [DONE]")
    .map((line) => JSON.parse(line.slice(6)));
  return [found, rest];
}

/**
 * The list price of a response in US$; null: it is not known.
 * @param {{ premium?: string, given?: string, out?: string }} prices
 * @param {{ prompt_tokens?: number, completion_tokens?: number } | null} usage
 */
export function priceOf(prices, usage) {
  if (prices.premium) return Number(prices.premium) * 0.04;
  if (!usage || !prices.given) return null;
  const units = (usage.prompt_tokens || 0) * Number(prices.given) + (usage.completion_tokens || 0) * Number(prices.out || 0);
  return units / 1e6 / 100;
}

/**
 * The title of a page with the number that waits for the operator, and a sign of trouble.
 * @param {string} title as it is now
 * @param {string} kind of the line at the top
 * @param {string} waiting
 */
export function titled(title, kind, waiting) {
  const plain = title.replace(/^(\(\d+\) )?(⚠ )?/, "");
  return (waiting === "0" ? "" : `(${waiting}) `) + (["warning", "danger"].includes(kind) ? "⚠ " : "") + plain;
}

/** @type {Record<string, Intl.DateTimeFormatOptions>} */
export const STYLES = {
  long: { dateStyle: "medium", timeStyle: "short" },
  time: { timeStyle: "medium" },
  minute: { timeStyle: "short" },
  date: { dateStyle: "medium" },
  day: { day: "numeric", month: "short" },
  exact: { dateStyle: "medium", timeStyle: "medium" },
  stamp: { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" },
};
/** @type {[Intl.RelativeTimeFormatUnit, number][]} */
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

/**
 * @param {Intl.RelativeTimeFormat} relative
 * @param {number} seconds
 * @returns {string} "3 minutes ago", "in 2 hours"
 */
export function distance(relative, seconds) {
  const [unit, length] = UNITS.find(([, length]) => Math.abs(seconds) >= length) || UNITS[3];
  return relative.format(Math.trunc(seconds / length), unit);
}

/**
 * The style for a moment: today's time is enough, and a stamp of another year says which.
 * @param {string} name
 * @param {Date} moment
 * @param {Date} now
 * @returns {Intl.DateTimeFormatOptions}
 */
export function styleOf(name, moment, now) {
  if (name === "soon") return moment.toDateString() === now.toDateString() ? STYLES.minute : STYLES.long;
  if (name === "stamp") {
    if (moment.toDateString() === now.toDateString()) return STYLES.time;
    return moment.getFullYear() === now.getFullYear() ? STYLES.stamp : STYLES.exact;
  }
  return STYLES[name] || STYLES.long;
}
