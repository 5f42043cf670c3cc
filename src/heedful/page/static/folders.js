// Texts that come from elsewhere: rows of a file, an audit, a corpus. Each opens in Explain.

import { byId, el, number, percent, replaceKept } from "./dom.js";
import { ask, fail, model, speak, start, state, write } from "./state.js";
import { colour, legend, sentence } from "./words.js";

let open = () => {}; // opens a text in Explain
let head = { name: null }; // of the corpus

const NONE = "-"; // no second method

export function prepare(opens) {
  open = opens;
  byId("upload").addEventListener("click", upload);
  byId("audit").addEventListener("change", (event) => { state.audit = event.target.value; state.metric = ""; state.offset = 0; write(); audit(); });
  byId("search").addEventListener("submit", (event) => { event.preventDefault(); Object.assign(state, { word: byId("word").value, offset: 0 }); corpus(); });
  for (const id of ["first", "second", "order"]) byId(id).addEventListener("change", (event) => { Object.assign(state, { [id]: event.target.value, offset: 0 }); corpus(); });
  byId("corpus").addEventListener("change", (event) => { Object.assign(state, { corpus: event.target.value, first: "", second: "", offset: 0 }); corpus(); });
}

export function fill() {
  byId("word").value = state.word;
}

// Scores were made by one model, and a text is opened with whichever is chosen: say both.
function origin(made) {
  if (!made?.model) return [];
  const plain = (name) => String(name).replaceAll("_", " ");
  const parts = ["Made with ", el("bdi", { text: made.model }), made.unit ? `, unit ${plain(made.unit)}` : "", made.output ? `, output ${plain(made.output)}` : ""];
  const here = ["; explained here with ", el("bdi", { text: model().shown }), `, unit ${plain(state.unit)}, output ${state.output ? plain(state.output) : "as usual"}.`];
  return [el("p", { class: "hint origin" }, ...parts, ...here)];
}

async function upload() {
  const file = byId("file").files[0];
  const place = byId("uploaded");
  try {
    if (!file) throw new Error("choose a .csv or .parquet file first");
    if (file.size > start.upload) throw new Error(`the file has ${(file.size / 1e6).toFixed(1)} MB: this page takes ${start.upload / 1e6} MB`);
    const form = new FormData();
    form.append("file", file);
    form.append("column", byId("column").value.trim());
    const answer = await ask("upload", form);
    if (!answer) return;
    fail(null);
    const lines = answer.rows.map((row) => el("li", {}, el("span", { class: "place", text: row.place }),
      row.text === null ? el("span", { class: "note", text: row.problem })
        : el("button", { type: "button", class: "text", dir: "auto", text: row.text.slice(0, 300), onclick: () => open(row.text) })));
    const said = `${answer.rows.length} rows${answer.rows.length === answer.most ? ", the first of the file" : ""}: choose one to explain it.`;
    place.replaceChildren(el("p", { class: "note", text: said }), el("ol", { class: "listed" }, ...lines));
    speak(said);
  } catch (error) {
    place.replaceChildren();
    fail(error);
  }
}

const piecesOf = (units) => units.flatMap((unit, i) => [[unit, i], [" "]]);

export async function audit() {
  if (!start.audits.length) return;
  if (!start.audits.includes(state.audit)) state.audit = start.audits[0];
  byId("audit").value = state.audit;
  try {
    const seen = await ask("audit", () => ({ name: state.audit }), "audit-head");
    if (!seen) return;
    fail(null);
    byId("audit-head").replaceChildren(
      el("h2", { class: "headline", text: `Audit of ${seen.facts.model}` }),
      el("div", { class: "finding" }, ...seen.sentences.map((one) => el("p", { text: one }))),
      el("p", { class: "hint", text: `${seen.facts.n_audited} texts, scores of every ${String(seen.facts.unit).replace("_", " ")}. Choose a number to see its texts.` }));
    grid(seen);
    if (!seen.metrics.includes(state.metric)) state.metric = seen.metrics[0];
    if (!seen.methods.includes(state.method)) state.method = seen.methods[0];
  } catch (error) {
    for (const id of ["audit-head", "audit-table", "audit-texts"]) byId(id).replaceChildren();
    return fail(error);
  }
  await texts();
}

function grid(seen) {
  const value = new Map(seen.cells.map((cell) => [`${cell.metric} ${cell.method}`, cell]));
  const arrow = { higher: " \u2191", lower: " \u2193" };
  const head = el("tr", {}, el("td"), ...seen.metrics.map((name) => el("th", { scope: "col", text: name + (arrow[seen.directions[name]] ?? "") })));
  const body = seen.methods.map((method) => el("tr", {}, el("th", { scope: "row", text: method }), ...seen.metrics.map((metric) => {
    const cell = value.get(`${metric} ${method}`);
    if (!cell || cell.value === null) return el("td", { class: "n", text: "\u2013" });
    const title = `${metric} of ${method}: 95 % interval ${number(cell.value_low, false)} to ${number(cell.value_high, false)}, ${cell.n} texts`;
    return el("td", { class: "n" }, el("button", { type: "button", class: "cell", title, "aria-label": `${number(cell.value, false)}: ${title}`, "data-cell": `${metric} ${method}`, text: number(cell.value, false), onclick: () => { Object.assign(state, { metric, method, offset: 0 }); texts(); } }));
  })));
  byId("audit-table").replaceChildren(el("table", { class: "matrix", "aria-label": "Metrics of the methods" }, el("thead", {}, head), el("tbody", {}, ...body)));
}

async function texts() {
  write();
  try {
    const answer = await ask("audit", () => ({ name: state.audit, metric: state.metric, method: state.method, ascending: Boolean(state.up), offset: state.offset }), "audit-texts");
    if (!answer) return;
    fail(null);
    if (isBeyond(answer)) return texts();
    for (const cell of byId("audit-table").querySelectorAll("[data-cell]")) {
      cell.setAttribute("aria-pressed", String(cell.dataset.cell === `${state.metric} ${state.method}`));
    }
    list(answer);
  } catch (error) {
    byId("audit-texts").replaceChildren();
    fail(error);
  }
}

// Whether a link's page lies behind the last one; then the first is asked for.
function isBeyond(answer) {
  if (!answer.offset || answer.offset < answer.total) return false;
  state.offset = 0;
  return true;
}

function list(answer) {
  const turn = el("button", { type: "button", "data-key": "turn", text: state.up ? "Highest first" : "Lowest first", onclick: () => { state.up = state.up ? "" : "1"; state.offset = 0; texts(); } });
  const items = answer.rows.map((row) => {
    const facts = [row.place, row.predicted && `predicted ${row.predicted}${row.probability === null ? "" : ` (${percent(row.probability)})`}`, row.label !== null && `label ${row.label}`, `${state.metric} ${number(row.value, false)}`];
    const shown = row.whole ? row.text : row.units.join(" ");
    return item(facts, row.units, [{ method: state.method, scores: row.scores, signed: row.signed }], row.predicted ?? "the class", shown, row.whole ? "Explain it" : "Explain these words");
  });
  const said = `${answer.total} texts by ${state.metric} of ${state.method}, ${state.up ? "lowest" : "highest"} first`;
  replaceKept(byId("audit-texts"), el("h3", { text: said }),
    el("p", { class: "hint" }, "Words as the audit keeps them: each once, without punctuation. ", turn), ...origin(answer.made_with), ...items, pager(answer, texts));
  speak(`${said}; ${range(answer)}.`);
}

function item(facts, units, rows, target, text, label) {
  const about = { removed: [], target_name: target, selected: [] };
  const drawn = rows.filter((row) => row.scores).map((row) => {
    const box = sentence(piecesOf(units), `${row.method}: the words with their scores`, { active: false });
    const scale = Math.max(0, ...row.scores.map((one) => Math.abs(one ?? 0)));
    colour(box, { ...row, margin: null, scale }, about);
    return el("div", { class: "row" }, el("div", { class: "who" }, el("h3", { text: row.method })), box);
  });
  return el("article", { class: "item" }, el("p", { class: "facts-line" }, ...facts.filter(Boolean).flatMap((fact, i) => [i ? " \u00b7 " : "", el("bdi", { text: fact })])),
    el("div", { class: "rows" }, ...drawn), el("p", {}, el("button", { type: "button", text: label, "aria-label": `${label}: ${text.trim().slice(0, 60)}`, onclick: () => open(text.replace(/\s+/g, " ").trim()) })));
}

function pager(answer, again) {
  const go = (offset, text, off) => el("button", { type: "button", text, disabled: off, onclick: () => { state.offset = offset; again(); } });
  return el("p", { class: "pager" }, go(Math.max(0, answer.offset - answer.page), "Earlier", !answer.offset),
    el("span", { class: "note", text: ` ${range(answer)} ` }), go(answer.offset + answer.page, "Later", last(answer) >= answer.total));
}

const last = (answer) => Math.min(answer.offset + answer.page, answer.total);

const range = (answer) => `${answer.total ? answer.offset + 1 : 0} to ${last(answer)} of ${answer.total.toLocaleString("en")}`;

export async function corpus() {
  if (!start.corpora.length) return;
  if (!start.corpora.includes(state.corpus)) state.corpus = start.corpora[0];
  byId("corpus").value = state.corpus;
  try {
    if (head.name !== state.corpus) {
      const seen = await ask("corpus", () => ({ name: state.corpus }), "corpus-head");
      if (!seen) return;
      head = { ...seen, name: state.corpus };
      byId("corpus-head").textContent = `${seen.explained.toLocaleString("en")} of ${seen.rows.toLocaleString("en")} texts explained by ${seen.methods.join(", ")}${seen.model ? ` on ${seen.model}` : ""}.`;
      const options = (list, some) => list.replaceChildren(...some.map((name) => el("option", { value: name, text: name === NONE ? "no other" : name })));
      options(byId("first"), seen.methods);
      options(byId("second"), [...seen.methods.slice(1), seen.methods[0], NONE]);
    }
    choose(head.methods);
    write();
    const second = () => (state.second === NONE ? null : state.second);
    const answer = await ask("corpus", () => ({ name: state.corpus, word: state.word, first: state.first, second: second(), order: state.order, offset: state.offset }), "corpus-rows");
    if (!answer) return;
    fail(null);
    if (isBeyond(answer)) return corpus();
    found(answer);
  } catch (error) {
    byId("corpus-rows").replaceChildren();
    fail(error);
  }
}

// What the link or the form chooses, where the corpus has it.
function choose(methods) {
  if (!methods.includes(state.first)) state.first = methods[0];
  if (state.second !== NONE && !methods.includes(state.second)) state.second = methods.slice(1).find((name) => name !== state.first) ?? NONE;
  if (methods.length < 2 && state.order === "disagreement") state.order = "row";
  for (const id of ["first", "second", "order"]) byId(id).value = state[id];
}

function found(answer) {
  const signed = (name) => head.signed[name] ?? true;
  const items = answer.rows.map((row) => {
    const told = [row.id, row.predicted && `predicted ${row.predicted} (${percent(row.probability)})`, row.label !== null && `label ${row.label}`, row.disagreement !== null && `disagreement ${number(row.disagreement, false)}`];
    const rows = [{ method: state.first, scores: row.first, signed: signed(state.first) }];
    if (row.second) rows.push({ method: state.second, scores: row.second, signed: signed(state.second) });
    return item(told, row.units, rows, row.target ?? "the class", row.text, "Explain these words");
  });
  const key = el("p", { class: "legend" });
  legend(key, { target_name: "the explained class", other_name: null }, [{ signed: signed(state.first) }, ...(state.second === NONE ? [] : [{ signed: signed(state.second) }])]);
  const said = answer.total ? `Texts ${range(answer)}${state.word ? `, with \u201c${state.word}\u201d` : ""}.` : "No text has this word.";
  replaceKept(byId("corpus-rows"), el("h3", { class: "hidden", text: said }), ...origin(answer.made_with), key, ...(items.length ? items : [el("p", { text: said })]), pager(answer, corpus));
  speak(said);
}
