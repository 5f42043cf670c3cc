// A sentence with a colour behind every word: red speaks for the class, blue against it, purple has no sign.

import { el, hideTip, number, showTip } from "./dom.js";
import { start } from "./state.js";

export function shade(score, scale, signed) {
  if (score === null || score === undefined) return ["undefined", 0];
  const size = Math.abs(score);
  if (size <= ROUNDING * (scale || 0)) return ["zero", 0];
  const strength = scale > 0 ? Math.min(1, size / scale) : 0;
  return [signed ? (score > 0 ? "for" : "against") : "weight", strength];
}

const ROUNDING = 1e-12; // of the scale: what is smaller has no sign to speak of

export const isDark = (kind, strength) => strength >= (start.dark_from[kind] ?? 2);

export function paint(element, kind, strength) {
  for (const name of ["for", "against", "weight", "agree", "disagree", "zero", "undefined", "dark"]) {
    element.classList.remove(name);
  }
  element.classList.add(kind);
  if (isDark(kind, strength)) element.classList.add("dark");
  element.style.setProperty("--s", strength.toFixed(3));
}

// The words of a text, as the server splits it: [text, units...], -1 for what the classifier never saw.
// Words that act are a toolbar: screen readers then leave the arrow keys to the page.
export function sentence(pieces, label, { active = true } = {}) {
  const box = el("div", { class: "sentence", dir: "auto", role: active ? "toolbar" : "group", "aria-label": label });
  let first = true;
  for (const [text, ...units] of pieces) {
    if (!units.length) box.append(text);
    else if (units[0] === -1) box.append(el("s", { title: "cut: the classifier never saw this", text }));
    else if (active) {
      box.append(el("span", { class: "u", role: "button", tabindex: first ? 0 : -1, "data-units": units.join(","), text }));
      first = false;
    } else box.append(el("span", { class: "u", "data-units": units.join(","), text }));
  }
  return box;
}

export const unitsOf = (word) => word.dataset.units.split(",").map(Number);

// Colour the words of a sentence by a row of scores. `about` has: units, target_name, removed, selected.
export function colour(box, row, about, scale = row.scale) {
  const order = row.scores.map((score, unit) => [Math.abs(score ?? 0), unit]).sort((a, b) => b[0] - a[0] || a[1] - b[1]);
  const rank = new Map(order.map(([, unit], place) => [unit, place + 1]));
  const n = row.scores.filter((score) => score !== null).length;
  const removed = new Set(about.removed), selected = new Set(about.selected ?? []);
  for (const word of box.querySelectorAll(".u")) {
    const units = unitsOf(word);
    const gone = units.every((unit) => removed.has(unit));
    const score = units.reduce((sum, unit) => (row.scores[unit] === null ? sum : (sum ?? 0) + row.scores[unit]), null);
    const [kind, strength] = gone ? ["zero", 0] : shade(score, scale, row.signed);
    paint(word, kind, strength);
    word.classList.toggle("removed", gone);
        const chosen = units.some((unit) => selected.has(unit));
    word.classList.toggle("chosen", chosen);
    const parts = gone ? ["removed: click to put it back"] : describe(row, units, score, rank, n, about);
    word.dataset.note = parts.join(" \u00b7 ");
    if (word.hasAttribute("role")) {
      word.setAttribute("aria-label", `${word.textContent}: ${[...(chosen && !gone ? ["selected"] : []), ...parts].join(", ")}`);
      word.setAttribute("aria-pressed", String(gone || chosen));
    }
  }
}

function describe(row, units, score, rank, n, about) {
  if (score === null) return ["no score"];
  const margin = row.margin && units.length === 1 ? row.margin[units[0]] : null;
  const parts = [number(score, row.signed) + (margin === null ? "" : ` \u00b1 ${number(margin, false)}`)];
  if (row.signed && Math.abs(score) > ROUNDING * (row.scale ?? 0)) parts.push(`speaks ${score > 0 ? "for" : "against"} ${about.target_name}`);
  parts.push(`rank ${rank.get(units[0])} of ${n}`);
  return parts;
}

// The legend, which names the classes.
export function legend(place, about, rows) {
  const swatch = (kind, text) => {
    const made = el("span", { class: "u dark", text });
    paint(made, kind, 0.9);
    return made;
  };
  const name = (text) => el("bdi", { text });
  const parts = [];
  if (rows.some((row) => row.signed)) {
    parts.push(el("span", {}, swatch("for", "red"), " speaks for ", name(about.target_name)));
    const against = el("span", {}, swatch("against", "blue, underlined"), " speaks against ", name(about.target_name));
    if (about.other_name !== null) against.append(" and for ", name(about.other_name));
    parts.push(against);
  }
  if (rows.some((row) => !row.signed)) parts.push(el("span", {}, swatch("weight", "purple"), " weight without a sign"));
  place.replaceChildren(...parts);
}

// What a key does to a word; null is what a click does.
const KEYS = { Enter: null, " ": "select", Delete: "remove", Backspace: "remove" };

// Hovering, focusing, and the keyboard: one stop a sentence, arrows within it.
export function attend(place, act) {
  const wordOf = (event) => event.target.closest?.(".u[data-units]");
  place.addEventListener("pointerover", (event) => {
    const word = wordOf(event);
    if (word?.dataset.note) showTip(word, word.dataset.note);
  });
  place.addEventListener("pointerout", hideTip);
  place.addEventListener("focusin", (event) => {
    const word = wordOf(event);
    if (word?.dataset.note && word.matches(":focus-visible")) showTip(word, word.dataset.note);
  });
  place.addEventListener("focusout", hideTip);
  place.addEventListener("click", (event) => {
    const word = wordOf(event);
    if (word && act) act(unitsOf(word), event.shiftKey || event.ctrlKey || event.metaKey ? "select" : null);
  });
  place.addEventListener("keydown", (event) => {
    const word = wordOf(event);
    if (!word) return;
    const back = getComputedStyle(word.parentElement).direction === "rtl" ? "ArrowRight" : "ArrowLeft";
    const moves = { ArrowLeft: back === "ArrowLeft" ? -1 : 1, ArrowRight: back === "ArrowLeft" ? 1 : -1 };
    if (event.key in moves || event.key === "Home" || event.key === "End") {
      event.preventDefault();
      move(word, event.key in moves ? moves[event.key] : event.key === "Home" ? -Infinity : Infinity);
    } else if (act && event.key in KEYS) {
      event.preventDefault();
      act(unitsOf(word), KEYS[event.key]);
    } else if (event.key === "Escape") hideTip();
  });
}

function move(word, step) {
  const all = [...word.parentElement.querySelectorAll(".u[role]")];
  const place = Math.min(all.length - 1, Math.max(0, all.indexOf(word) + step));
  word.tabIndex = -1;
  all[place].tabIndex = 0;
  all[place].focus();
}
