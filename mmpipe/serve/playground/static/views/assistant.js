// A conversation: each answer says which words of the catalogue it stands on.
import { availability, productHash } from "../card.js";
import { fill, h } from "../dom.js";
import { nameOf, range } from "../facets.js";
import { icon } from "../icons.js";
import { has, money, t } from "../i18n.js";
import { picture } from "../media.js";
import { failed } from "../notices.js";

const EXAMPLES = 4;
// Kept while the view comes and goes; of one collection and language.
const talk = { of: null, state: null, turns: [] };

export async function show(root, { api, collection, lang, say, signal }) {
  const of = `${collection} ${lang}`;
  if (talk.of !== of) Object.assign(talk, { of, state: null, turns: [] });
  const log = h("ol", { class: "log", "aria-label": t("assistant.log") });
  const field = h("textarea", { id: "turn", rows: 1, maxlength: 500, placeholder: t("assistant.placeholder"), "aria-label": t("assistant.label"), enterkeyhint: "send" });
  const button = h("button", { type: "submit", class: "primary", "aria-label": t("assistant.send") }, icon("send", 18));
  const form = h("form", { class: "turn", onsubmit: (event) => {
    event.preventDefault();
    ask(field.value.trim());
  } }, field, button);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      form.requestSubmit();
    }
  });
  const again = h("button", { type: "button", class: "quiet", onclick: () => {
    Object.assign(talk, { state: null, turns: [] });
    draw();
    field.focus();
  } }, icon("refresh", 16), t("assistant.again"));
  const head = h("div", { class: "lead" }, h("h1", {}, t("nav.assistant")), h("p", { class: "soft" }, t("assistant.lead")));
  const box = h("div", { class: "talk" }, head, log, h("div", { class: "below" }, form, again));
  fill(root, box);

  function draw() {
    again.hidden = talk.turns.length === 0;
    head.hidden = false;
    fill(log, talk.turns.length ? talk.turns.map((turn) => [h("li", { class: "mine" }, turn.text), h("li", { class: "answer" }, turn.error ? failed(turn.error) : turn.answer ? answered(turn.answer, collection, ask) : h("p", { class: "dots", role: "img", "aria-label": t("assistant.thinking") }, h("span"), h("span"), h("span")))])
      : h("li", { class: "examples" }, Array.from({ length: EXAMPLES }, (_, n) => t(`assistant.example.${n + 1}`)).map((text) => h("button", { type: "button", class: "plain", onclick: () => ask(text) }, text))));
  }
  async function ask(text) {
    if (!text || talk.turns.at(-1)?.waiting) return;
    field.value = "";
    const turn = { text, answer: null, error: null, waiting: true };
    talk.turns.push(turn);
    draw();
    log.lastElementChild.scrollIntoView({ block: "end" });
    try {
      const answer = await api.post("/v1/assistant", { collection, text, state: talk.state, language: lang, limit: 4 }, signal);
      if (!talk.turns.includes(turn)) return; // begun anew meanwhile
      turn.answer = answer;
      talk.state = turn.answer.state;
      say(turn.answer.text);
    } catch (error) {
      if (!talk.turns.includes(turn)) return;
      if (api.outdated(error)) talk.turns.splice(talk.turns.indexOf(turn), 1);
      else turn.error = error;
    }
    turn.waiting = false;
    if (signal.aborted) return;
    draw();
    log.lastElementChild.scrollIntoView({ block: "nearest" });
    field.focus({ preventScroll: true });
  }
  draw();
  field.focus({ preventScroll: true });
}

function answered(answer, collection, ask) {
  const proof = h("div", { class: "proof", hidden: true });
  return h("div", { class: "stack" },
    h("p", { class: "said" }, evidence(answer, proof)), proof,
    answer.wishes.length > 0 && h("ul", { class: "chips", "aria-label": t("assistant.wishes") }, answer.wishes.map((wish) => h("li", {}, h("span", { class: ["chip", !wish.wanted && "not"] }, h("span", { class: "soft" }, `${nameOf(wish.field)}: `), wish.values.length ? wish.values.join(", ") : range({ gte: wish.gte, lte: wish.lte }))))),
    answer.relaxed.length > 0 && h("p", { class: "note" }, t("search.relaxed"), " ", answer.relaxed.join(", ")),
    answer.products.length > 0 && h("ul", { class: "offers" }, answer.products.map((product, n) => h("li", {}, h("a", { class: "offer", href: productHash(product.id, { query_id: answer.query_id, position: n, list: "assistant" }) },
      picture({ collection, id: product.id, width: 160, known: Boolean(product.image_link) }),
      h("span", { class: "about" }, h("span", { class: "title" }, product.title), product.price && h("strong", {}, money(product.price)), product.availability !== "in_stock" && h("span", { class: ["small stock", product.availability] }, availability(product.availability))))))),
    answer.comparison.length > 0 && compared(answer),
    answer.question?.options.length > 0 && h("div", { class: "row options" }, answer.question.options.slice(0, 8).map((option) => h("button", { type: "button", class: "plain", onclick: () => ask(option) }, option))));
}

// The text, with every claim a button that shows the catalogue's own words.
function evidence(answer, proof) {
  const letters = Array.from(answer.text);
  const parts = [];
  let at = 0;
  const claims = [...answer.claims].sort((a, b) => a.start - b.start).filter((claim, n, all) => n === 0 || claim.start >= all[n - 1].end);
  for (const claim of claims) {
    if (claim.start < at || claim.end <= claim.start) continue;
    parts.push(letters.slice(at, claim.start).join(""));
    const button = h("button", { type: "button", class: "claim", "aria-expanded": "false", onclick: () => {
      const open = button.getAttribute("aria-expanded") === "true";
      proof.parentElement.querySelectorAll(".claim").forEach((each) => each.setAttribute("aria-expanded", "false"));
      button.setAttribute("aria-expanded", String(!open));
      proof.hidden = open;
      fill(proof, h("p", { class: "small" }, h("span", { class: "soft" }, t("assistant.from", { field: fieldName(claim.field) })), " ", h("a", { href: productHash(claim.product_id, { query_id: answer.query_id, list: "assistant" }) }, claim.product_id)), h("blockquote", {}, claim.quote));
    } }, letters.slice(claim.start, claim.end).join(""));
    parts.push(button);
    at = claim.end;
  }
  parts.push(letters.slice(at).join(""));
  return parts;
}

function fieldName(field) {
  const [first, ...rest] = field.split(".");
  if (first === "attributes") return rest.join(".");
  if (first === "translations") return nameOf(rest.at(-1));
  return has(`field.${first}`) ? t(`field.${first}`) : field;
}

function compared(answer) {
  const claims = Object.fromEntries(answer.claims.map((claim) => [claim.id, claim]));
  return h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("assistant.compared") }, h("table", {},
    h("thead", {}, h("tr", {}, h("td"), answer.products.map((product) => h("th", { scope: "col" }, product.title)))),
    h("tbody", {}, answer.comparison.map((row) => h("tr", {}, h("th", { scope: "row" }, row.name), answer.products.map((product) =>
      h("td", { class: row.winner === product.id ? "winner" : null }, claims[row.claims[product.id]]?.value ?? "–")))))));
}
