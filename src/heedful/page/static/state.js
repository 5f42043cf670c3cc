// What the page shows, kept in the address behind #, so that a link restores it; and the way to the server.

import { byId } from "./dom.js";

export const start = JSON.parse(byId("start").textContent);

const usual = () => ({
  view: "explain", text: start.examples[0].text, model: start.models[0].name, target: "", output: "", unit: "word_type",
  masking: "auto", methods: [], removed: [], selected: [], mode: "remove", scale: "1", samples: 2, layer: -1,
  text2: "", model2: start.models[0].name, audit: "", metric: "", method: "", up: "", corpus: "", word: "", first: "",
  second: "", order: "disagreement", offset: 0,
});
const NUMBERS = new Set(["samples", "layer", "offset"]);
const UNITS = new Set(["removed", "selected"]);

export const state = usual();

export function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  Object.assign(state, usual());
  for (const [name, value] of given) {
    if (!(name in state)) continue;
    if (UNITS.has(name)) state[name] = value.split(",").filter((one) => /^\d+$/.test(one)).map(Number);
    else if (name === "methods") state.methods = value.split(",").filter(Boolean);
    else if (NUMBERS.has(name)) state[name] = Number.isInteger(+value) ? +value : state[name];
    else state[name] = value;
  }
  if (!start.models.some((one) => one.name === state.model)) state.model = start.models[0].name;
  if (!start.models.some((one) => one.name === state.model2)) state.model2 = start.models[0].name;
  if (!state.methods.length) state.methods = [...model().methods];
  state.samples = Math.min(Math.max(0, state.samples), start.counts.length - 1);
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
  const place = written ? `#${written}` : location.pathname;
  history.replaceState(null, "", place);
}

// Whether the address has changed by other means than `write`.
export const isOther = () => location.hash.slice(1) !== written;

export const model = (name = state.model) => start.models.find((one) => one.name === name) ?? start.models[0];

export const asked = (more = {}) => ({
  text: state.text, model: state.model, target: state.target === "" ? "predicted" : +state.target,
  output: state.output || null, unit: state.unit, masking: state.masking, removed: state.removed, ...more,
});

const running = new Map();

// Ask the server; of several questions of one kind only the last is waited for. Gives null for one that was overtaken.
export async function ask(path, given, kind = path) {
  running.get(kind)?.abort();
  const control = new AbortController();
  running.set(kind, control);
  const form = given instanceof FormData;
  try {
    const answer = await fetch(`/api/${path}`, {
      method: "POST", body: form ? given : JSON.stringify(given),
      headers: form ? {} : { "content-type": "application/json" }, signal: control.signal,
    });
    if (!answer.ok) {
      const said = await answer.json().catch(() => ({}));
      throw new Error(said.error ?? `the server answered ${answer.status}`);
    }
    if ((answer.headers.get("content-disposition") ?? "").startsWith("attachment")) return await answer.blob();
    return await answer.json();
  } catch (error) {
    if (error.name === "AbortError") return null;
    if (error instanceof TypeError) throw new Error("the server cannot be reached: is heedful serve still running?");
    throw error;
  } finally {
    if (running.get(kind) === control) running.delete(kind);
  }
}

export function fail(error) {
  const place = byId("error");
  place.textContent = error ? error.message : "";
  place.hidden = !error;
}

export const say = (text) => { byId("status").textContent = text; };
