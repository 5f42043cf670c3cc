// The answer at a glance: what is predicted, which words push which way, where attention disagrees.

import { el, number, percent } from "./dom.js";
import { paint } from "./words.js";

const CLASSES = 6; // shown

export function glance(place, about) {
  const seen = about.glance;
  const parts = [el("div", { class: "said" }, ...headline(about)), el("div", { class: "bars" }, ...bars(about))];
  if (seen?.words.length) parts.push(pushes(seen, about));
  if (seen?.looks.length) parts.push(looks(seen, about));
  place.replaceChildren(el("div", { class: "glance" }, ...parts));
}

// What is predicted, each with how likely it is: of classes that exclude each other the likeliest one, of others all that
// are likelier than not; or a number.
function likely(about, classes) {
  if (about.kind === "number") return classes.map((one) => [one.name, number(one.logit)]);
  const order = [...classes].sort((a, b) => b.logit - a.logit);
  const some = about.kind === "several" ? order.filter((one) => one.probability > 0.5) : order.slice(0, 1);
  return some.map((one) => [one.name, percent(one.probability)]);
}

const NONE = "none of the classes";

export function headline(about) {
  const now = likely(about, about.classes), before = likely(about, about.classes_before);
  const parts = [el("p", { class: "kicker", text: about.removed.length ? "Without the removed words, predicted" : "Predicted" })];
  const names = (some, tag) => (some.length ? some.slice(0, CLASSES).flatMap(([name, said], i) => [i ? ", " : "", el("bdi", { text: name }), ...tag(said)]) : [NONE]);
  parts.push(el("p", { class: "verdict" }, ...names(now, (said) => [el("span", { class: "chance", text: ` ${said}` })])));
  if (about.removed.length) {
    const same = JSON.stringify(now.map(([name]) => name)) === JSON.stringify(before.map(([name]) => name)) && before.length === 1;
    parts.push(el("p", { class: "note" }, ...(same ? [`as with all words, ${before[0][1]}`] : ["with all words: ", ...names(before, (said) => [`, ${said}`])])));
  }
  return parts;
}

// The same in a sentence, as a screen reader says it when it changes.
export function predicted(about) {
  const said = (some) => some.map((one) => one.join(" ")).join(", ") || NONE;
  const now = likely(about, about.classes);
  const gone = about.removed.map((unit) => `\u201c${about.units[unit]}\u201d`);
  const without = gone.length > 3 ? `${gone.length} words` : gone.join(" and ");
  const scores = now.length === 1 && about.target_name === now[0][0] ? "" : ` Scores are for ${about.target_name}.`;
  if (!gone.length) return `Predicted: ${said(now)}.${scores}`;
  return `Without ${without}, predicted: ${said(now)}; with all words ${said(likely(about, about.classes_before))}.${scores}`;
}

export function bars(about) {
  const order = about.classes.map((one, i) => [one, i]).sort((a, b) => b[0].logit - a[0].logit)
    .filter(([, i], rank) => rank < CLASSES || i === about.target);
  const shown = order.sort((a, b) => a[1] - b[1]);
  if (about.kind === "number") return [];
  const lines = shown.map(([one, i]) => {
    const before = about.classes_before[i].probability;
    const bar = el("span", { class: "track" }, el("i", { class: "fill", "--w": one.probability }),
      about.removed.length ? el("i", { class: "was", "--w": before, title: `with all words ${percent(before)}` }) : null);
    return el("div", { class: `class${i === about.target ? " target" : ""}` },
      el("bdi", { class: "name", text: one.name }), bar, el("span", { class: "value", text: percent(one.probability) }));
  });
  const left = about.classes.length - shown.length;
  if (left > 0) lines.push(el("p", { class: "note", text: `and ${left} more classes` }));
  return lines;
}

function pushes(seen, about) {
  const lines = seen.words.map((one) => {
    const bar = el("i", { class: "fill", "--w": Math.abs(one.share) });
    paint(bar, one.score > 0 ? "for" : "against", 1);
    return el("li", { class: one.score > 0 ? "pro" : "con" },
      el("bdi", { class: "name", text: one.word }), el("span", { class: "track" }, bar),
      el("span", { class: "value", text: number(one.score) }));
  });
  return el("div", { class: "push" },
    el("h2", {}, "Which words pushed towards ", el("bdi", { text: about.target_name }), ", and which away?"),
    el("ul", {}, ...lines),
    el("p", { class: "note" }, "\u2190 away \u00b7 towards \u2192, by ", el("bdi", { text: seen.reference })));
}

const SIGNS = { for: "\u2713", against: "\u2717", none: "\u2013", unsure: "?" };

function looks(seen, about) {
  const lines = seen.looks.map((one) => {
    const bar = el("i", { class: "fill", "--w": one.share });
    paint(bar, "weight", 1);
    return el("li", { class: one.how },
      el("bdi", { class: "name", text: one.word }), el("span", { class: "track" }, bar),
      el("span", { class: "how" }, el("b", { "aria-hidden": "true", text: SIGNS[one.how] }), ` ${one.said}`));
  });
  return el("div", { class: `looks${seen.isOld ? " stale" : ""}` }, el("h2", { text: "Where does attention look?" }), el("ul", {}, ...lines),
    el("p", { class: `note ${seen.disagrees ? "disagrees" : ""}`, text: seen.sentence }));
}
