// Answers that leave the page where it is: an answered card stays in its place, and no button moves under a finger.
// @ts-check

import { all, announce, toast, words } from "./dom.js";
import { wanted } from "./live.js";

/** @param {HTMLElement} card @param {string} text */
export function close(card, text) {
  if (card.classList.contains("done")) return;
  card.classList.add("done");
  all(card, "button").forEach((button) => { /** @type {HTMLButtonElement} */ (button).disabled = true; });
  const said = card.querySelector(".answered");
  if (said) said.textContent = text;
}

/** A card that the server shows no more: somebody else has decided, or the client has left. @param {HTMLElement} card */
export function gone(card) {
  const said = card.querySelector(".answered");
  close(card, (said instanceof HTMLElement && said.dataset.gone) || "");
}

document.addEventListener("submit", async (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  const button = event.submitter;
  const card = form.closest("[data-keep]");
  if (form.dataset.answer === undefined || event.defaultPrevented) return;
  if (!(button instanceof HTMLButtonElement) || !(card instanceof HTMLElement)) return;
  event.preventDefault();
  const body = new URLSearchParams();
  new FormData(form, button).forEach((value, name) => body.append(name, String(value)));
  all(card, "button").forEach((button) => { /** @type {HTMLButtonElement} */ (button).disabled = true; });
  try {
    const response = await fetch(form.action, { method: "post", headers: { Accept: "text/html" }, body });
    if (!response.ok) throw new Error(String(response.status));
    if (response.url.endsWith("gone")) return gone(card);
    close(card, button.dataset.done || "");
    announce(button.dataset.done || "");
    const next = all(document, ".question:not(.done) button")[0];
    (next || document.getElementById("content"))?.focus({ preventScroll: true });
  } catch {
    all(card, "button").forEach((button) => { /** @type {HTMLButtonElement} */ (button).disabled = false; });
    toast(words.offline || "");
  }
});

// --- a notification on wish ------------------------------------------------------------------------------------

all(document, "[data-notify]").forEach((button) => {
  if (!("Notification" in window)) return;
  button.hidden = false;
  const tell = () => button.setAttribute("aria-pressed", String(wanted()));
  tell();
  button.addEventListener("click", async () => {
    const on = !wanted();
    if (on && Notification.permission !== "granted") await Notification.requestPermission();
    localStorage.setItem("notify", on ? "1" : "0");
    tell();
  });
});
