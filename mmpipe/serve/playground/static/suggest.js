// What may be meant while it is being typed: a combobox with a list (WAI-ARIA 1.2), asked with every key.
import * as api from "./api.js";
import { fill, h, settled, uid } from "./dom.js";
import { icon } from "./icons.js";
import { number, t } from "./i18n.js";
import { marked } from "./card.js";

const KINDS = { query: "search", category: "tag", brand: "tag", product: "image" };
const PAUSE_MS = 50;

// Makes an input complete itself. `choose(suggestion)` is called with what is picked; returns the list's node.
export function completing(input, { collection, lang, signal, choose }) {
  const id = uid("suggestions");
  const list = h("ul", { id, class: "suggestions", role: "listbox", "aria-label": t("suggest.label"), hidden: true });
  let held = [];
  let at = -1;

  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": id, autocomplete: "off", autocapitalize: "off", spellcheck: "false" })) input.setAttribute(name, value);

  const close = () => {
    list.hidden = true;
    at = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  };
  const pick = (index) => {
    const chosen = held[index];
    close();
    ask.cancel();
    choose(chosen);
  };
  const point = (index) => {
    at = index;
    [...list.querySelectorAll("[role=option]")].forEach((option, n) => option.setAttribute("aria-selected", String(n === at)));
    if (at < 0) input.removeAttribute("aria-activedescendant");
    else {
      input.setAttribute("aria-activedescendant", `${id}-${at}`);
      document.getElementById(`${id}-${at}`).scrollIntoView({ block: "nearest" });
    }
  };
  const draw = () => {
    fill(list, held.map((each, index) => h("li", { id: `${id}-${index}`, role: "option", "aria-selected": "false", onpointerdown: (event) => event.preventDefault(), onclick: () => pick(index) },
      icon(KINDS[each.kind] ?? "search", 17), h("span", { class: "said" }, marked(each.text, each.spans)),
      h("span", { class: "soft small" }, each.kind === "query" ? null : t(`suggest.${each.kind}`), each.count !== null && each.kind !== "product" && ` ${number(each.count)}`))));
    at = -1;
    list.hidden = held.length === 0;
    input.setAttribute("aria-expanded", String(held.length > 0));
    input.removeAttribute("aria-activedescendant");
  };
  const ask = settled(async () => {
    try {
      const answer = await api.get("/v1/suggest", { q: input.value, collection, limit: 8, lang }, api.latest("suggest", signal));
      if (document.activeElement !== input) return;
      held = answer.suggestions;
      draw();
    } catch (error) {
      // Without suggestions the search itself goes on, and says what is wrong.
      if (!api.outdated(error)) close();
    }
  }, PAUSE_MS);

  input.addEventListener("input", ask);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) return void ask.now();
      const step = event.key === "ArrowDown" ? 1 : -1;
      const next = at + step;
      point(next >= held.length ? -1 : next < -1 ? held.length - 1 : next);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      close();
    } else if (event.key === "Enter") {
      ask.cancel();
      api.latest("suggest");
      if (at >= 0) {
        event.preventDefault();
        pick(at);
      } else close();
    }
  });
  return { list, close };
}
