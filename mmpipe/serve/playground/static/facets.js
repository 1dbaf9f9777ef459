// What there is of each field, to choose from. Numbers beside a chosen value stay: the others may be added.
import { h, settled, uid } from "./dom.js";
import { icon } from "./icons.js";
import { has, money, number, t } from "./i18n.js";
import { availability, colour } from "./card.js";

const SHOWN = 6;
export const FIELDS = ["category", "brand", "color", "size", "material", "pattern", "gender", "availability"];

// What a search asks for, so that this can be drawn of its answer.
export const wanted = [...FIELDS.map((field) => ({ field, limit: field === "category" ? 200 : 40 })), { field: "price", buckets: 24, stats: true }];

export const nameOf = (field) => (has(`field.${field}`) ? t(`field.${field}`) : field);

// `chosen`: lists by field, and `price` as { gte, lte }. `choose(field, value, on)`, `bound({ gte, lte })`.
export function facetPanel(answer, chosen, currency, { choose, bound }) {
  const groups = FIELDS.map((field) => values(field, answer.facets[field] ?? [], chosen[field] ?? [], choose)).filter(Boolean);
  const prices = priceGroup(answer, chosen.price ?? {}, currency, bound);
  // Prices after what a thing is: that is chosen first.
  return [groups[0], prices, ...groups.slice(1)].filter(Boolean);
}

function values(field, found, chosen, choose) {
  const lower = chosen.map((value) => value.toLowerCase());
  const is = (value) => lower.includes(value.toLowerCase());
  // A chosen value that nothing has any more can still be taken back.
  const gone = chosen.filter((value) => !found.some((each) => each.value.toLowerCase() === value.toLowerCase())).map((value) => ({ value, count: 0 }));
  const all = [...gone, ...found];
  if (all.length < 2 && !chosen.length) return null;
  const sorted = field === "category" ? branches(all, chosen) : [...all.filter((each) => is(each.value)), ...all.filter((each) => !is(each.value))];
  const line = (each) => {
    const id = uid("facet");
    const dot = field === "color" ? h("span", { class: "dot", "aria-hidden": "true" }) : null;
    const known = field === "color" ? colour(each.value) : null;
    if (dot && known) dot.style.background = known;
    const depth = field === "category" ? each.value.split(" > ").length - 1 : 0;
    return h("li", { class: depth ? "below" : null }, h("input", { type: "checkbox", id, "data-key": `${field}:${each.value}`, checked: is(each.value), onchange: (event) => choose(field, each.value, event.target.checked) }),
      h("label", { for: id }, dot, h("span", { class: "value" }, shown(field, each.value)), h("span", { class: "num soft" }, number(each.count))));
  };
  const list = h("ul", {}, sorted.slice(0, SHOWN).map(line));
  const more = sorted.length > SHOWN && h("button", { type: "button", class: "quiet small", onclick: () => {
    more.remove();
    list.append(...sorted.slice(SHOWN).map(line));
    list.children[SHOWN].querySelector("input").focus();
  } }, t("facet.more", { count: sorted.length - SHOWN }));
  return h("fieldset", { class: "facet", "data-field": field }, h("legend", {}, nameOf(field)), list, more);
}

// Categories as a tree: the roots, and below each one that is chosen, or leads to a chosen one, its own.
function branches(all, chosen) {
  const open = chosen.flatMap((path) => path.split(" > ").map((_, n, parts) => parts.slice(0, n + 1).join(" > ")));
  const walk = (above) => all
    .filter(({ value }) => value.split(" > ").slice(0, -1).join(" > ") === above)
    .flatMap((each) => [each, ...(open.includes(each.value) ? walk(each.value) : [])]);
  const found = walk("");
  return [...found, ...all.filter((each) => chosen.includes(each.value) && !found.includes(each))];
}

export function shown(field, value) {
  if (field === "availability") return availability(value);
  if (field === "category") return value.split(" > ").pop();
  return value;
}

function priceGroup(answer, chosen, currency, bound) {
  const stats = answer.facet_stats.price;
  const steps = answer.facets.price ?? [];
  if (!stats || stats.count < 2 || stats.min === stats.max) return null;
  const most = Math.max(...steps.map((step) => step.count), 1);
  const bars = h("div", { class: "histogram", "aria-hidden": "true" }, steps.map((step) => {
    const inside = (chosen.gte === undefined || step.lt > chosen.gte) && (chosen.lte === undefined || step.gte <= chosen.lte);
    const bar = h("span", { class: inside ? "in" : null });
    bar.style.height = `${step.count ? 8 + (step.count / most) * 92 : 0}%`;
    return bar;
  }));
  const change = settled(() => {
    const [gte, lte] = [from, to].map((field) => (field.value === "" || Number.isNaN(field.valueAsNumber) ? undefined : Math.max(0, field.valueAsNumber)));
    bound(gte !== undefined && lte !== undefined && gte > lte ? { gte: lte, lte: gte } : { gte, lte });
  }, 500);
  const field = (name, value, hint) => h("input", { "data-key": `price:${name}`, type: "number", min: 0, step: "any", inputmode: "decimal", value: value ?? "", placeholder: String(hint), "aria-label": t(`facet.${name}`), oninput: change, onchange: change.now });
  const from = field("from", chosen.gte, Math.floor(stats.min));
  const to = field("to", chosen.lte, Math.ceil(stats.max));
  return h("fieldset", { class: "facet", "data-field": "price" }, h("legend", {}, t("field.price"), currency && h("span", { class: "soft small" }, ` ${currency}`)),
    bars, h("div", { class: "range" }, from, h("span", { class: "soft", "aria-hidden": "true" }, "–"), to));
}

// What is chosen, each to be taken back.
export function chosenChips(chosen, currency, { choose, bound }) {
  const chip = (text, drop) => h("li", {}, h("button", { type: "button", class: "chip on", onclick: drop }, text, icon("close", 14), h("span", { class: "visually-hidden" }, t("facet.drop"))));
  const chips = FIELDS.flatMap((field) => (chosen[field] ?? []).map((value) => chip(shown(field, value), () => choose(field, value, false))));
  const { gte, lte } = chosen.price ?? {};
  if (gte !== undefined || lte !== undefined) chips.push(chip(range({ gte, lte, currency }), () => bound({})));
  return chips;
}

// A range of prices in words.
export function range({ gte, lte, currency }) {
  const paid = (value) => money(`${value} ${currency ?? ""}`.trim());
  const [low, high] = [gte, lte].map((value) => (value === null || value === undefined ? null : paid(value)));
  if (low !== null && high !== null) return t("facet.between", { from: low, to: high });
  return low !== null ? t("facet.atleast", { from: low }) : t("facet.atmost", { to: high });
}

