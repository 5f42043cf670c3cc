// Elements made of plain values: text is always text, never markup.

export const byId = (id) => document.getElementById(id);

export function el(tag, given = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") made.textContent = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name.startsWith("--")) made.style.setProperty(name, value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function svg(tag, given = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(given)) {
    if (name === "text") made.textContent = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const MINUS = "\u2212";

// Three significant digits, with a plus sign where signs mean something; as the reports write them.
export function number(value, signed = true) {
  if (value === null || value === undefined) return "undefined";
  let text = Math.abs(value) >= 1e6 || (value && Math.abs(value) < 1e-4) ? value.toExponential(2) : String(+value.toPrecision(3));
  text = text.replace("-", MINUS);
  return signed && value > 0 ? `+${text}` : text;
}

export function percent(value) {
  if (value === null || value === undefined) return "";
  if (value > 0 && value < 0.005) return "below 1 %";
  if (value < 1 && value >= 0.995) return "above 99 %";
  return `${Math.round(100 * value)} %`;
}

export function debounced(work, wait) {
  let timer = null;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...given), wait);
  };
}

// Put new elements into a place. If the focus was inside, it stays at the element with the same data-key, if that can
// have it still, and else goes to the heading.
export function replaceKept(place, ...children) {
  const key = place.contains(document.activeElement) ? document.activeElement.dataset.key ?? "" : null;
  place.replaceChildren(...children);
  if (key === null) return;
  const same = [...place.querySelectorAll("[data-key]")].find((one) => one.dataset.key === key && !one.disabled);
  const heading = place.querySelector("h3");
  heading?.setAttribute("tabindex", "-1");
  (same ?? heading)?.focus();
}

// What is hovered or focused, with a note above it.
export function showTip(target, text) {
  const tip = byId("tip");
  tip.textContent = text;
  tip.hidden = false;
  const box = target.getClientRects()[0] ?? target.getBoundingClientRect();
  const size = tip.getBoundingClientRect();
  const left = Math.min(Math.max(8, box.left + box.width / 2 - size.width / 2), innerWidth - size.width - 8);
  const above = box.top - size.height - 8;
  tip.style.left = `${left}px`;
  tip.style.top = `${above > 4 ? above : box.bottom + 8}px`;
}

export const hideTip = () => { byId("tip").hidden = true; };
