// The small chat with one model, or with two side by side: streamed, with the time, the tokens and the price.
// @ts-check

import { all, announce } from "./dom.js";
import { eventsOf, priceOf } from "./pure.js";

/** @typedef {{ role: string, content: string }} Said */

class Talk {
  /** @param {HTMLFormElement} form @param {HTMLSelectElement} select @param {HTMLElement} place */
  constructor(form, select, place) {
    this.form = form;
    this.select = select;
    /** @type {Said[]} */
    this.said = [];
    this.card = document.createElement("section");
    this.card.className = "card talk";
    const option = select.selectedOptions[0];
    this.prices = option.dataset;
    this.model = option.value;
    const title = document.createElement("h2");
    title.textContent = option.textContent;
    this.card.setAttribute("aria-label", this.model);
    this.card.append(title);
    place.append(this.card);
  }

  /** @param {string} name @param {string} text */
  add(name, text) {
    const shown = document.createElement("p");
    shown.className = name;
    shown.textContent = text;
    this.card.append(shown);
    return shown;
  }

  /** @param {string} words @param {AbortSignal} signal */
  async ask(words, signal) {
    this.said.push({ role: "user", content: words });
    this.add("question-text", words);
    const shown = this.add("response-text", "");
    const facts = this.add("muted facts-line", "…");
    const began = performance.now();
    /** @type {number | null} */
    let first = null;
    let usage = null;
    let id = "";
    try {
      const response = await fetch(this.form.dataset.chat || "", {
        method: "post", signal,
        headers: { Accept: "text/event-stream", "Content-Type": "application/json", "X-CSRF-Token": this.token() },
        body: JSON.stringify({ model: this.model, messages: this.said, stream: true, stream_options: { include_usage: true } }),
      });
      id = response.headers.get("x-request-id") || "";
      if (!response.ok || !response.body) throw new Error((await response.json()).error?.message || String(response.status));
      let rest = "";
      for await (const piece of pieces(response.body)) {
        const [events, left] = eventsOf(rest + piece);
        rest = left;
        for (const event of events) {
          if (event.error) throw new Error(event.error.message);
          usage = event.usage || usage;
          const text = event.choices?.[0]?.delta?.content;
          if (!text) continue;
          first ??= performance.now() - began;
          shown.textContent += text;
        }
      }
    } catch (error) {
      const stopped = error instanceof DOMException && error.name === "AbortError";
      // The browser's own words for a lost connection are English.
      const why = stopped ? this.form.dataset.stopped : error instanceof TypeError ? this.form.dataset.lost : /** @type {Error} */ (error).message;
      const said = this.add(stopped ? "muted" : "danger-text", why || "");
      this.card.insertBefore(said, facts);
    }
    this.said.push({ role: "assistant", content: shown.textContent || "" });
    this.tell(facts, first, performance.now() - began, usage, id);
    announce(shown.textContent || "");
  }

  token() {
    return /** @type {HTMLInputElement} */ (this.form.elements.namedItem("csrf_token")).value;
  }

  /** @param {HTMLElement} facts @param {number | null} first @param {number} whole @param {any} usage @param {string} id */
  tell(facts, first, whole, usage, id) {
    const { first: firstWord, tokens, premium, log, details } = this.form.dataset;
    const price = priceOf(this.prices, usage);
    const words = [
      first === null ? "" : `${firstWord} ${(first / 1000).toFixed(2)} s`,
      `${(whole / 1000).toFixed(1)} s`,
      usage ? `${tokens} ${usage.prompt_tokens} → ${usage.completion_tokens}` : "",
      this.prices.premium ? `${premium} ${this.prices.premium}` : "",
      price === null ? "" : `US$ ${price < 0.01 ? Number(price.toPrecision(2)) : price.toFixed(2)}`,
    ];
    facts.textContent = `${words.filter(Boolean).join(" · ")} `;
    if (!id) return;
    const link = document.createElement("a");
    link.href = (log || "").replace("ID", id);
    link.textContent = details || "";
    facts.append(link);
  }
}

/** @param {ReadableStream<any>} body */
async function* pieces(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

all(document, "form[data-chat]").forEach((element) => {
  const form = /** @type {HTMLFormElement} */ (element);
  const place = /** @type {HTMLElement} */ (form.querySelector(".try-responses"));
  const stop = /** @type {HTMLButtonElement} */ (document.getElementById("try-stop"));
  const send = /** @type {HTMLButtonElement} */ (document.getElementById("try-send"));
  const words = /** @type {HTMLTextAreaElement} */ (document.getElementById("try-words"));
  const selects = /** @type {HTMLSelectElement[]} */ (all(form, "select"));
  /** @type {Talk[]} */
  let talks = [];
  let abort = new AbortController();

  const anew = () => {
    abort.abort();
    talks = [];
    place.replaceChildren();
    place.classList.remove("two");
  };
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const text = words.value.trim();
    if (!text || send.disabled) return;
    if (!talks.length) {
      place.replaceChildren();
      talks = selects.filter((select) => select.value).map((select) => new Talk(form, select, place));
      place.classList.toggle("two", talks.length > 1);
    }
    abort = new AbortController();
    words.value = "";
    send.disabled = true;
    stop.hidden = false;
    await Promise.all(talks.map((talk) => talk.ask(text, abort.signal)));
    send.disabled = false;
    stop.hidden = true;
    words.focus();
  });
  words.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  stop.addEventListener("click", () => abort.abort());
  form.addEventListener("reset", anew);
  selects.forEach((select) => select.addEventListener("change", anew));
});
