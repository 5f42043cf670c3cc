// Rows of the same sentence, one a method; the same elements stay while scores move, so that the eye can follow.

import { el, number } from "./dom.js";
import { colour, sentence } from "./words.js";

const LONG = 400; // characters from which a row is a paragraph and not a line

// The scale of every row: scores in units of the output share one, if that is wanted.
export function scales(rows, shared) {
  const largest = Math.max(0, ...rows.filter((row) => row.comparable).map((row) => row.scale ?? 0));
  return rows.map((row) => (shared && row.comparable ? largest : row.scale ?? 0));
}

export function draw(place, about, rows, { shared = true, active = true, keep = false } = {}) {
  const key = JSON.stringify(about.pieces);
  const known = new Map(place.dataset.key === key ? [...place.children].map((row) => [row.dataset.method, row]) : []);
  const used = scales(rows, shared);
  const made = rows.map((row, i) => {
    const line = known.get(row.method) ?? frame(row, about, active);
    known.delete(row.method);
    line.classList.remove("stale");
    colour(line.querySelector(".sentence"), row, about, used[i]);
    line.querySelector(".who").replaceChildren(...who(row, used[i]));
    return line;
  });
  place.dataset.key = key;
  const rest = keep ? [...known.values()] : [];
  for (const line of rest) line.classList.add("stale");
  const wanted = keep ? ordered(place, made, rest) : made;
  if (wanted.length !== place.children.length || wanted.some((line, i) => place.children[i] !== line)) {
    place.replaceChildren(...wanted);
  }
}

// New and old rows in the order that the place has already, new ones behind.
function ordered(place, made, rest) {
  const all = new Set([...made, ...rest]);
  const there = [...place.children].filter((line) => all.has(line));
  return [...there, ...made.filter((line) => !there.includes(line))];
}

function frame(row, about, active) {
  const length = about.pieces.reduce((sum, [text]) => sum + text.length, 0);
  const line = el("div", { class: `row${length > LONG ? " long" : ""}`, "data-method": row.method });
  line.append(el("div", { class: "who" }), sentence(about.pieces, `${row.method}: the words with their scores`, { active }));
  return line;
}

function who(row, scale) {
  const parts = [el("h3", { text: row.method })];
  if (row.paper_name) parts.push(el("p", { text: row.paper_name }));
  if (scale) {
    const ramp = el("i", { class: `ramp ${row.signed ? "for" : "weight"}-ramp` });
    const ends = [row.signed ? number(-scale) : "0", number(scale, row.signed)];
    parts.push(el("div", { class: "scale", role: "img", "aria-label": `colours from ${ends[0]} to ${ends[1]}` }, el("span", { text: ends[0] }), ramp, el("span", { text: ends[1] })));
  }
  if (row.faint) parts.push(el("p", { class: "faint", text: row.faint }));
  if (row.family === "exact" && row.error_bound !== null) {
    parts.push(el("p", { text: `exact: error below ${number(Math.max(row.error_bound, 1e-16), false)}` }));
  }
  return parts;
}

// All numbers, a line a unit and a column a method.
export function table(place, about, rows) {
  const head = el("tr", {}, el("th", { scope: "col", text: about.unit }), ...rows.map((row) => el("th", { scope: "col", text: row.method })));
  const lines = about.units.map((unit, i) =>
    el("tr", {}, el("th", { scope: "row" }, el("bdi", { text: unit })), ...rows.map((row) =>
      el("td", { class: "n", text: about.removed.includes(i) ? "removed" : number(row.scores[i], row.signed) }))));
  place.replaceChildren(el("table", { class: "all" },
    el("caption", { class: "hidden", text: `Scores of every ${about.unit} for ${about.target_name}` }),
    el("thead", {}, head), el("tbody", {}, ...lines)));
}
