// The view Explain: one question, every method's answer; words go and come back by a click.

import { byId, el, number } from "./dom.js";
import { glance, predicted } from "./glance.js";
import { draw, table } from "./rows.js";
import { ask, asked, fail, say, speak, state, write } from "./state.js";
import { attend, legend } from "./words.js";

export let shown = null; // the last answer

let turn = 0;

const MORE = "Select another word to read what the two do together.";

const question = () => JSON.stringify(asked());
const numbering = () => JSON.stringify([state.text, state.model, state.unit]); // what the numbers of words depend on
const isCurrent = () => shown?.question === question();

// What is shown, if it answers what is asked now.
export function current() {
  if (!isCurrent() || byId("rows").querySelector(".stale")) throw new Error("this text is not explained yet");
  return shown;
}

export async function explain() {
  const mine = ++turn;
  if (!state.text.trim()) {
    fail(null);
    return clear("Type a text to explain.");
  }
  if (!isCurrent()) age();
  const began = performance.now();
  byId("view-explain").setAttribute("aria-busy", "true");
  try {
    if (state.methods.length > 1) {
      const quick = await ask("explain", () => asked({ methods: state.methods.slice(0, 1) }), "explain");
      if (!quick || mine !== turn) return;
      show(quick, { keep: true });
      speak(predicted(quick));
    }
    const all = await ask("explain", () => asked({ methods: state.methods }), "explain");
    if (!all || mine !== turn) return;
    fail(null);
    show(all);
    const n = all.rows.length;
    say(`Explained by ${n} method${n === 1 ? "" : "s"} in ${number((performance.now() - began) / 1000, false)} s.`, predicted(all));
    if (byId("heads-fold").open) heads();
    if (state.selected.length > 1) joint();
  } catch (error) {
    if (mine !== turn) return;
    clear();
    fail(error);
  } finally {
    if (mine === turn) byId("view-explain").removeAttribute("aria-busy");
  }
}

// Nothing is explained: nothing of the last answer stays, but the way back from words that are removed.
function clear(said = "") {
  const focused = byId("rows").contains(document.activeElement);
  shown = null;
  for (const id of ["glance", "rows", "legend", "table", "joint", "heads", "refused", "snippet", "text-note"]) byId(id).replaceChildren();
  const { length } = state.removed;
  byId("words-bar").hidden = !length;
  byId("restore").disabled = !length;
  byId("unselect").disabled = true;
  if (focused && length) byId("restore").focus();
  byId("view-explain").removeAttribute("aria-busy");
  say(said);
}

// The question has changed: what is read beside the rows is of the last one.
function age() {
  byId("joint").classList.add("stale");
  if (state.selected.length < 2) byId("joint").replaceChildren();
  byId("heads").classList.add("stale");
  if (!byId("heads-fold").open) byId("heads").replaceChildren();
}

function show(answer, { keep = false } = {}) {
  const known = shown;
  shown = { ...answer, selected: state.selected, question: question(), numbering: numbering() };
  if (keep && known && !answer.glance?.looks.length && known.glance) {
    shown.glance = answer.glance && { ...answer.glance, looks: [] };
  }
  targets(answer);
  const shared = state.scale === "1";
  draw(byId("rows"), shown, answer.rows, { shared, keep });
  legend(byId("legend"), shown, keep && known ? [...answer.rows, ...known.rows] : answer.rows);
  glance(byId("glance"), keep && known?.glance && answer.glance ? { ...shown, glance: { ...known.glance, isOld: true, words: answer.glance.words, reference: answer.glance.reference } } : shown);
  byId("words-bar").hidden = false;
  byId("restore").disabled = !state.removed.length;
  byId("unselect").disabled = !state.selected.length;
  byId("text-note").textContent = answer.cut ? `${answer.cut.toLocaleString("en")} characters at the end are beyond what the model reads: they are struck out.` : "";
  if (keep) return;
  byId("refused").replaceChildren(...Object.entries(answer.refused).map(([name, why]) => el("li", {}, el("b", { text: name }), `: ${why}`)));
  byId("snippet").textContent = answer.snippet;
  if (byId("table-fold").open) table(byId("table"), shown, answer.rows);
  if (state.selected.length < 2) byId("joint").replaceChildren();
}

function targets(answer) {
  const list = byId("target");
  const wanted = ["", ...answer.classes.map((_, i) => String(i))];
  const best = answer.classes_before.reduce((a, one, i, all) => (one.logit > all[a].logit ? i : a), 0);
  const names = [`the ${answer.kind === "several" ? "likeliest" : "predicted"} one (${answer.classes[best].name})`, ...answer.classes.map((one) => one.name)];
  if (list.dataset.names === JSON.stringify(names)) return;
  list.dataset.names = JSON.stringify(names);
  list.replaceChildren(...wanted.map((value, i) => el("option", { value, text: names[i] })));
  list.value = wanted.includes(state.target) ? state.target : "";
}

// Remove words or put them back; or select them, and read what they do together.
function act(units, how) {
  if (shown?.numbering !== numbering()) return; // words of a text that is no longer asked about
  const which = how ?? state.mode;
  const gone = units.every((unit) => state.removed.includes(unit));
  const name = which === "remove" || gone ? "removed" : "selected";
  const list = new Set(state[name]);
  const there = units.every((unit) => list.has(unit));
  for (const unit of units) there ? list.delete(unit) : list.add(unit);
  state[name] = [...list].sort((a, b) => a - b);
  state.selected = state.selected.filter((unit) => !state.removed.includes(unit));
  write();
  if (name === "removed") return void explain();
  redraw();
  joint();
}

// What is shown, with another selection or scale: the answer stays what it is.
function redraw() {
  if (isCurrent()) show(shown);
}

async function joint() {
  const place = byId("joint");
  if (state.selected.length < 2) {
    place.classList.remove("stale");
    place.replaceChildren(state.selected.length ? el("p", { class: "note", text: MORE }) : "");
    if (state.selected.length) speak(MORE);
    return;
  }
  place.classList.add("stale");
  try {
    const answer = await ask("joint", () => asked({ words: state.selected }));
    if (!answer || !isCurrent()) return; // `explain` asks again
    place.classList.remove("stale");
    place.replaceChildren(...together(answer));
    speak([...place.querySelectorAll("h3, dl > div")].map((part) => [...part.querySelectorAll("dt, dd b")].map((one) => one.textContent).join(" ") || part.textContent).join("; "));
    fail(null);
  } catch (error) {
    place.replaceChildren();
    fail(error);
  }
}

function together(answer) {
  const words = answer.words.flatMap((word, i) => [i ? (i === answer.words.length - 1 ? " and " : ", ") : "", el("bdi", { class: "word", text: `\u201c${word}\u201d` })]);
  const sum = answer.values.reduce((a, b) => a + b, 0);
  const about = answer.exact ? "" : ` \u00b1 ${number(answer.error, false)}`;
  const fact = (name, value, note) => el("div", {}, el("dt", { text: name }), el("dd", {}, el("b", { text: value }), note ? el("span", { class: "note", text: note }) : null));
  const small = Math.abs(answer.interaction) <= Math.max(answer.error, 0.01 * Math.max(...answer.values.map(Math.abs)));
  const meaning = answer.words.length > 2 ? "what is left of their joint effect once single words and smaller groups are accounted for"
    : small ? "next to none: each does the same whether the other is there or not"
    : answer.interaction > 0 ? `above 0: together they speak more for ${shown?.target_name ?? "the class"} than one by one` : `below 0: together they speak less for ${shown?.target_name ?? "the class"} than one by one`;
  return [
    el("h3", {}, "Together: ", ...words),
    el("dl", { class: "facts" },
      fact("joint value", number(answer.value) + about, `as one player of the Shapley game; one by one they add up to ${number(sum)}`),
      fact("interaction", number(answer.interaction) + about, meaning),
      fact("removed together", number(answer.together), `is lost; one at a time ${answer.each.map((one) => number(one)).join(", ")}`)),
    el("p", { class: "note", text: answer.exact ? `Exact: certified error ${number(answer.error, false)}. Interaction: Shapley interaction index (Grabisch and Roubens 1999).` : "Sampled: \u00b1 is a 95 % margin. Interaction: Shapley interaction index (Grabisch and Roubens 1999)." }),
  ];
}

async function heads() {
  const place = byId("heads");
  place.classList.add("stale");
  try {
    const answer = await ask("heads", () => asked({ layer: state.layer }));
    if (!answer || !isCurrent()) return; // `explain` asks again
    place.classList.remove("stale");
    const list = byId("layer");
    if (list.children.length !== answer.layers + 1) {
      list.replaceChildren(el("option", { value: "-1", text: "last" }), ...Array.from({ length: answer.layers }, (_, i) => el("option", { value: String(i), text: String(i + 1) })));
    }
    list.value = String(state.layer);
    const scale = Math.max(0, ...answer.heads.flat().filter((one) => one !== null));
    const rows = answer.heads.map((scores, i) => ({ method: `head ${i + 1}`, scores, signed: false, comparable: true, scale, margin: null, error_bound: null, family: "attention" }));
    draw(place, shown, rows, { shared: true, active: false });
  } catch (error) {
    if (state.layer !== -1) { // a layer that this model does not have
      state.layer = -1;
      write();
      return heads();
    }
    place.classList.remove("stale");
    place.replaceChildren(el("p", { class: "note", text: error.message }));
  }
}

// A button that is about to be disabled would take the focus with it.
function toWords() {
  byId("rows").querySelector(".u[tabindex='0']")?.focus({ preventScroll: true });
}

export function prepare() {
  attend(byId("rows"), act);
  attend(byId("heads"), null);
  byId("restore").addEventListener("click", () => { state.removed = []; write(); toWords(); explain(); });
  byId("unselect").addEventListener("click", () => { state.selected = []; write(); toWords(); redraw(); joint(); });
  byId("same-scale").addEventListener("change", (event) => { state.scale = event.target.checked ? "1" : "0"; write(); redraw(); });
  for (const one of document.querySelectorAll("input[name=mode]")) {
    one.addEventListener("change", () => { state.mode = one.value; write(); });
  }
  byId("heads-fold").addEventListener("toggle", () => byId("heads-fold").open && shown && heads());
  byId("layer").addEventListener("change", (event) => { state.layer = +event.target.value; write(); heads(); });
  byId("table-fold").addEventListener("toggle", () => shown && table(byId("table"), shown, shown.rows));
}

