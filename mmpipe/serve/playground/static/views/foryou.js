// What one made-up shopper is shown, and why: it changes as this shopper looks at things.
import { productHash, rail, translated } from "../card.js";
import { fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { has, t } from "../i18n.js";
import { empty } from "../notices.js";
import { become, did, NAMES } from "../shoppers.js";

const EVERYBODY = ["for_you", "trending", "new_arrivals", "popular"];
const ONE = ["for_you", "session", "recently_viewed", ...EVERYBODY.slice(1)];

export async function show(root, { api, collection, shopper, lang, go, signal }) {
  const place = h("div", { class: "rails", "aria-busy": "true" });
  const pick = (name) => {
    become(name);
    go("#/foryou");
  };
  const events = shopper.name ? did(shopper.name) : [];
  fill(root,
    h("div", { class: "lead" }, h("h1", {}, shopper.name ? t("foryou.title", { name: t(`shopper.${shopper.name}`) }) : t("nav.foryou")), h("p", { class: "soft" }, t("foryou.lead"))),
    h("div", { class: "personas", role: "group", "aria-label": t("shopper.label") }, [null, ...NAMES].map((name) =>
      h("button", { type: "button", class: "persona", "aria-pressed": String(name === shopper.name), onclick: () => pick(name) },
        h("span", { class: ["face", name ?? "nobody"], "aria-hidden": "true" }, name ? t(`shopper.${name}`).slice(0, 1) : icon("person", 20)), h("span", {}, t(`shopper.${name ?? "nobody"}`), h("span", { class: "soft small" }, t("foryou.did", { count: name ? did(name).length : 0 })))))),
    shopper.name && h("section", { class: "card trace" }, h("h2", {}, t("foryou.trace")),
      events.length ? h("ol", { class: "events" }, events.slice(0, 8).map((event) => h("li", {}, h("span", { class: "kind" }, has(`event.${event.type}`) ? t(`event.${event.type}`) : event.type), h("a", { href: productHash(event.id) }, event.title)))) : h("p", { class: "soft" }, t("foryou.nothing"))),
    place);
  const answer = await api.post("/v1/recommendations", { collection, session_id: shopper.id, lang, lists: (shopper.id ? ONE : EVERYBODY).map((kind) => ({ kind, limit: 12 })) }, signal);
  place.removeAttribute("aria-busy");
  // What stands in for the visit, or for what was viewed, is in the first list already.
  const shown = answer.lists.filter((list) => list.items.length && !(list.fallback && ["session", "recently_viewed"].includes(list.kind)));
  await translated(shown.flatMap((list) => list.items), collection, signal);
  fill(place, shown.length ? shown.map((list) => rail(t(`list.${list.name}`), list.items, { collection, list: list.name, query_id: list.query_id }, list.fallback)) : empty(t("foryou.empty")));
}
