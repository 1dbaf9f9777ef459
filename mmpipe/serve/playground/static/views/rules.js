// Merchandising rules: a draft of the whole set, tried on searches before it is set, and former sets.
import { fill, h, settled } from "../dom.js";
import { icon } from "../icons.js";
import { number, t } from "../i18n.js";
import { latest, outdated } from "../api.js";
import { titleOf } from "../card.js";
import { ruleForm, summary } from "../desk/rule_form.js";
import { failed } from "../notices.js";

const SHOWN = 8;

export async function show(root, context) {
  const { api, collection, lang, signal, say } = context;
  const [set, { versions }] = await Promise.all([
    api.get("/v1/rules", { collection }, signal), api.get("/v1/rules/versions", { collection }, signal),
  ]);
  const state = { version: set.version, saved: JSON.stringify(set.rules), rules: set.rules, editing: null };
  const list = h("ol", { class: "rules" });
  const bar = h("div", { class: "row apart saving" });
  const told = h("div", {});
  const fault = h("div", {});
  const query = h("input", { type: "search", id: "try", value: context.route.params.get("q") ?? "", autocomplete: "off", placeholder: t("rules.try.placeholder") });
  const compared = h("div", { class: "compared", "aria-live": "polite" });

  const dirty = () => JSON.stringify(state.rules) !== state.saved;
  const draw = () => {
    fill(list, state.rules.map((rule, place) => entry(rule, place)),
      state.rules.length === 0 && h("li", { class: "card soft" }, t("rules.none")));
    drawBar();
  };
  const drawBar = () => fill(bar, h("p", { class: "soft" }, dirty() ? t("rules.unsaved") : t("rules.saved", { version: state.version })),
    h("div", { class: "row" },
      (dirty() || state.editing !== null) && h("button", { type: "button", class: "quiet", onclick: discard }, t("rules.discard")),
      h("button", { type: "button", class: "plain", onclick: add }, t("rules.add")),
      h("button", { type: "button", class: "primary", disabled: !dirty(), onclick: save }, t("rules.save"))));
  const discard = () => {
    Object.assign(state, { rules: JSON.parse(state.saved), editing: null });
    draw();
    preview.now();
  };
  const add = () => {
    state.rules = [...state.rules, { name: "", enabled: true }];
    edit(state.rules.length - 1);
  };
  const edit = (place) => {
    state.editing = place;
    draw();
    state.form?.focus();
  };
  const move = (place, by) => {
    const [rule] = state.rules.splice(place, 1);
    state.rules.splice(place + by, 0, rule);
    draw();
    preview();
    list.children[place + by].querySelector(by < 0 ? ".up" : ".down").focus();
  };
  const entry = (rule, place) => {
    if (state.editing === place) {
      const form = (state.form = ruleForm(rule, () => {
        const read = form.read();
        if (read === null) return;
        state.rules[place] = read;
        drawBar();
        preview();
      }));
      return h("li", { class: "card editing" }, form.node, h("p", { class: "row end" },
        h("button", { type: "button", class: "quiet bad-text", onclick: () => remove(place) }, t("rules.remove")),
        h("button", { type: "button", class: "plain", onclick: () => form.read() !== null && edit(null) }, t("close"))));
    }
    return h("li", { class: ["card", rule.enabled === false && "idle"] },
      h("div", { class: "row apart" }, h("h2", {}, rule.name || t("rules.unnamed"), rule.enabled === false && h("span", { class: "state" }, t("rules.off"))),
        h("div", { class: "row" },
          h("button", { type: "button", class: "round up", disabled: place === 0, "aria-label": t("rules.up", { name: rule.name }), onclick: () => move(place, -1) }, icon("up", 18)),
          h("button", { type: "button", class: "round down", disabled: place === state.rules.length - 1, "aria-label": t("rules.down", { name: rule.name }), onclick: () => move(place, 1) }, icon("down", 18)),
          h("button", { type: "button", class: "plain", "aria-label": t("rules.edit.of", { name: rule.name }), onclick: () => edit(place) }, t("rules.edit")))),
      summary(rule));
  };
  const remove = (place) => {
    state.rules = state.rules.filter((_, each) => each !== place);
    edit(null);
    preview();
  };
  const blame = (error) => {
    // `rules.2.pin.0.position`: the rule, and its field.
    const [, place, path] = /^rules\.(\d+)\.?(.*)$/.exec(error.field ?? "") ?? [];
    if (place === undefined) return false;
    if (state.editing !== Number(place)) edit(Number(place));
    const detail = error.message.replace(/^rules\.\d+[^:]*: /, "");
    return (path && state.form.blame(path, detail)) || state.form.blame("name", detail);
  };
  const save = async () => {
    if (state.editing !== null && state.form.read() === null) return;
    fill(told);
    try {
      const answer = await api.send("PUT", "/v1/rules", { query: { collection }, body: { version: state.version, rules: state.rules }, signal });
      Object.assign(state, { version: answer.version, saved: JSON.stringify(answer.rules), rules: answer.rules, editing: null });
      versions.push(answer.version);
      draw();
      drawFormer();
      say(t("rules.saved", { version: state.version }));
      preview.now();
    } catch (error) {
      if (!outdated(error) && !blame(error)) fill(told, failed(error));
    }
  };
  const tryOut = async () => {
    const search = { collection, text: query.value.trim() || null, limit: 12, fields: lang === "zh" ? ["translations"] : [] };
    try {
      const { before, after } = await api.post("/v1/rules/preview", { search, rules: state.rules }, latest("preview", signal));
      state.form?.clear();
      fill(fault);
      fill(compared, comparison(before, after));
    } catch (error) {
      if (outdated(error)) return;
      if (blame(error)) fill(fault, h("p", { class: "small warm-text" }, t("rules.stale")));
      else fill(fault, failed(error, tryOut));
    }
  };
  const preview = settled(tryOut, 350);
  signal.addEventListener("abort", preview.cancel);
  query.addEventListener("input", preview);

  const former = h("section", { class: "card", "aria-labelledby": "former-rules" });
  const drawFormer = () => fill(former, h("h2", { id: "former-rules" }, t("rules.former")), h("p", { class: "soft" }, t("rules.former.what")),
    h("ul", { class: "row" }, versions.slice(-12).reverse().map((version) => h("li", {},
      h("button", { type: "button", class: "plain", disabled: version === state.version, onclick: () => load(version) }, t("rules.version", { version }))))));
  const load = async (version) => {
    try {
      const held = await api.get("/v1/rules", { collection, version }, signal);
      Object.assign(state, { rules: held.rules, editing: null });
      draw();
      preview.now();
      say(t("rules.loaded", { version }));
    } catch (error) {
      if (!outdated(error)) fill(told, failed(error));
    }
  };

  root.classList.add("desk");
  fill(root, h("h1", {}, t("nav.rules")), h("p", { class: "soft lead" }, t("rules.what")),
    h("div", { class: "two" },
      h("section", { class: "stack", "aria-label": t("nav.rules") }, bar, told, list, versions.length > 0 && former),
      h("section", { class: "card stack try", "aria-labelledby": "try-title" }, h("h2", { id: "try-title" }, t("rules.try")), h("p", { class: "soft small" }, t("rules.try.what")),
        h("label", { for: "try", class: "visually-hidden" }, t("rules.try.label")), query, fault, compared)));
  draw();
  drawFormer();
  await tryOut();
}

function comparison(before, after) {
  const places = new Map(before.hits.map((hit, place) => [hit.id, place]));
  const gone = before.hits.filter((hit) => !after.hits.some((each) => each.id === hit.id));
  const side = (title, answer, mark) => h("div", {}, h("h3", {}, title, " ", h("span", { class: "soft small" }, t("search.total", { count: answer.total }))),
    answer.redirect && h("p", { class: "notice small" }, t("rules.redirected", { address: answer.redirect })),
    (answer.banners ?? []).map((text) => h("p", { class: "notice small" }, text)),
    h("ol", { class: "ranked" }, answer.hits.slice(0, SHOWN).map((hit, place) => h("li", { "data-id": hit.id }, h("span", { class: "place" }, number(place + 1)), h("span", { class: "named" }, titleOf(hit)), mark(hit, place)))));
  const moved = (hit, place) => {
    const from = places.get(hit.id);
    if (from === undefined) return h("span", { class: "state is-live" }, t("rules.new"));
    if (from === place) return null;
    return h("span", { class: ["state", from > place ? "is-live" : "is-refused"] }, icon(from > place ? "up" : "down", 12), number(Math.abs(from - place)),
      h("span", { class: "visually-hidden" }, from > place ? t("rules.risen") : t("rules.fallen")));
  };
  const lost = (hit) => (gone.includes(hit) ? h("span", { class: "state is-failed" }, t("rules.gone")) : null);
  return [h("div", { class: "sides" }, side(t("rules.before"), before, lost), side(t("rules.after"), after, moved)),
    after.rules?.length > 0 && h("p", { class: "soft small" }, t("rules.took.part", { names: after.rules.join(", ") }))];
}
