// The page: the form, the views, downloads, and the address that restores it all.

import * as comparing from "./compare.js";
import { byId, debounced, el } from "./dom.js";
import * as explaining from "./explain.js";
import * as folders from "./folders.js";
import * as noising from "./noise.js";
import { drawn, png, save } from "./picture.js";
import { ask, asked, checkUnits, fail, isOther, model, onAgain, read, say, start, state, write } from "./state.js";

const VIEWS = { explain: explaining.explain, noise: noising.noise, compare: comparing.compare, audit: folders.audit, corpus: folders.corpus };
const WITHOUT_TEXT = new Set(["audit", "corpus"]);

function run() {
  write();
  return VIEWS[state.view]();
}

function show(view) {
  state.view = Object.hasOwn(VIEWS, view) && byId("views").querySelector(`[data-view=${view}]`) ? view : "explain";
  for (const button of byId("views").children) {
    if (button.dataset.view === state.view) button.setAttribute("aria-current", "page");
    else button.removeAttribute("aria-current");
  }
  for (const name of Object.keys(VIEWS)) byId(`view-${name}`).hidden = name !== state.view;
  byId("ask").hidden = WITHOUT_TEXT.has(state.view);
  byId("status").hidden = state.view !== "explain";
  say("");
  fail(null);
}

// Another text: its words have other numbers.
function changed(more) {
  Object.assign(state, { removed: [], selected: [], ...more });
}

const later = debounced(run, 350);

function fill() {
  byId("text").value = state.text;
  for (const id of ["model", "unit", "output", "masking"]) byId(id).value = state[id];
  byId("same-scale").checked = state.scale === "1";
  const list = byId("target");
  delete list.dataset.names;
  list.replaceChildren(el("option", { value: "", text: "the predicted one" }), ...model().classes.map((name, i) => el("option", { value: String(i), text: name })));
  list.value = state.target;
  for (const one of document.querySelectorAll("input[name=mode]")) one.checked = one.value === state.mode;
  comparing.fill();
  folders.fill();
  methods();
}

function methods() {
  const missing = model().missing;
  const families = new Map();
  for (const one of start.methods) {
    if (!families.has(one.family)) families.set(one.family, []);
    families.get(one.family).push(one);
  }
  const groups = [...families].map(([family, some]) => el("fieldset", {}, el("legend", { text: family }), ...some.map((one) => {
    const why = missing[one.name];
    const box = el("input", { type: "checkbox", value: one.name, disabled: Boolean(why), onchange: choose });
    box.checked = state.methods.includes(one.name) && !why;
    return el("label", { class: why ? "off" : "", title: why ?? one.source }, box, ` ${one.name}`);
  })));
  byId("methods").replaceChildren(...groups);
  count();
}

function count() {
  byId("methods-count").textContent = `(${state.methods.length})`;
}

function choose(event) {
  const { value, checked } = event.target;
  state.methods = checked ? [...state.methods, value] : state.methods.filter((name) => name !== value);
  count();
  later();
}

function open(text) {
  changed({ text, view: "explain", target: "" });
  fill();
  show("explain");
  run();
  byId("text").focus();
}

async function take(kind) {
  try {
    fail(null);
    if (kind === "link") return await copy(location.href, "The link is copied.");
    if (kind === "snippet") return await copy(explaining.current().snippet, "The code is copied.");
    if (kind === "svg" || kind === "png") {
      const seen = explaining.current();
      const markup = drawn(byId("rows"), `What speaks for ${seen.target_name}, by ${seen.model}`);
      save(kind === "svg" ? new Blob([markup], { type: "image/svg+xml" }) : await png(markup), `explanation.${kind}`);
    } else {
      const file = await ask("export", asked({ methods: state.methods, format: kind }));
      if (file) save(file, `explanation.${kind}`);
    }
  } catch (error) {
    fail(error);
  }
}

async function copy(text, said) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    throw new Error("the browser does not let the page copy: copy it from the address bar, or select it");
  }
  say(said);
}

function prepare() {
  byId("text").addEventListener("input", (event) => { changed({ text: event.target.value }); later(); });
  byId("example").addEventListener("change", (event) => {
    const chosen = start.examples[event.target.value];
    if (!chosen) return;
    changed({ text: chosen.text });
    byId("text").value = chosen.text;
    run();
  });
  byId("model").addEventListener("change", (event) => {
    changed({ model: event.target.value, target: "" });
    state.methods = [...model().methods];
    fill();
    run();
  });
  byId("target").addEventListener("change", (event) => { state.target = event.target.value; run(); });
  for (const id of ["output", "masking"]) byId(id).addEventListener("change", (event) => { state[id] = event.target.value; run(); });
  byId("unit").addEventListener("change", (event) => { changed({ unit: event.target.value }); run(); });
  byId("ask").addEventListener("submit", (event) => { event.preventDefault(); run(); });
  byId("views").addEventListener("click", (event) => {
    const view = event.target.closest("button")?.dataset.view;
    if (view) { state.offset = 0; show(view); run(); }
  });
  byId("take-fold").addEventListener("click", (event) => {
    const kind = event.target.closest("button")?.dataset.take;
    if (kind) take(kind);
  });
  onAgain(() => { fail(null); byId("result").focus(); run(); });
  addEventListener("hashchange", () => { if (isOther()) restore(); });
  explaining.prepare();
  noising.prepare();
  comparing.prepare();
  folders.prepare(open);
}

let restored = 0;

async function restore() {
  const mine = ++restored;
  read();
  show(state.view);
  fill();
  const result = byId("result");
  result.setAttribute("aria-busy", "true");
  await checkUnits();
  if (mine !== restored) return;
  result.removeAttribute("aria-busy");
  run();
}

prepare();
restore();
