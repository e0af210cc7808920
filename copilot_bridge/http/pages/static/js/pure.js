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
 * The list price of an answer in US$; null: it is not known.
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
