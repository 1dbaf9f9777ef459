// One product: its pictures and clip, what goes with it, and what people say of it.
import { availability, price, rail, stars, translated } from "../card.js";
import { fill, h } from "../dom.js";
import { tell } from "../events.js";
import { nameOf } from "../facets.js";
import { icon } from "../icons.js";
import { clock, has, number, t } from "../i18n.js";
import { picture, player } from "../media.js";
import { failed } from "../notices.js";

const FACTS = ["category", "color", "size", "material", "pattern", "gender", "age_group", "condition", "gtin", "mpn", "item_group_id"];

export async function show(root, context) {
  const { api, route, collection, shopper, lang, say, signal } = context;
  const id = route.id ?? "";
  const path = `/v1/products/${encodeURIComponent(id)}`;
  fill(root, h("p", { class: "soft", "aria-busy": "true" }, t("product.loading")));
  const { product, effective_price: pays } = await api.get(path, { collection }, signal);
  const told = product.translations?.[lang] ?? {};
  const title = told.title || product.title;
  document.title = `${title} · mmpipe`;
  const second = Number(route.params.get("s"));
  const from = { query_id: route.params.get("qid"), position: route.params.get("p") === null ? null : Number(route.params.get("p")), list: route.params.get("l") };
  const asMoney = (given) => (given ? `${given.amount} ${given.currency}` : null);
  const now = asMoney(pays);
  const listed = asMoney(product.price);
  const rails = h("div", { class: "rails" });
  const reviews = h("div", {});

  const act = (type, name, label, pressed) => {
    const button = h("button", { type: "button", class: name, onclick: async () => {
      button.disabled = true;
      try {
        if (!(await tell(collection, type, { id, title }, { ...from }))) throw new Error(t("error.unexpected"));
        say(t(`product.told.${type}`));
        fill(button, icon("check", 17), pressed);
      } catch (error) {
        button.disabled = false;
        button.after(failed(error));
      }
    } }, label);
    return button;
  };
  fill(root,
    h("nav", { class: "crumbs small", "aria-label": t("product.where") }, h("button", { type: "button", class: "quiet", onclick: () => (history.length > 1 ? history.back() : context.go("#/")) }, icon("back", 16), t("product.back")), category(product, api)),
    h("div", { class: "detail" }, gallery(product, collection, title, route.params.has("s") ? second : null),
      h("div", { class: "facts stack" },
        product.brand && h("p", { class: "maker" }, product.brand),
        h("h1", {}, title),
        product.rating !== undefined && stars(product.rating, product.rating_count),
        h("div", { class: "large" }, price({ price: now, list_price: listed !== now ? listed : null })),
        h("p", { class: ["stock", product.availability ?? "in_stock"] }, availability(product.availability ?? "in_stock")),
        shopper.id
          ? h("div", { class: "row" }, act("add-to-cart", "primary", t("product.cart"), t("product.in")), act("like", "plain", t("product.like"), t("product.liked")))
          : h("p", { class: "soft small" }, t("product.nobody")),
        h("p", { class: "description" }, told.description || product.description),
        factList(product))),
    rails, reviews);

  // Told once it is seen; what is recommended below already knows.
  const seen = tell(collection, "view", { id, title }, from).catch(() => false);
  await Promise.all([
    seen.then(() => lists(rails, context, product, id)).catch((error) => !api.outdated(error) && fill(rails, failed(error))),
    api.get(`${path}/reviews`, { collection }, signal).then((said) => fill(reviews, opinions(said, collection))).catch((error) => !api.outdated(error) && fill(reviews, failed(error))),
  ]);
}

function category(product, api) {
  const path = product.product_type || product.google_product_category;
  if (!path) return null;
  const parts = path.split(">").map((part) => part.trim()).filter(Boolean);
  return h("ol", {}, parts.map((part, n) => h("li", {}, h("a", { href: api.url("#/search", { category: parts.slice(0, n + 1).join(" > ") }) }, part))));
}

function gallery(product, collection, title, second) {
  const count = (product.image_link ? 1 : 0) + (product.additional_image_link?.length ?? 0);
  const id = product.id;
  const main = h("div", { class: "main" });
  const choices = [];
  const choose = (index) => {
    choices.forEach(({ button }, n) => button.setAttribute("aria-pressed", String(n === index)));
    fill(main, choices[index].draw());
  };
  for (let n = 0; n < count; n += 1) choices.push({ draw: () => picture({ collection, id, number: n, width: 640, alt: title, lazy: false }), thumb: () => picture({ collection, id, number: n, width: 160, lazy: false }), label: t("product.picture", { n: n + 1 }) });
  if (product.video_link) choices.push({ video: true, draw: () => player({ collection, id, kind: "video", label: t("product.clip"), from: second, onabsent: () => fill(main, h("p", { class: "soft pad" }, t("product.noclip"))) }), thumb: () => h("span", { class: "pic none" }, icon("play", 26), second !== null && h("span", { class: "small" }, clock(second))), label: second !== null ? t("product.clipat", { at: clock(second) }) : t("product.clip") });
  if (!choices.length) return h("div", { class: "gallery" }, fill(main, picture({ collection, id, known: false, alt: t("product.nopicture") })));
  choices.forEach((choice, index) => (choice.button = h("button", { type: "button", class: "thumb", "aria-label": choice.label, title: choice.label, onclick: () => choose(index) }, choice.thumb())));
  // Whoever comes for a moment of the clip sees that.
  choose(second !== null && product.video_link ? choices.length - 1 : 0);
  const sound = product.audio_link && player({ collection, id, kind: "audio", label: t("product.sound"), onabsent: () => sound.remove() });
  return h("div", { class: "gallery" }, main, choices.length > 1 && h("div", { class: "thumbs", role: "group", "aria-label": t("product.gallery") }, choices.map(({ button }) => button)), sound);
}

function factList(product) {
  const rows = FACTS.filter((name) => product[name]).map((name) => [nameOf(name), product[name]]);
  rows.push(...Object.entries(product.attributes ?? {}));
  rows.unshift([t("product.id"), product.id]);
  return h("dl", { class: "table small" }, rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

// What goes with it, each kind in a row of its own; a kind that knows nothing is left out.
async function lists(place, { api, collection, shopper, lang, signal }, product, id) {
  const kinds = ["similar", "bought_together", "substitutes", "complements", "also_viewed"];
  const asked = { collection, session_id: shopper.id, lang, lists: kinds.map((kind) => ({ kind, product_ids: [id], limit: 10 })) };
  const [variants, answer] = await Promise.all([
    product.item_group_id ? api.post("/v1/search", { collection, filter: { and: [{ field: "item_group_id", eq: product.item_group_id }, { not: { field: "id", eq: id } }] }, limit: 20, explain: false }, signal) : { hits: [] },
    api.post("/v1/recommendations", asked, signal).catch(async (error) => {
      if (api.outdated(error) || error.status !== 422) throw error;
      // A collection that is split has no lists but this.
      const found = await api.get(`/v1/products/${encodeURIComponent(id)}/similar`, { collection, limit: 10 }, signal);
      return { lists: [{ name: "similar", items: found.hits.map((hit) => ({ ...hit, scores: null })) }] };
    }),
  ]);
  await translated([...variants.hits, ...answer.lists.flatMap((list) => list.items)], collection, signal);
  fill(place,
    variants.hits.length > 0 && rail(t("product.variants"), variants.hits, { collection, list: "variants" }),
    answer.lists.filter((list) => list.items.length).map((list) => rail(t(`list.${list.name}`), list.items, { collection, list: list.name, query_id: list.query_id }, list.fallback)));
}

function opinions(said, collection) {
  if (!said.count) return null;
  const most = Math.max(...said.aspects.map((aspect) => aspect.positive + aspect.negative), 1);
  return h("section", { class: "reviews stack" }, h("h2", {}, t("reviews.title", { count: said.count })),
    said.rating !== null && stars(said.rating, said.rating_count),
    said.photos.length > 0 && h("ul", { class: "taken", "aria-label": t("reviews.photos") }, said.photos.map(({ photo }, n) => h("li", {}, picture({ collection, id: said.product_id, photo, width: 160, alt: t("reviews.photo", { n: n + 1 }) })))),
    said.summary.length > 0 && h("ul", { class: "quotes" }, said.summary.map((quote) => h("li", {}, h("q", {}, quote.text)))),
    h("ul", { class: "aspects" }, said.aspects.map((aspect) => {
      const [good, bad] = ["good", "bad"].map((name) => h("span", { class: ["piece", name] }));
      good.style.width = `${(aspect.positive / most) * 100}%`;
      bad.style.width = `${(aspect.negative / most) * 100}%`;
      return h("li", {}, h("details", {}, h("summary", {}, h("span", { class: "name" }, has(`aspect.${aspect.name}`) ? t(`aspect.${aspect.name}`) : aspect.name), h("span", { class: "both", "aria-hidden": "true" }, good, bad), h("span", { class: "small soft" }, t("reviews.counts", { good: number(aspect.positive), bad: number(aspect.negative) }))),
        h("ul", { class: "quotes" }, aspect.quotes.map((quote) => h("li", {}, h("q", {}, quote.text))))));
    })));
}

