// The view Compare: two texts or two models side by side; agreement of the methods; deletion curves.

import { lines } from "./charts.js";
import { byId, debounced, el, number } from "./dom.js";
import { bars, headline, predicted } from "./glance.js";
import { draw } from "./rows.js";
import { ask, asked, fail, model, speak, start, state, write } from "./state.js";
import { attend, legend, paint } from "./words.js";

let turn = 0;

export async function compare() {
  const mine = ++turn;
  if (!state.text.trim()) {
    fail(null);
    return clear();
  }
  const sides = byId("sides");
  sides.setAttribute("aria-busy", "true");
  try {
    const first = () => asked({ methods: state.methods });
    const a = await ask("explain", first, "side-a");
    if (!a) return;
    // Both sides, so that an answer about the second text is not shown beside an old one about the first.
    const both = () => ({ first: first(), second: second(a.target) });
    const question = JSON.stringify(both());
    const b = second(a.target) && await ask("explain", () => second(a.target), "side-b");
    if (mine !== turn || JSON.stringify(both()) !== question) return;
    if (second(a.target) && !b) return;
    fail(null);
    show(a, b);
    speak(b ? `${title(false)}: ${predicted(a)} ${title(true)}: ${predicted(b)}` : predicted(a));
    matrix(byId("matrix"), a.agreement);
    byId("curves").classList.add("stale");
    const curves = await ask("curves", first);
    if (!curves) return;
    byId("curves").classList.remove("stale");
    chart(curves, a);
  } catch (error) {
    if (mine !== turn) return;
    clear();
    fail(error);
  } finally {
    if (mine === turn) sides.removeAttribute("aria-busy");
  }
}

// What is asked of the second text or model; null where it is the same as of the first.
function second(target) {
  const text = state.text2.trim() ? state.text2 : state.text;
  if (text === state.text && state.model2 === state.model) return null;
  const removed = text === state.text ? state.removed : [];
  return { ...asked({ methods: state.methods, removed }), text, model: state.model2, target: state.model2 === state.model ? `#${target}` : null };
}

function clear() {
  for (const id of ["sides", "legend2", "matrix", "curves"]) byId(id).replaceChildren();
  byId("sides").removeAttribute("aria-busy");
}

function show(a, b) {
  const made = [side(a, title(false)), b && side(b, title(true))].filter(Boolean);
  byId("sides").classList.toggle("two", made.length === 2);
  byId("sides").replaceChildren(...made);
  legend(byId("legend2"), { ...a, selected: [] }, a.rows);
}

function title(isOther) {
  if (!isOther) return "The first text";
  return state.model2 === state.model ? "The other text" : `By ${model(state.model2).shown}`;
}

function side(answer, title) {
  const rows = el("div", { class: "rows" });
  attend(rows, null);
  draw(rows, { ...answer, selected: [] }, answer.rows, { shared: state.scale === "1" });
  for (const box of rows.querySelectorAll("[role=toolbar]")) box.setAttribute("role", "group");
  for (const word of rows.querySelectorAll(".u[role]")) {
    word.setAttribute("role", "img");
    word.removeAttribute("aria-pressed");
  }
  return el("section", { class: "side", "aria-label": title }, el("h3", { text: title }),
    el("div", { class: "glance small" }, el("div", { class: "said" }, ...headline(answer)), el("div", { class: "bars" }, ...bars(answer))), rows);
}

export function matrix(place, agreement) {
  if (!agreement) {
    place.replaceChildren(el("p", { class: "note", text: "Choose two methods or more." }));
    return;
  }
  const cell = (value, i, j) => {
    const made = el("td", { class: "n", text: value === null ? "\u2013" : number(+value.toFixed(2), false), title: `${agreement.methods[i]} and ${agreement.methods[j]}` });
    paint(made, value === null ? "undefined" : value < 0 ? "disagree" : "agree", Math.abs(value ?? 0));
    return made;
  };
  const head = el("tr", {}, el("td"), ...agreement.methods.map((name) => el("th", { scope: "col", text: name })));
  const body = agreement.values.map((line, i) => el("tr", {}, el("th", { scope: "row", text: agreement.methods[i] }), ...line.map((value, j) => cell(value, i, j))));
  place.replaceChildren(el("table", { class: "matrix", "aria-label": "Agreement of every two methods" }, el("thead", {}, head), el("tbody", {}, ...body)));
}

function chart(answer, about) {
  const series = answer.curves.map((one) => ({ name: one.method, values: one.values, note: `area ${number(one.area, false)}` }));
  if (!series.length) return byId("curves").replaceChildren(...Object.values(answer.refused).slice(0, 1).map((text) => el("p", { class: "note", text })));
  lines(byId("curves"), {
    xs: answer.shares, series, x: "share of the words removed", y: `probability of ${about.target_name}`,
    label: `Probability of ${about.target_name} as the highest-scored words are removed: ${series.map((one) => `${one.name} ${one.note}`).join(", ")}`,
  });
}

export function prepare() {
  const later = debounced(compare, 400);
  byId("text2").addEventListener("input", (event) => { state.text2 = event.target.value; write(); later(); });
  byId("model2").addEventListener("change", (event) => { state.model2 = event.target.value; write(); compare(); });
}

export function fill() {
  byId("text2").value = state.text2;
  byId("model2").value = start.models.some((one) => one.name === state.model2) ? state.model2 : start.models[0].name;
}
