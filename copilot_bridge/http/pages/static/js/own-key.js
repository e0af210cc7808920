// What is typed into a field with data-fills="WORD" stands for WORD in all lines to copy.
// @ts-check

import { all } from "./dom.js";

/** @type {WeakMap<HTMLElement, string>} */
const originals = new WeakMap();

export function fill() {
  const field = document.querySelector("[data-fills]");
  if (!(field instanceof HTMLInputElement)) return;
  const { fills: word = "", first = "" } = field.dataset;
  const right = field.checkValidity();
  all(document, "#chosen pre code, #chosen .by-hand").forEach((element) => {
    if (!originals.has(element)) originals.set(element, (element.textContent || "").replaceAll(first, word));
    const text = (originals.get(element) || "").replaceAll(word, (right && field.value.trim()) || word);
    if (element.textContent !== text) element.textContent = text;
  });
  field.setAttribute("aria-invalid", String(!right));
  all(document, "[data-wrong]").forEach((element) => { element.hidden = right; });
  all(document, "[data-right]").forEach((element) => { element.hidden = !right; });
}

// The server has written the lines anew.
document.addEventListener("shown", (event) => {
  all(/** @type {HTMLElement} */ (event.target), "pre code, .by-hand").forEach((element) => originals.delete(element));
});

document.addEventListener("input", (event) => {
  if (event.target instanceof HTMLElement && event.target.dataset.fills !== undefined) fill();
});
