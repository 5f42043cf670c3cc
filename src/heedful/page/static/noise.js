// The view Sampling noise: LIME drawn again and again, beside what it would say with infinitely many samples.

import { dots } from "./charts.js";
import { byId, el, number } from "./dom.js";
import { ask, asked, fail, speak, start, state, write } from "./state.js";

const WORDS = 8; // shown

let order = null; // the words shown, for as long as the question is the same
let question = "";
let turn = 0;

export async function noise() {
  const count = start.counts[state.samples];
  label(count);
  const place = byId("noise-chart");
  if (!state.text.trim()) {
    fail(null);
    return clear();
  }
  const now = JSON.stringify(asked());
  const mine = ++turn;
  place.setAttribute("aria-busy", "true");
  try {
    const answer = await ask("noise", () => asked({ samples: start.counts[state.samples] }));
    if (!answer) return;
    fail(null);
    if (now !== question) {
      order = null;
      delete place.dataset.reach;
    }
    question = now;
    show(answer);
  } catch (error) {
    clear();
    fail(error);
  } finally {
    if (mine === turn) place.removeAttribute("aria-busy");
  }
}

function clear() {
  for (const id of ["noise-chart", "noise-said", "noise-key", "noise-table"]) byId(id).replaceChildren();
}

function label(count) {
  const text = count.toLocaleString("en");
  byId("samples").value = String(state.samples);
  byId("samples").setAttribute("aria-valuetext", `${text} samples`);
  byId("samples-shown").textContent = text;
}

function show(answer) {
  const mean = answer.left.map((_, i) => answer.draws.reduce((sum, draw) => sum + draw[i], 0) / answer.draws.length);
  const centre = answer.exact ?? mean;
  order ??= centre.map((score, i) => [Math.abs(score), i]).sort((a, b) => b[0] - a[0]).slice(0, WORDS).map(([, i]) => i);
  const pick = (values) => values && order.map((i) => values[i]);
  const words = pick(answer.left);
  const said = sentence(answer, centre);
  dots(byId("noise-chart"), { words, draws: answer.draws.map(pick), exact: pick(answer.exact), expected: pick(answer.expected), label: said });
  byId("noise-said").textContent = said;
  speak(said);
  byId("noise-key").textContent = answer.exact
    ? `Solid line: infinitely many samples, exact. Dashed line: what ${answer.count.toLocaleString("en")} samples give on average; LIME's penalty pulls it towards 0.`
    : "This model has no exact engine, so there is no line: look at how far the dots lie apart.";
  byId("noise-table").replaceChildren(table(answer, words, pick));
}

function sentence(answer, centre) {
  const top = (scores) => scores.reduce((a, one, i) => (Math.abs(one) > Math.abs(scores[a]) ? i : a), 0);
  const best = top(centre), largest = Math.abs(centre[best]) || 1;
  const right = answer.draws.filter((draw) => top(draw) === best).length;
  const wrong = order.filter((i) => answer.draws.some((draw) => draw[i] * centre[i] < 0)).length;
  const off = Math.max(...answer.draws.flatMap((draw) => order.map((i) => Math.abs(draw[i] - centre[i])))) / largest;
  const truth = answer.exact ? "the exact value" : "their mean (this model has no exact values)";
  const sign = wrong ? `, and ${wrong} of ${order.length} words get both signs` : "";
  return `With ${answer.count.toLocaleString("en")} samples, ${right} of ${answer.draws.length} runs name \u201c${answer.left[best]}\u201d as the top word; ` +
    `a score is up to ${Math.round(100 * off)} % of the largest one away from ${truth}${sign}.`;
}

function table(answer, words, pick) {
  const names = ["word", "lowest run", "highest run", "exact, without end", `expected of ${answer.count.toLocaleString("en")} samples`];
  const lines = words.map((word, k) => {
    const scores = answer.draws.map((draw) => pick(draw)[k]);
    const values = [Math.min(...scores), Math.max(...scores), pick(answer.exact)?.[k], pick(answer.expected)?.[k]];
    return el("tr", {}, el("th", { scope: "row" }, el("bdi", { text: word })), ...values.map((value) => el("td", { class: "n", text: value === undefined ? "\u2013" : number(value) })));
  });
  return el("table", { class: "all", "aria-label": "Scores of the runs" }, el("thead", {}, el("tr", {}, ...names.map((name) => el("th", { scope: "col", text: name })))), el("tbody", {}, ...lines));
}

export function prepare() {
  byId("samples").addEventListener("input", (event) => {
    state.samples = +event.target.value;
    write();
    noise();
  });
}
