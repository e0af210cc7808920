// What all scripts of the pages use.
// @ts-check

export const language = document.documentElement.lang;
export const words = document.body.dataset;

/**
 * Words for everybody, read aloud as well.
 * @param {string} text
 */
export function announce(text) {
  const place = document.getElementById("announcer");
  if (place) place.textContent = text;
}

/** @param {string} text */
export function toast(text) {
  const shown = document.createElement("div");
  shown.className = "toast";
  shown.textContent = text;
  document.getElementById("toasts")?.replaceChildren(shown);
  announce(text);
  setTimeout(() => shown.remove(), 3500);
}

/**
 * @param {ParentNode} root
 * @param {string} selector
 * @returns {HTMLElement[]}
 */
export function all(root, selector) {
  return [...root.querySelectorAll(selector)].map((element) => /** @type {HTMLElement} */ (element));
}

/**
 * What the server shows to a browser, or to the script of a page with `live`.
 * @param {string} url
 * @param {RequestInit} [options]
 */
export function request(url, options = {}) {
  const headers = { Accept: "text/html", ...options.headers };
  return fetch(url, { signal: AbortSignal.timeout(30000), ...options, headers });
}
