// Search: what was typed, and what is found.
import { fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { money, t } from "../i18n.js";
import { latest, url } from "../api.js";
import { empty } from "../notices.js";

export async function show(root, { api, route, collection, go, signal }) {
  const text = route.params.get("q") ?? "";
  const found = h("div", { class: "found" });
  const field = h("input", { type: "search", name: "q", value: text, autocomplete: "off", "aria-label": t("search.label"), placeholder: t("search.placeholder") });
  const asked = (event) => {
    event.preventDefault();
    go(url("#/search", { q: field.value.trim() || null }));
  };
  fill(root, h("h1", { class: "visually-hidden" }, t("nav.search")),
    h("form", { role: "search", class: "ask", onsubmit: asked }, icon("search"), field, h("button", { type: "submit", class: "primary" }, t("search.go"))), found);
  if (collection === null) return void fill(found, empty(t("search.none"), h("p", { class: "soft" }, t("search.none.how"))));
  const answer = await api.post("/v1/search", { collection, text: text || null, limit: 24 }, latest("search", signal));
  fill(found, h("p", { class: "soft" }, t("search.total", { count: answer.total })),
    h("ul", { class: "grid" }, answer.hits.map((hit) => h("li", { class: "card" }, h("h3", {}, hit.title), hit.price && h("p", {}, money(hit.price))))));
}
