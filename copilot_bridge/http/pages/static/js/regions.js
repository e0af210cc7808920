// Regions of a page that the server shows anew.
// @ts-check

import { all, announce, request, toast, words } from "./dom.js";
import { gone } from "./approvals.js";
import { tellTimes } from "./times.js";

/** @type {{ morph(old: Node, content: string | Node, options: object): void }} */
const idiomorph = /** @type {any} */ (globalThis).Idiomorph;

/**
 * Show what needs the script, and tell the times.
 * @param {ParentNode} root
 */
export function ready(root) {
  all(root, ".copy[hidden], [data-scripted][hidden]").forEach((element) => { element.hidden = false; });
  tellTimes(root);
}

const callbacks = {
  /** @param {Element} old @param {Element} fresh */
  beforeNodeMorphed(old, fresh) {
    if (!(old instanceof Element)) return true;
    if (old instanceof HTMLTimeElement && fresh instanceof HTMLTimeElement) {
      return old.dateTime !== fresh.dateTime || old.dataset.style !== fresh.dataset.style;
    }
    if (old.classList.contains("done")) return false;  // it has been answered
    return !(old instanceof HTMLElement && fresh instanceof HTMLElement && same(old, fresh));
  },
  /** What the reader has opened stays open. @param {string} name @param {Element} element */
  beforeAttributeUpdated(name, element) {
    return !(name === "open" && element instanceof HTMLDetailsElement);
  },
  /** @param {Node} node */
  beforeNodeRemoved(node) {
    if (!(node instanceof HTMLElement) || !("keep" in node.dataset)) return true;
    gone(node);
    return false;
  },
  /** @param {Node} node */
  afterNodeAdded(node) {
    if (node instanceof HTMLElement && "fresh" in node.dataset) node.classList.add("fresh");
  },
};

/** A counter that the script keeps. @param {HTMLElement} old @param {HTMLElement} fresh */
function same(old, fresh) {
  return ["since", "countdown"].some((name) => name in old.dataset && old.dataset[name] === fresh.dataset[name]);
}

/**
 * Put new content into a region; what has not changed stays, with the focus and what was typed.
 * @param {HTMLElement} region
 * @param {string} html
 */
export function show(region, html) {
  const said = spoken(region);
  idiomorph.morph(region, html, { morphStyle: "innerHTML", ignoreActiveValue: true, callbacks });
  ready(region);
  const says = spoken(region);
  if (says && says !== said) announce(says);
  const go = region.querySelector("[data-redirect]");
  if (go instanceof HTMLElement && go.dataset.redirect) location.assign(go.dataset.redirect);
  region.dispatchEvent(new CustomEvent("shown", { bubbles: true }));
}

/** @param {HTMLElement} region */
function spoken(region) {
  const found = region.querySelector("[data-announce]");
  return found instanceof HTMLElement ? found.dataset.announce : undefined;
}

/**
 * Ask for the content of a region, which GitHub may take its time to tell.
 * @param {HTMLElement} region
 */
export async function load(region) {
  const url = region.dataset.later || "";
  try {
    const response = await request(url, { headers: { "X-Live": "1" } });
    if (response.status === 401 || response.status === 403) return location.reload();
    if (!response.ok) throw new Error(String(response.status));
    const html = await response.text();
    if (url === region.dataset.later) show(region, html);
  } catch {
    toast(words.offline || "");
  }
}

/** @param {ParentNode} root */
export function loadLater(root) {
  all(root, "[data-later]").forEach((region) => {
    if ("now" in region.dataset) load(region);
    const every = Number(region.dataset.every) * 1000;
    if (every) setInterval(() => { if (!document.hidden) load(region); }, every);
  });
}
