// A product as lists show it, and why it is there.
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { clock, has, lang, money, number, t } from "./i18n.js";
import { post, url } from "./api.js";
import { picture } from "./media.js";

const SOURCES = ["lexical", "text", "image", "audio", "video", "taste", "boosts", "rules", "review_photo"];

// The address of a product's page. `from`: `query_id`, `position`, `list` of where it was shown, `second` of
// its clip.
export function productHash(id, from = {}) {
  return url(`#/product/${encodeURIComponent(id)}`, {
    s: from.second ?? null, qid: from.query_id ?? null, p: from.position ?? null, l: from.list ?? null,
  });
}

// A product's name in the reader's language, where its answer brought translations along.
export const titleOf = (hit) => hit.fields?.translations?.[lang()]?.title ?? hit.title;

// `most` is the highest score of its list: bars are drawn against it.
export function card(hit, { collection, position = null, query_id = null, list = null, most = null, lazy = true, reasoned = true }) {
  const second = hit.video_second;
  const href = productHash(hit.id, { second, query_id, position, list });
  const off = discount(hit);
  const told = hit.fields?.translations?.[lang()]?.title;
  return h("article", { class: ["product", hit.availability === "out_of_stock" && "gone"] },
    h("div", { class: "shot" },
      picture({ collection, id: hit.id, known: Boolean(hit.image_link), lazy }),
      off > 0 && h("span", { class: "badge sale" }, `−${number(off, { style: "percent" })}`),
      second !== null && second !== undefined && h("span", { class: "badge moment" }, icon("play", 13), clock(second), h("span", { class: "visually-hidden" }, t("card.moment")))),
    h("div", { class: "about" },
      h("p", { class: "maker" }, hit.brand ?? " "),
      h("h3", { class: "title" }, h("a", { href }, told ?? marked(hit.title, hit.highlights?.title))),
      price(hit),
      hit.rating !== null && hit.rating !== undefined && stars(hit.rating, hit.rating_count),
      hit.availability !== "in_stock" && h("p", { class: ["stock", hit.availability] }, availability(hit.availability)),
      hit.variants && swatches(hit.variants, collection)),
    hit.scores && most ? why(hit, most) : null,
    hit.why?.length && reasoned ? reasons(hit) : null);
}

export function availability(value) {
  return has(`stock.${value}`) ? t(`stock.${value}`) : value;
}

function discount(hit) {
  const [now, before] = [parseFloat(hit.price), parseFloat(hit.list_price)];
  return before > now ? (before - now) / before : 0;
}

export function price(hit) {
  if (!hit.price) return h("p", { class: "price soft" }, t("card.noprice"));
  const many = hit.variants?.price_min && hit.variants.price_min !== hit.variants.price_max;
  if (many) return h("p", { class: "price" }, t("card.pricerange", { from: money(hit.variants.price_min), to: money(hit.variants.price_max) }));
  return h("p", { class: ["price", hit.list_price && "reduced"] },
    h("strong", {}, money(hit.price)),
    hit.list_price && h("s", {}, h("span", { class: "visually-hidden" }, t("card.listprice")), money(hit.list_price)));
}

export function stars(rating, count) {
  const shown = number(rating, { maximumFractionDigits: 1, minimumFractionDigits: 1 });
  const bar = h("span", { class: "stars", "aria-hidden": "true" }, h("span", { class: "full" }, "★★★★★"), "★★★★★");
  bar.firstChild.style.width = `${(rating / 5) * 100}%`;
  return h("p", { class: "rating" }, bar, h("span", { class: "visually-hidden" }, t("card.rating", { rating: shown })),
    count !== null && count !== undefined && h("span", { class: "soft small" }, `(${number(count)})`));
}

// A colour's name as a colour, where browsers know it; `null` for names they do not.
const COLOURS = { multicolour: "conic-gradient(#d33,#e93,#3a6,#36c,#93c,#d33)", multicolor: "conic-gradient(#d33,#e93,#3a6,#36c,#93c,#d33)", "off white": "#f4f1e8", cream: "#f3ead2", "navy blue": "#1f2f5c", burgundy: "#6d1a2d", charcoal: "#3b3f45", mustard: "#d1a02a", mint: "#a8dcc0", rose: "#dfa0a4", grey: "#8d9299", beige: "#d9c7a5", camel: "#b98a52" };
export function colour(name) {
  const known = COLOURS[name?.toLowerCase()];
  if (known) return known;
  return CSS.supports("color", name?.toLowerCase() ?? "") && !["inherit", "initial", "unset", "transparent"].includes(name.toLowerCase()) ? name.toLowerCase() : null;
}

function swatches(variants, collection) {
  if (variants.count < 2) return null;
  const shown = variants.swatches.slice(0, 6);
  return h("ul", { class: "swatches", "aria-label": t("card.variants", { count: variants.count }) },
    shown.map((each) => {
      const name = each.color ?? each.size ?? each.id;
      const link = h("a", { href: productHash(each.id), title: name }, h("span", { class: "visually-hidden" }, name));
      const found = each.color ? colour(each.color) : null;
      if (found) link.style.background = found;
      else link.append(name.slice(0, 3));
      return h("li", {}, link);
    }),
    variants.count > shown.length && h("li", { class: "soft small" }, `+${variants.count - shown.length}`));
}

// Text with spans of characters marked: [[from, to], …] in code points.
export function marked(text, spans) {
  if (!spans?.length) return text;
  const letters = Array.from(text);
  const parts = [];
  let at = 0;
  for (const [from, to] of spans) {
    parts.push(letters.slice(at, from).join(""), h("mark", {}, letters.slice(from, to).join("")));
    at = to;
  }
  parts.push(letters.slice(at).join(""));
  return parts;
}

// What earned a hit's place, as one bar, and on demand part by part.
function why(hit, most) {
  const parts = SOURCES.map((name) => [name, hit.scores[name] ?? 0]).filter(([, value]) => Math.abs(value) > 1e-6);
  const bar = h("span", { class: "bar", "aria-hidden": "true" }, parts.filter(([, value]) => value > 0).map(([name, value]) => piece(name, value / most)));
  const details = h("details", { class: "why" },
    h("summary", { title: t("why.open") }, bar, h("span", { class: "visually-hidden" }, t("why.of", { title: titleOf(hit) })), h("span", { class: "score", "aria-hidden": "true" }, number(hit.score, { maximumFractionDigits: 2, minimumFractionDigits: 2 }))));
  // Drawn when somebody looks: a page has many of them.
  details.addEventListener("toggle", () => {
    if (!details.open || details.querySelector("dl")) return;
    const widest = Math.max(...parts.map(([, value]) => Math.abs(value)));
    details.append(h("dl", { class: "parts" }, parts.map(([name, value]) => [
      h("dt", {}, t(`score.${name}`)),
      h("dd", {}, piece(name, Math.abs(value) / widest), h("span", { class: "num" }, number(value, { maximumFractionDigits: 3, signDisplay: value < 0 ? "always" : "auto" }))),
    ])), words(hit));
  });
  return details;
}

function piece(name, share) {
  const element = h("span", { class: ["piece", `of-${name}`] });
  element.style.width = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return element;
}

function words(hit) {
  const said = (hit.explanation ?? []).filter((each) => each.asked || each.rule).slice(0, 6);
  if (!said.length) return null;
  return h("ul", { class: "words small" }, said.map((each) => h("li", {},
    h("span", {}, each.rule ?? (each.found && each.found !== each.asked ? `${each.asked} → ${each.found}` : each.asked)),
    each.field && h("span", { class: "soft" }, ` ${has(`field.${each.field}`) ? t(`field.${each.field}`) : each.field}`),
    each.how && each.how !== "word" && h("span", { class: "soft" }, ` · ${t(`how.${each.how}`)}`),
    h("span", { class: "num" }, number(each.value, { maximumFractionDigits: 3 })))));
}

// Why a recommended product is there, the strongest reason first.
function reasons(item) {
  const said = [...item.why].sort((a, b) => b.part - a.part);
  return h("p", { class: "reason small" }, icon("spark", 14), h("span", {}, said[0].text, item.explored && ` · ${t("why.explored")}`, item.sponsored && ` · ${t("why.sponsored")}`));
}

// Products beside one another, which scroll sideways.
export function rail(title, items, given, note = null) {
  return h("section", { class: "rail" },
    h("div", { class: "row apart" }, h("h2", {}, title), note && h("p", { class: "soft small" }, note)),
    h("ul", { tabindex: "0", "aria-label": title }, items.map((item, position) => h("li", {}, card(item, { ...given, position })))));
}

// Titles of a list's products in the reader's language, where the catalogue has them and lists have not.
export async function translated(items, collection, signal) {
  if (lang() === "en" || !items.length) return items;
  const ids = [...new Set(items.map((item) => item.id))].slice(0, 100);
  const answer = await post("/v1/search", { collection, filter: { field: "id", in: ids }, limit: 100, fields: ["translations"], explain: false, rules: false }, signal);
  const told = new Map(answer.hits.map((hit) => [hit.id, hit.fields]));
  for (const item of items) item.fields = { ...item.fields, ...told.get(item.id) };
  return items;
}

export function skeletons(count) {
  return h("ul", { class: "grid", "aria-hidden": "true" }, Array.from({ length: count }, () => h("li", { class: "product ghost" }, h("span", { class: "pic" }), h("span", { class: "line" }), h("span", { class: "line short" }))));
}
