// What the page shows, kept in the address behind #, so that a link restores it; and the way to the server.

import { byId, el } from "./dom.js";

export const start = JSON.parse(byId("start").textContent);

const usual = () => ({
  view: "explain", text: start.examples[0].text, model: start.models[0].name, target: "", output: "", unit: "word_type",
  masking: "auto", methods: [], removed: [], selected: [], mode: "remove", scale: "1", samples: 2, layer: -1,
  text2: "", model2: start.models[0].name, audit: "", metric: "", method: "", up: "", corpus: "", word: "", first: "",
  second: "", order: "disagreement", offset: 0,
});
const LARGEST = 100_000_000; // number that a link may hold
const LOWEST = { samples: 0, layer: -1, offset: 0 };
const UNITS = new Set(["removed", "selected"]);
const CHOICES = {
  unit: start.units, output: ["", ...start.outputs], masking: start.maskings, mode: ["remove", "select"], scale: ["1", "0"],
  up: ["", "1"], order: ["disagreement", "probability", "row"],
};
const MOST_METHODS = 16; // that the server explains at once

export const state = usual();

export function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  Object.assign(state, usual());
  for (const [name, value] of given) {
    if (!Object.hasOwn(state, name)) continue;
    if (UNITS.has(name)) state[name] = units(value);
    else if (name === "methods") state.methods = [...new Set(value.split(","))];
    else if (Object.hasOwn(LOWEST, name)) state[name] = whole(value, LOWEST[name]) ?? state[name];
    else if (!Object.hasOwn(CHOICES, name) || CHOICES[name].includes(value)) state[name] = value;
  }
  if (!start.models.some((one) => one.name === state.model)) state.model = start.models[0].name;
  if (!start.models.some((one) => one.name === state.model2)) state.model2 = start.models[0].name;
  const known = new Set(start.methods.map((one) => one.name).filter((name) => !Object.hasOwn(model().missing, name)));
  state.methods = state.methods.filter((name) => known.has(name));
  if (!state.methods.length || state.methods.length > MOST_METHODS) state.methods = [...model().methods];
  state.samples = Math.min(state.samples, start.counts.length - 1);
  state.target = place(state.target);
}

function whole(text, lowest) {
  const value = /^-?\d{1,9}$/.test(text) ? +text : NaN;
  return value >= lowest && value <= LARGEST ? value : null;
}

const units = (text) => [...new Set(text.split(",").map((one) => whole(one, 0)).filter((one) => one !== null))].sort((a, b) => a - b);

// The place of a class that a link names, by its place or by its name; "" for the predicted one.
function place(target) {
  if (target === "") return "";
  const { classes } = model();
  const index = whole(target.replace(/^#/, ""), 0) ?? classes.indexOf(target);
  return index >= 0 && index < classes.length ? String(index) : "";
}

// Forget units that the text does not have: only the server knows how many it has.
export async function checkUnits() {
  if (!state.removed.length && !state.selected.length) return;
  const answer = await ask("explain", () => asked({ methods: [], removed: [] }), "units").catch(() => null); // the view asks again, and says what is wrong
  if (!answer) return;
  const count = answer.units.length;
  state.removed = state.removed.filter((unit) => unit < count);
  state.selected = state.selected.filter((unit) => unit < count && !state.removed.includes(unit));
}

let written = "";

export function write() {
  const plain = usual();
  plain.methods = model().methods;
  const given = new URLSearchParams();
  for (const [name, value] of Object.entries(state)) {
    const text = String(value);
    if (text !== String(plain[name])) given.set(name, text);
  }
  written = given.toString();
  history.replaceState(null, "", written ? `#${written}` : location.pathname);
  for (const one of running.values()) if (!one.isAsked()) one.control.abort();
}

// Whether the address has changed by other means than `write`.
export const isOther = () => location.hash.slice(1) !== written;

export const model = (name = state.model) => start.models.find((one) => one.name === name) ?? start.models[0];

export const asked = (more = {}) => ({
  text: state.text, model: state.model, target: state.target === "" ? null : `#${state.target}`,
  output: state.output || null, unit: state.unit, masking: state.masking, removed: state.removed, ...more,
});

const running = new Map();

// Ask the server; of several questions of one kind only the last is waited for. Gives null, and no error, for one that
// is no longer asked: another of its kind has come, or `given`, a function that makes the question of `state`, now makes
// another, or another view is open. A question that is no function is asked until another of its kind comes.
export async function ask(path, given, kind = path) {
  running.get(kind)?.control.abort();
  const control = new AbortController();
  const form = given instanceof FormData;
  const make = typeof given === "function" ? () => JSON.stringify([state.view, given()]) : () => "";
  const question = make();
  const isAsked = () => !control.signal.aborted && make() === question;
  running.set(kind, { control, isAsked });
  try {
    const answer = await fetch(`/api/${path}`, {
      method: "POST", body: form ? given : JSON.stringify(typeof given === "function" ? given() : given),
      headers: form ? {} : { "content-type": "application/json" }, signal: control.signal,
    });
    if (!answer.ok) {
      const said = await answer.json().catch(() => ({}));
      throw Object.assign(new Error(said.error ?? `the server answered ${answer.status}`), { isPassing: answer.status > 500 });
    }
    const isFile = (answer.headers.get("content-disposition") ?? "").startsWith("attachment");
    const content = await (isFile ? answer.blob() : answer.json());
    return isAsked() ? content : null;
  } catch (error) {
    if (!isAsked()) return null;
    if (error instanceof TypeError) throw Object.assign(new Error("the server cannot be reached: is heedful serve still running?"), { isPassing: true });
    throw error;
  } finally {
    if (running.get(kind)?.control === control) running.delete(kind);
  }
}

let again = () => {};

// What is done to try again what the server had no time for.
export const onAgain = (work) => { again = work; };

export function fail(error) {
  const place = byId("error");
  place.textContent = error ? error.message : "";
  if (error?.isPassing) place.append(" ", el("button", { type: "button", text: "Try again", onclick: () => again() }));
  place.hidden = !error;
}

// What a screen reader says of a change, where the page shows more than is to be said.
export const speak = (text) => { byId("spoken").textContent = text; };

export const say = (text, spoken = text) => {
  byId("status").textContent = text;
  speak(spoken);
};
