// Forms: questions before them, no second click, parts of a page, and searches while one types.
// @ts-check

import { all, announce, toast, words } from "./dom.js";
import { load, show } from "./regions.js";
import { fill } from "./own-key.js";

document.addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (form.dataset.confirm && !confirm(form.dataset.confirm)) return event.preventDefault();
  if (form.dataset.busy !== undefined) {
    if (form.dataset.sent) return event.preventDefault();  // a second click is no second wish
    form.dataset.sent = "1";
  }
});
window.addEventListener("pageshow", () => {
  all(document, "form[data-sent]").forEach((form) => { delete form.dataset.sent; });
});

// --- a search that shows results while one types ---------------------------------------------------------------

all(document, "form[data-search]").forEach((element) => {
  const form = /** @type {HTMLFormElement} */ (element);
  const region = document.getElementById(form.dataset.search || "");
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  const search = () => {
    if (!region) return;
    const fields = [...new FormData(form)].filter(([, value]) => String(value).trim());
    const query = new URLSearchParams(fields.map(([name, value]) => [name, String(value)])).toString();
    history.replaceState(null, "", query ? `${form.action}?${query}` : form.action);
    region.dataset.later = `${(region.dataset.later || "").split("?")[0]}?${query}`;
    load(region);
  };
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(search, 150);
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    search();
  });
});

// --- forms that change only a part of the page -----------------------------------------------------------------

// With data-target="ID": of the page that the form leads to, only what has this id is taken over, so what was
// typed elsewhere stays, and so does the focus.  With data-auto: as soon as a choice is made.
let asked = 0;

/** @param {HTMLFormElement} form @param {HTMLElement | null} button */
async function takeOver(form, button) {
  asked += 1;
  const turn = asked;
  const into = document.getElementById(form.dataset.target || "");
  if (!into) return form.submit();
  const get = form.method === "get";
  const query = new URLSearchParams();
  new FormData(form, button).forEach((value, name) => query.append(name, String(value)));
  const waits = all(form, "[data-wait]");
  waits.forEach((wait) => { wait.hidden = false; });
  into.setAttribute("aria-busy", "true");
  let found = null;
  try {
    const response = await fetch(get ? `${form.action}?${query}` : form.action, {
      method: form.method, headers: { Accept: "text/html" }, ...(get ? {} : { body: query }),
    });
    if (turn !== asked && get) return;  // another choice has been made meanwhile
    found = new DOMParser().parseFromString(await response.text(), "text/html").getElementById(into.id);
  } catch {
    toast(words.offline || "");
    delete form.dataset.sent;
    waits.forEach((wait) => { wait.hidden = true; });
    return into.removeAttribute("aria-busy");
  }
  if (!found) return form.submit();  // something else is to be said: by a page of its own
  if (get) remember(query);
  show(into, found.innerHTML);
  delete form.dataset.sent;
  into.removeAttribute("aria-busy");
  fill();
  const says = into.querySelector("[role=status], [role=alert]");
  if (says) announce(says.textContent || "");
}

/** In the address, in the other forms, and in the links to this page in another language or theme. @param {URLSearchParams} query */
function remember(query) {
  history.replaceState(null, "", `?${query}`);
  for (const [name, value] of query) {
    all(document, `input[type=hidden][name="${name}"]`).forEach((input) => {
      /** @type {HTMLInputElement} */ (input).value = value;
    });
  }
  all(document, ".choices a").forEach((element) => {
    const link = /** @type {HTMLAnchorElement} */ (element);
    const choice = new URL(link.href).searchParams;
    const kept = ["lang", "theme"].filter((name) => choice.has(name)).map((name) => [name, choice.get(name) || ""]);
    link.href = `${location.pathname}?${new URLSearchParams([...query, ...kept])}`;
  });
}

document.addEventListener("submit", (event) => {
  const form = /** @type {HTMLFormElement} */ (event.target);
  if (form.dataset.target === undefined || event.defaultPrevented) return;
  event.preventDefault();
  takeOver(form, /** @type {HTMLElement | null} */ (event.submitter));
});
document.addEventListener("change", (event) => {
  const field = /** @type {HTMLInputElement} */ (event.target);
  const form = field.form;
  if (field.type.startsWith("date")) return;  // it changes with each of its parts
  if (form && form.dataset.auto !== undefined) form.requestSubmit();
});
