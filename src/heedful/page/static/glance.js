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

export function headline(about) {
  const predicted = about.classes[about.predicted];
  const before = about.classes_before;
  const best = before.reduce((a, one, i) => (one.logit > before[a].logit ? i : a), 0);
  const parts = [el("p", { class: "kicker", text: about.removed.length ? "Without the removed words, predicted" : "Predicted" })];
  parts.push(el("p", { class: "verdict" }, el("bdi", { text: predicted.name }),
    predicted.probability === null ? "" : el("span", { class: "chance", text: ` ${percent(predicted.probability)}` })));
  if (about.removed.length) {
    const same = best === about.predicted;
    parts.push(el("p", { class: "note" }, same ? "as with all words" : "with all words: ", same ? "" : el("bdi", { text: before[best].name }),
      before[best].probability === null ? "" : `, ${percent(before[best].probability)}`));
  }
  return parts;
}

// The same in a sentence, as a screen reader says it when it changes.
export function predicted(about) {
  const likeliest = (classes) => classes.reduce((a, one) => (one.logit > a.logit ? one : a));
  const said = (one) => (one.probability === null ? `${one.name} ${number(one.logit)}` : `${one.name} ${percent(one.probability)}`);
  const gone = about.removed.map((unit) => `\u201c${about.units[unit]}\u201d`);
  const without = gone.length > 3 ? `${gone.length} words` : gone.join(" and ");
  const now = about.classes[about.predicted];
  const scores = about.target_name === now.name ? "" : ` Scores are for ${about.target_name}.`;
  if (!gone.length) return `Predicted: ${said(now)}.${scores}`;
  return `Without ${without}, predicted: ${said(now)}; with all words ${said(likeliest(about.classes_before))}.${scores}`;
}

export function bars(about) {
  const order = about.classes.map((one, i) => [one, i]).sort((a, b) => b[0].logit - a[0].logit)
    .filter(([, i], rank) => rank < CLASSES || i === about.target);
  const shown = order.sort((a, b) => a[1] - b[1]);
  if (shown[0][0].probability === null) return [el("p", { class: "note", text: `output ${number(shown[0][0].logit)}` })];
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
