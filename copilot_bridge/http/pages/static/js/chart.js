// Reading a chart: by pointer, by touch, and by the keyboard.
// @ts-check

import { all } from "./dom.js";

all(document, "[data-chart]").forEach((chart) => {
  const reading = chart.querySelector(".reading");
  const bars = /** @type {SVGAElement[]} */ ([...chart.querySelectorAll(".bar-link")]);
  if (!(reading instanceof HTMLElement) || !bars.length) return;
  const hint = reading.textContent || "";

  /** @param {SVGAElement | null} bar */
  const read = (bar) => {
    bars.forEach((other) => other.classList.toggle("read", other === bar));
    const [head = "", ...parts] = (bar?.dataset.reading || hint).split("\n");
    const strong = document.createElement("strong");
    strong.textContent = head;
    reading.replaceChildren(bar ? strong : head, ...parts.map((part) => {
      const shown = document.createElement("span");
      shown.textContent = part;
      return shown;
    }));
  };
  /** @param {EventTarget | null} target */
  const barAt = (target) => /** @type {SVGAElement | null} */ (target instanceof Element ? target.closest(".bar-link") : null);

  // One stop for Tab; the arrows go from bar to bar.
  const stops = bars.filter((stop) => stop.getAttribute("tabindex") !== "-1");
  stops.slice(0, -1).forEach((stop) => stop.setAttribute("tabindex", "-1"));
  chart.addEventListener("keydown", (event) => {
    const at = stops.indexOf(/** @type {SVGAElement} */ (document.activeElement));
    const steps = /** @type {Record<string, number>} */ ({ ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: stops.length - 1 });
    const next = at < 0 ? undefined : stops[steps[event.key]];
    if (!next) return;
    event.preventDefault();
    stops.forEach((stop) => stop.setAttribute("tabindex", stop === next ? "0" : "-1"));
    next.focus();
  });
  chart.addEventListener("pointerover", (event) => read(barAt(event.target)));
  chart.addEventListener("pointerleave", () => read(null));
  chart.addEventListener("focusin", (event) => read(barAt(event.target)));
  chart.addEventListener("focusout", () => read(null));

  // A finger reads first; a second tap on the same bar opens its requests.
  /** @type {SVGAElement | null} */
  let touched = null;
  chart.addEventListener("click", (event) => {
    const bar = barAt(event.target);
    if (!bar || !(event instanceof PointerEvent) || event.pointerType !== "touch") return;
    if (bar !== touched) event.preventDefault();
    touched = bar;
    read(bar);
  });
});
