// Charts as SVG: curves over shares of the words, and dots around exact values.

import { el, number, svg } from "./dom.js";

const DASHES = ["", "6 3", "2 3", "8 3 2 3", "12 4", "1 3"];

// Lines over x from 0 to 1, with a legend, each of its own colour and dash.
export function lines(place, { xs, series, low = 0, high = 1, label, x, y }) {
  const narrow = place.clientWidth > 0 && place.clientWidth < 520;
  const [width, height, left, right, top, bottom] = [narrow ? 360 : 640, narrow ? 260 : 300, 44, 18, 12, 40];
  const px = (value) => left + value * (width - left - right);
  const py = (value) => top + (1 - (value - low) / (high - low || 1)) * (height - top - bottom);
  const picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart", role: "img", "aria-label": label });
  for (let i = 0; i <= 4; i += 1) {
    const value = low + (i / 4) * (high - low);
    picture.append(svg("line", { x1: left, x2: width - right, y1: py(value), y2: py(value), class: "grid" }));
    picture.append(svg("text", { x: left - 6, y: py(value) + 4, class: "tick end", text: number(value, false) }));
  }
  for (const share of [0, 0.25, 0.5, 0.75, 1]) {
    picture.append(svg("text", { x: px(share), y: height - bottom + 16, class: "tick mid", text: `${100 * share} %` }));
  }
  picture.append(svg("text", { x: px(0.5), y: height - 6, class: "tick mid", text: x }));
  const legend = el("ul", { class: "keys" });
  series.forEach((one, i) => {
    const points = one.values.map((value, k) => (value === null ? null : `${px(xs[k]).toFixed(1)},${py(value).toFixed(1)}`)).filter(Boolean);
    picture.append(svg("polyline", { points: points.join(" "), class: `line c${i % 8}`, "stroke-dasharray": DASHES[Math.floor(i / 8) % DASHES.length] || DASHES[i % 3] }));
    const key = svg("svg", { viewBox: "0 0 30 8", class: "key", "aria-hidden": "true" });
    key.append(svg("line", { x1: 0, x2: 30, y1: 4, y2: 4, class: `line c${i % 8}`, "stroke-dasharray": DASHES[i % 3] }));
    legend.append(el("li", {}, key, ` ${one.name}`, one.note ? el("span", { class: "note", text: ` ${one.note}` }) : null));
  });
  place.replaceChildren(el("p", { class: "axis", text: y }), picture, legend);
}

// Several scores a word, around a line at what they settle at; the same dots move when it is drawn again.
export function dots(place, { words, draws, exact, expected, label }) {
  const narrow = place.clientWidth > 0 && place.clientWidth < 520;
  const [width, step, left, right, top, bottom] = [narrow ? 400 : 760, 34, narrow ? 96 : 130, 14, 8, 30];
  const height = top + bottom + step * words.length;
  const all = [...draws.flat(), ...(exact ?? []), 0].filter((one) => one !== null);
  const reach = 1.05 * Math.max(Number(place.dataset.reach ?? 0), ...all.map(Math.abs), 1e-9);
  const px = (value) => left + ((value / reach + 1) / 2) * (width - left - right);
  const key = JSON.stringify([words, draws.length, narrow]);
  let picture = place.querySelector("svg");
  if (place.dataset.key !== key || !picture) {
    picture = svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "chart noise", role: "img" });
    picture.append(svg("line", { class: "zero", y1: top, y2: height - bottom, x1: 0, x2: 0 }));
    words.forEach((word, i) => {
      const y = top + step * (i + 0.5);
      picture.append(svg("line", { x1: left, x2: width - right, y1: y, y2: y, class: "grid" }));
      picture.append(svg("text", { x: left - 10, y: y + 5, class: "word end", text: word }));
      draws.forEach((_, k) => picture.append(svg("circle", { r: 4, class: "dot", cx: 0, cy: y + ((k * 7) % 11 - 5) * 2.1 })));
      for (const kind of ["expected", "exact"]) picture.append(svg("line", { class: kind, x1: 0, x2: 0, y1: y - 14, y2: y + 14 }));
    });
    const axis = svg("g", { class: "axis-x" });
    picture.append(axis);
    place.replaceChildren(picture);
    place.dataset.key = key;
  }
  picture.setAttribute("aria-label", label);
  const to = (element, value) => { element.style.transform = `translateX(${px(value).toFixed(1)}px)`; };
  to(picture.querySelector(".zero"), 0);
  const axis = picture.querySelector(".axis-x");
  axis.replaceChildren(...ticks(reach).map((value) => svg("text", { x: px(value), y: height - 8, class: "tick mid", text: number(value) })));
  const circles = picture.querySelectorAll(".dot"), lines_ = picture.querySelectorAll("line.exact"), others = picture.querySelectorAll("line.expected");
  words.forEach((_, i) => {
    draws.forEach((draw, k) => {
      const dot = circles[i * draws.length + k];
      dot.classList.toggle("pro", draw[i] > 0);
      dot.classList.toggle("con", draw[i] < 0);
      to(dot, draw[i] ?? 0);
    });
    for (const [made, values] of [[lines_[i], exact], [others[i], expected]]) {
      made.classList.toggle("none", !values);
      if (values) to(made, values[i]);
    }
  });
  place.dataset.reach = String(reach / 1.05);
}

// Round numbers within reach on both sides of 0.
function ticks(reach) {
  const power = 10 ** Math.floor(Math.log10(reach / 2));
  const step = [5, 2, 1].map((factor) => factor * power).find((one) => 2 * one <= reach * 1.0001) ?? power;
  const n = Math.min(3, Math.floor(reach / step));
  return Array.from({ length: 2 * n + 1 }, (_, i) => (i - n) * step);
}
