// What is shown as a picture: the rows as SVG, with every word where the browser has put it; and the same as PNG.

import { svg } from "./dom.js";

const FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif";

export function drawn(rows, title) {
  const whole = rows.getBoundingClientRect();
  const top = 40, pad = 16;
  const [width, height] = [Math.ceil(whole.width) + 2 * pad, Math.ceil(whole.height) + top + 2 * pad];
  const picture = svg("svg", { xmlns: "http://www.w3.org/2000/svg", viewBox: `0 0 ${width} ${height}`, width, height, "font-family": FONT });
  const paper = getComputedStyle(document.body);
  picture.append(svg("title", { text: title }), svg("rect", { width, height, fill: paper.backgroundColor }));
  picture.append(svg("text", { x: pad, y: 26, "font-size": 15, "font-weight": 600, fill: paper.color, text: title }));
  const at = (box) => [box.left - whole.left + pad, box.top - whole.top + top];
  for (const name of rows.querySelectorAll(".who h3, .who p, .scale span")) lines(picture, name, at);
  for (const word of rows.querySelectorAll(".u")) {
    const style = getComputedStyle(word);
    for (const box of word.getClientRects()) {
      const [x, y] = at(box);
      picture.append(svg("rect", { x, y, width: box.width, height: box.height, rx: 4, fill: style.backgroundColor }));
      if (word.classList.contains("against")) picture.append(svg("line", { x1: x + 3, x2: x + box.width - 3, y1: y + box.height - 2, y2: y + box.height - 2, stroke: style.color, "stroke-width": 1.5, "stroke-dasharray": "2 2" }));
      if (word.classList.contains("removed")) picture.append(svg("line", { x1: x, x2: x + box.width, y1: y + box.height / 2, y2: y + box.height / 2, stroke: style.color }));
    }
  }
  for (const box of rows.querySelectorAll(".sentence")) lines(picture, box, at);
  return new XMLSerializer().serializeToString(picture);
}

// The text of an element, line by line as it is laid out.
function lines(picture, element, at) {
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  while (walker.nextNode()) {
    const node = walker.currentNode, style = getComputedStyle(node.parentElement);
    for (const [from, to] of runs(node, range)) {
      range.setStart(node, from);
      range.setEnd(node, to);
      const box = range.getBoundingClientRect();
      const text = node.textContent.slice(from, to);
      if (!text.trim() || !box.width) continue;
      const [x, y] = at(box);
      const size = parseFloat(style.fontSize);
      picture.append(svg("text", {
        x, y: y + box.height / 2 + size * 0.35, "font-size": size, "font-weight": style.fontWeight, fill: style.color,
        textLength: box.width, lengthAdjust: "spacingAndGlyphs", "xml:space": "preserve", "unicode-bidi": "embed",
        direction: "ltr", text: style.direction === "rtl" ? `\u202b${text}\u202c` : text,
      }));
    }
  }
}

// Where a text node is broken into lines.
function runs(node, range) {
  range.selectNodeContents(node);
  if (range.getClientRects().length <= 1) return [[0, node.length]];
  const found = [];
  let from = 0, last = null;
  for (let i = 0; i < node.length; i += 1) {
    range.setStart(node, i);
    range.setEnd(node, i + 1);
    const box = range.getClientRects()[0];
    if (last !== null && box && Math.abs(box.top - last) > 2) {
      found.push([from, i]);
      from = i;
    }
    if (box) last = box.top;
  }
  return [...found, [from, node.length]];
}

export async function png(markup) {
  const image = new Image();
  const url = URL.createObjectURL(new Blob([markup], { type: "image/svg+xml" }));
  try {
    await new Promise((resolve, reject) => {
      image.onload = resolve;
      image.onerror = () => reject(new Error("the browser cannot draw this picture: take the SVG"));
      image.src = url;
    });
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [2 * image.width, 2 * image.height];
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return await new Promise((resolve) => { canvas.toBlob(resolve, "image/png"); });
  } finally {
    URL.revokeObjectURL(url);
  }
}

export function save(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
