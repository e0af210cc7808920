// Copying, and what Escape closes.
// @ts-check

import { toast, words } from "./dom.js";

/** Where the page came over plain http from elsewhere there is no clipboard but this old way to it. @param {string} text */
function copyOldWay(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "visually-hidden";
  field.readOnly = true;
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

/** @param {HTMLElement} button */
async function copy(button) {
  const of = button.dataset.copyOf;
  const text = (of ? document.getElementById(of)?.textContent?.trim() : button.dataset.copy) || "";
  let done = false;
  try {
    await navigator.clipboard.writeText(text);
    done = true;
  } catch {
    done = copyOldWay(text);
    button.focus();
  }
  toast((done ? words.copied : words.notCopied) || "");
}

document.addEventListener("click", (event) => {
  if (!(event.target instanceof Element)) return;
  const button = event.target.closest(".copy");
  if (button instanceof HTMLElement) return copy(button);
  open(event, event.target);
});

/** A row with data-href is a link as a whole; what can be clicked within it stays what it is. @param {MouseEvent} event @param {Element} target */
function open(event, target) {
  const row = target.closest("[data-href]");
  if (!(row instanceof HTMLElement) || !row.dataset.href || target.closest("a, button, input, label")) return;
  if (getSelection()?.toString()) return;  // words are being marked
  if (event.ctrlKey || event.metaKey) window.open(row.dataset.href, "_blank", "noopener");
  else location.assign(row.dataset.href);
}

// What was opened is closed again, from within or from its title.
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.isComposing || !(event.target instanceof Element)) return;
  const opened = event.target.closest("details[open]");
  if (!(opened instanceof HTMLDetailsElement)) return;
  opened.open = false;
  opened.querySelector("summary")?.focus();
});
