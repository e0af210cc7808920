// The one script of the pages.  All of them work without it; with it they copy, tell the local time and
// keep themselves up to date.

"use strict";

const language = document.documentElement.lang;
const body = document.body;

// Words for everybody, read aloud as well.
function announce(text) {
  document.getElementById("announcer").textContent = text;
}

function toast(text) {
  const shown = document.createElement("div");
  shown.className = "toast";
  shown.textContent = text;
  document.getElementById("toasts").replaceChildren(shown);
  announce(text);
  setTimeout(() => shown.remove(), 3500);
}

// --- times ---------------------------------------------------------------------------------------------

const STYLES = {
  long: { dateStyle: "medium", timeStyle: "short" },
  time: { timeStyle: "medium" },
  date: { dateStyle: "medium" },
  day: { day: "numeric", month: "short" },
  exact: { dateStyle: "medium", timeStyle: "medium" },
  stamp: { month: "short", day: "numeric", hour: "numeric", minute: "2-digit", second: "2-digit" },
};
const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const relative = new Intl.RelativeTimeFormat(language, { numeric: "auto" });

function distance(seconds) {
  const [unit, length] = UNITS.find(([, each]) => Math.abs(seconds) >= each) || UNITS[3];
  return relative.format(Math.trunc(seconds / length), unit);
}

// A stamp of another year says which.
function styleOf(name, moment) {
  const past = name === "stamp" && moment.getFullYear() !== new Date().getFullYear();
  return past ? STYLES.exact : STYLES[name];
}

function tellTime(element) {
  const given = element.dateTime;
  const dateOnly = given.length <= 10;
  const moment = new Date(dateOnly ? given + "T00:00:00" : given);
  if (isNaN(moment)) return;
  const style = element.dataset.style;
  const full = moment.toLocaleString(language, dateOnly ? STYLES.date : STYLES.long);
  const text = style === "ago" || style === "until"
    ? distance((moment - Date.now()) / 1000)
    : moment.toLocaleString(language, styleOf(style, moment) || (dateOnly ? STYLES.date : STYLES.long));
  if (element.textContent !== text) element.textContent = text;
  element.title = full;
}

// 14:32, until the moment in data-countdown (unix seconds).
function countDown(element) {
  const left = Math.max(0, Math.round(Number(element.dataset.countdown) - Date.now() / 1000));
  const text = `${Math.floor(left / 60)}:${String(left % 60).padStart(2, "0")}`;
  if (element.textContent !== text) element.textContent = text;
}

function tellTimes(root) {
  root.querySelectorAll("time[datetime]").forEach(tellTime);
  root.querySelectorAll("[data-countdown]").forEach(countDown);
}

setInterval(() => {
  document.querySelectorAll("time[data-style=ago], time[data-style=until]").forEach(tellTime);
  document.querySelectorAll("[data-countdown]").forEach(countDown);
}, 1000);

// --- what needs the script, such as copying ------------------------------------------------------------

function offer(root) {
  root.querySelectorAll(".copy[hidden], [data-scripted][hidden]").forEach((each) => { each.hidden = false; });
}

// Where the page came over plain http from elsewhere there is no clipboard but this old way to it.
function copyOldWay(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "visually-hidden";
  field.readOnly = true;
  body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  return done;
}

async function copy(button) {
  const of = button.dataset.copyOf;
  const text = of ? document.getElementById(of).textContent.trim() : button.dataset.copy;
  let done = false;
  try {
    await navigator.clipboard.writeText(text);
    done = true;
  } catch {
    done = copyOldWay(text);
    button.focus();
  }
  toast(done ? body.dataset.copied : body.dataset.notCopied);
}

// --- regions that are alive ----------------------------------------------------------------------------

// What has the focus is found again in the new content: by its id, or by what it does.
function marks(element) {
  const form = element.closest("form");
  const fields = form ? [...form.elements].filter((each) => each.name && each.name !== "csrf_token") : [];
  return element.id || [
    element.tagName, element.getAttribute("href") || form?.getAttribute("action"),
    ...fields.map((each) => `${each.name}=${each.value}`),
  ].join(" ");
}

// The tokens in forms are new each time; that alone is no news.
function news(html) {
  return html.replace(/name="csrf_token" value="[^"]*"/g, "");
}

function replace(region, html) {
  const focused = region.contains(document.activeElement) ? marks(document.activeElement) : null;
  const said = region.querySelector("[data-announce]")?.dataset.announce;
  region.innerHTML = html;
  tellTimes(region);
  offer(region);
  if (focused) {
    const all = [...region.querySelectorAll("a, button, input, select, summary, [tabindex]")];
    const again = all.find((each) => marks(each) === focused);
    (again || document.getElementById("content")).focus({ preventScroll: true });
  }
  const says = region.querySelector("[data-announce]")?.dataset.announce;
  if (says && says !== said) announce(says);
}

class Live {
  constructor(region) {
    this.region = region;
    this.every = Number(region.dataset.every) * 1000;
    this.seen = "";
    this.failures = 0;
    this.stopped = false;
    this.plan("now" in region.dataset ? 0 : this.every);
  }

  plan(pause) {
    clearTimeout(this.timer);
    if (!this.stopped && this.region.isConnected) this.timer = setTimeout(() => this.look(), pause);
  }

  async look() {
    if (document.hidden) return;  // looks again when it is seen
    try {
      const answer = await fetch(this.region.dataset.pollUrl, {
        headers: { Accept: "text/html", "X-Live": "1" }, signal: AbortSignal.timeout(20000),
      });
      if (answer.status === 401 || answer.status === 403) return location.reload();
      if (!answer.ok) throw new Error(answer.status);
      this.take(await answer.text());
      this.failures = 0;
    } catch {
      this.failures += 1;
      if (this.failures === 3) toast(body.dataset.offline);
    }
    this.plan(Math.min(this.every * 2 ** this.failures, Math.max(this.every, 30000)));
  }

  take(html) {
    if (news(html) === this.seen) return;
    this.seen = news(html);
    replace(this.region, html);
    const go = this.region.querySelector("[data-redirect]");
    this.stopped = Boolean(go || this.region.querySelector("[data-stop]"));
    if (go) location.assign(go.dataset.redirect);
    count(this.region);
  }
}

// The number beside "Approvals" in the navigation.
function count(region) {
  const told = region.querySelector("[data-waiting]");
  const shown = document.querySelector("[data-count=approvals]");
  if (!told || !shown) return;
  shown.firstChild.textContent = told.dataset.waiting;
  shown.hidden = told.dataset.waiting === "0";
}

const regions = [...document.querySelectorAll("[data-poll-url]")].map((each) => new Live(each));
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) regions.forEach((each) => each.plan(0));
});

// --- clicks and forms ----------------------------------------------------------------------------------

document.addEventListener("click", (event) => {
  const button = event.target.closest(".copy");
  if (button) copy(button);
});

// What was opened is closed again, from within or from its title.
document.addEventListener("keydown", (event) => {
  const opened = event.key === "Escape" && !event.isComposing && event.target.closest("details[open]");
  if (!opened) return;
  opened.open = false;
  opened.querySelector("summary").focus();
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.confirm && !confirm(form.dataset.confirm)) return event.preventDefault();
  if (form.dataset.busy !== undefined) {
    if (form.dataset.sent) return event.preventDefault();  // a second click is no second wish
    form.dataset.sent = "1";
  }
});
window.addEventListener("pageshow", () => {
  document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent);
});

// --- the reader's time zone ------------------------------------------------------------------------------

// Days begin where the reader is: the server is told by a cookie, and the page comes once more if it did
// not know.
function tellZone(element) {
  const offset = String(-new Date().getTimezoneOffset());
  if (element.dataset.offset === offset) return;
  const cookie = `utc_offset=${offset}`;
  if (document.cookie.split("; ").includes(cookie)) return;  // it knows, and says otherwise
  document.cookie = `${cookie}; path=${element.dataset.root}; max-age=31536000; samesite=strict`;
  if (document.cookie.split("; ").includes(cookie)) location.reload();
}

document.querySelectorAll("[data-offset]").forEach(tellZone);

// --- a search that answers while one types -----------------------------------------------------------------

document.querySelectorAll("form[data-search]").forEach((form) => {
  const live = regions.find((each) => each.region.id === form.dataset.search);
  let timer;
  const search = () => {
    const fields = [...new FormData(form)].filter(([, value]) => value.trim());
    const query = new URLSearchParams(fields).toString();
    history.replaceState(null, "", query ? `${form.action}?${query}` : form.action);
    live.region.dataset.pollUrl = `${live.region.dataset.pollUrl.split("?")[0]}?${query}`;
    live.stopped = false;
    live.plan(0);
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

// --- the end of the log, followed --------------------------------------------------------------------------

const MOST_ROWS = 300;

class Tail {
  constructor(button) {
    this.button = button;
    this.rows = document.getElementById("rows");
    button.hidden = false;
    button.addEventListener("click", () => this.turn(button.getAttribute("aria-pressed") !== "true"));
    if (new URLSearchParams(location.search).has("live")) this.turn(true);
  }

  turn(on) {
    this.button.setAttribute("aria-pressed", String(on));
    const address = new URL(location);
    if (on) address.searchParams.set("live", "1");
    else address.searchParams.delete("live");
    history.replaceState(null, "", address);
    clearTimeout(this.timer);
    this.on = on;
    if (on) this.look();
  }

  async look() {
    let pause = 2000;
    if (!document.hidden) {
      try {
        const address = `${this.button.dataset.tail}&since=${this.rows.dataset.since}`;
        const answer = await fetch(address, {
          headers: { Accept: "text/html", "X-Live": "1" }, signal: AbortSignal.timeout(20000),
        });
        if (answer.status === 401 || answer.status === 403) return location.reload();
        if (!answer.ok) throw new Error(answer.status);
        this.take(await answer.text());
        this.failures = 0;
      } catch {
        this.failures = (this.failures || 0) + 1;
        if (this.failures === 3) toast(body.dataset.offline);
        pause = Math.min(2000 * 2 ** this.failures, 30000);
      }
    }
    if (this.on) this.timer = setTimeout(() => this.look(), pause);
  }

  // The newest is the first; some come twice.
  take(html) {
    const holder = document.createElement("template");
    holder.innerHTML = html;
    const told = holder.content.querySelector("tbody");
    this.rows.dataset.since = told.dataset.since;
    const fresh = [...told.rows].filter((row) => !document.getElementById(row.id));
    if (!fresh.length) return;
    fresh.forEach((row) => row.classList.add("fresh"));
    this.rows.prepend(...fresh);
    [...this.rows.rows].slice(MOST_ROWS).forEach((row) => row.remove());
    this.rows.closest("table").hidden = false;
    document.getElementById("no-rows")?.remove();
    tellTimes(this.rows);
    announce(`${this.button.dataset.news}: ${fresh.length}`);
  }
}

document.querySelectorAll("[data-tail]").forEach((each) => new Tail(each));
// --- forms that change only a part of the page ------------------------------------------------------------

// With data-target="ID": of the page that the form leads to, only what has this id is taken over, so what was
// typed elsewhere stays, and so does the focus.  With data-auto: as soon as a choice is made.
let asked = 0;

async function takeOver(form) {
  const turn = (asked += 1);
  const into = document.getElementById(form.dataset.target);
  const get = form.method === "get";
  const query = new URLSearchParams(new FormData(form));
  form.querySelectorAll("[data-wait]").forEach((each) => { each.hidden = false; });
  into.setAttribute("aria-busy", "true");
  let found = null;
  try {
    const answer = await fetch(get ? `${form.action}?${query}` : form.action, {
      method: form.method, headers: { Accept: "text/html" }, ...(get ? {} : { body: query }),
    });
    if (turn !== asked) return;  // another choice has been made meanwhile
    found = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById(into.id);
  } catch {
    toast(body.dataset.offline);
    delete form.dataset.sent;
    form.querySelectorAll("[data-wait]").forEach((each) => { each.hidden = true; });
    return into.removeAttribute("aria-busy");
  }
  if (!found) return form.submit();  // something else is to be said: by a page of its own
  if (get) remember(query);
  replace(into, found.innerHTML);
  into.removeAttribute("aria-busy");
  fill();
  const says = into.querySelector("[role=status], [role=alert]");
  if (says) announce(says.textContent);
}

// In the address, in the other forms, and in the links to this page in another language or theme.
function remember(query) {
  history.replaceState(null, "", `?${query}`);
  for (const [name, value] of query) {
    document.querySelectorAll(`input[type=hidden][name="${name}"]`).forEach((each) => { each.value = value; });
  }
  document.querySelectorAll(".choices a").forEach((each) => {
    const choice = new URL(each.href).searchParams;
    const kept = ["lang", "theme"].filter((name) => choice.has(name)).map((name) => [name, choice.get(name)]);
    each.href = `${location.pathname}?${new URLSearchParams([...query, ...kept])}`;
  });
}

document.addEventListener("submit", (event) => {
  if (event.target.dataset.target === undefined || event.defaultPrevented) return;
  event.preventDefault();
  takeOver(event.target);
});
document.addEventListener("change", (event) => {
  if (event.target.form?.dataset.auto !== undefined) event.target.form.requestSubmit();
});

// What is typed into a field with data-fills="WORD" stands for WORD in all lines to copy.
const originals = new WeakMap();

function fill() {
  const field = document.querySelector("[data-fills]");
  if (!field) return;
  const { fills: word, first } = field.dataset;
  const right = field.checkValidity();
  document.querySelectorAll("#chosen pre code, #chosen .by-hand").forEach((each) => {
    if (!originals.has(each)) originals.set(each, each.textContent.replaceAll(first, word));
    const text = originals.get(each).replaceAll(word, (right && field.value.trim()) || word);
    if (each.textContent !== text) each.textContent = text;
  });
  field.setAttribute("aria-invalid", String(!right));
  document.querySelector("[data-wrong]").hidden = right;
  document.querySelector("[data-right]").hidden = !right;
}

document.addEventListener("input", (event) => {
  if (event.target.dataset.fills !== undefined) fill();
});

tellTimes(document);
offer(document);
fill();
