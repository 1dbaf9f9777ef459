// Elements without markup: what a feed or a shopper wrote becomes text, whatever it looks like.

const SVG = "http://www.w3.org/2000/svg";

// An element. `attributes`: false, null and undefined are left out, true is an empty one, functions are
// listeners by `onclick` and the like, `class` may be a list. `children`: nodes, text, numbers, nested lists.
export function h(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

// The same of SVG.
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === false || value === null || value === undefined) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value);
    else if (name === "style") throw new Error("the policy refuses style attributes; set element.style.x");
    else if (name === "value" && "value" in element) element.value = value;
    else if (name === "class") element.setAttribute("class", [value].flat(2).filter(Boolean).join(" "));
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...nodes(children));
  return element;
}

function nodes(children) {
  return children
    .flat(Infinity)
    .filter((child) => child !== null && child !== undefined && child !== false)
    .map((child) => (child instanceof Node ? child : document.createTextNode(String(child))));
}

// Other children in the place of an element's own.
export function fill(element, ...children) {
  element.replaceChildren(...nodes(children));
  return element;
}

// `call` once nothing was asked of it for `ms`; `.now(…)` at once.
export function settled(call, ms) {
  let timer = 0;
  const later = (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...given), ms);
  };
  later.now = (...given) => {
    clearTimeout(timer);
    call(...given);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}

let numbered = 0;
// An id that no other element has.
export function uid(prefix) {
  numbered += 1;
  return `${prefix}-${numbered}`;
}
