// One rule as a form; conditions as JSON, as docs/filters.md has them. What the service refuses is shown at its field.
import { fill, h, uid } from "../dom.js";
import { t } from "../i18n.js";

const LISTS = ["query_is", "query_contains", "category"];
const CONDITION = '{"field": "availability", "eq": "out_of_stock"}';
const BOOST = '[{"filter": {"field": "brand", "eq": "Acme"}, "weight": 0.3}]';

// Fields in the order of the form: how each is written, read back, and what an empty one is.
const FIELDS = [
  { path: "name", kind: "text" },
  ...LISTS.map((name) => ({ path: `when.${name}`, kind: "list" })),
  { path: "when.context", kind: "json", example: '{"channel": "app"}' },
  { path: "when.since", kind: "text", example: "2026-06-01T00:00:00+02:00" },
  { path: "when.until", kind: "text", example: "2026-09-01T00:00:00+02:00" },
  { path: "pin", kind: "pins", example: "SKU-17 @ 1" },
  { path: "hide", kind: "list" },
  { path: "boost", kind: "json", example: BOOST },
  { path: "bury", kind: "json", example: `[${CONDITION}]` },
  { path: "filter", kind: "json", example: CONDITION },
  { path: "redirect", kind: "text", example: "/sale" },
  { path: "banner", kind: "text" },
];

// `node`, `read()` (the rule, or null where a field is no JSON), `blame(field, detail)`, `clear()`.
export function ruleForm(rule, changed) {
  const inputs = new Map();
  const enabled = h("input", { type: "checkbox", checked: rule.enabled ?? true, onchange: changed });
  const row = (field) => {
    const id = uid("rule");
    const long = field.kind === "json" || field.path === "banner";
    const input = h(long ? "textarea" : "input", {
      id, type: long ? null : "text", rows: long ? 2 : null, class: field.kind === "json" && "mono", spellcheck: "false", autocomplete: "off",
      value: written(field, at(rule, field.path)), placeholder: field.example ?? (field.kind === "list" ? t("rules.list.example") : ""),
      "aria-describedby": `${id}-fault ${id}-hint`, maxlength: field.path === "name" ? 60 : null, oninput: changed,
    });
    const fault = h("p", { class: "bad-text small", id: `${id}-fault` });
    inputs.set(field.path, { input, fault, field });
    return h("div", { class: ["field", `of-${field.path.replace(".", "-")}`] }, h("label", { for: id }, t(`rules.field.${field.path}`)),
      input, h("p", { class: "soft small", id: `${id}-hint` }, t(`rules.hint.${field.path}`)), fault);
  };
  const part = (from, to) => FIELDS.slice(from, to).map(row);
  const node = h("div", { class: "rule-form" }, part(0, 1), h("label", { class: "tick" }, enabled, t("rules.enabled")),
    h("fieldset", {}, h("legend", {}, t("rules.when")), part(1, 7)), h("fieldset", {}, h("legend", {}, t("rules.then")), part(7)));
  const clear = () => {
    for (const { input, fault } of inputs.values()) {
      fault.textContent = "";
      input.removeAttribute("aria-invalid");
    }
  };
  const mark = (path, detail) => {
    const held = inputs.get(path);
    if (!held) return false;
    held.fault.textContent = detail;
    held.input.setAttribute("aria-invalid", "true");
    return true;
  };
  return {
    node,
    clear,
    focus: () => inputs.get("name").input.focus(),
    // `when.query_is.0` is told at `when.query_is`. Whether there is such a field.
    blame(path, detail) {
      const parts = path.split(/[.[\]]+/).filter(Boolean);
      for (let length = parts.length; length > 0; length -= 1) if (mark(parts.slice(0, length).join("."), detail)) return true;
      return false;
    },
    read() {
      clear();
      const found = { enabled: enabled.checked };
      let sound = true;
      for (const { input, field } of inputs.values()) {
        try {
          // What nobody touched stays as it is.
          const was = at(rule, field.path);
          const value = was !== undefined && input.value === written(field, was) ? was : read(field, input.value.trim());
          if (value !== undefined) put(found, field.path, value);
        } catch (error) {
          sound = false;
          mark(field.path, field.kind === "json" || field.kind === "list" ? t("json.bad", { reason: error.message }) : error.message);
        }
      }
      return sound ? found : null;
    },
  };
}

function written({ kind }, value) {
  if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) return "";
  // What holds a comma is no list of words with commas between them.
  if (kind === "list") return value.some((each) => /[,，\n]/.test(each)) ? JSON.stringify(value) : value.join(", ");
  if (kind === "pins") return value.map((pin) => `${pin.id} @ ${pin.position}`).join(", ");
  if (kind === "json") return Object.keys(value).length ? JSON.stringify(value) : "";
  return String(value);
}

function read({ kind }, text) {
  if (!text) return undefined;
  if (kind === "json") return JSON.parse(text);
  if (kind === "list") return text.startsWith("[") ? JSON.parse(text) : split(text);
  if (kind === "pins") {
    return split(text).map((each, place) => {
      const [, id, position] = /^(.*?)(?:\s+@\s*(\d+))?$/.exec(each);
      return { id, position: position ? Number(position) : place + 1 };
    });
  }
  return text;
}

const split = (text) => text.split(/[,，\n]/).map((each) => each.trim()).filter(Boolean);
const at = (rule, path) => path.split(".").reduce((held, name) => held?.[name], rule);

function put(rule, path, value) {
  const names = path.split(".");
  const last = names.pop();
  const held = names.reduce((inside, name) => (inside[name] ??= {}), rule);
  held[last] = value;
}

// What a rule does and when, in a line of words each.
export function summary(rule) {
  const when = rule.when ?? {};
  const lists = LISTS.filter((name) => when[name]?.length).map((name) => t(`rules.said.${name}`, { words: when[name].join(", ") }));
  const context = Object.entries(when.context ?? {}).map(([name, value]) => `${name} = ${value}`);
  const times = [when.since && t("rules.said.since", { moment: when.since }), when.until && t("rules.said.until", { moment: when.until })];
  const then = [
    rule.pin?.length && t("rules.said.pin", { ids: rule.pin.map((pin) => `${pin.id} → ${pin.position}`).join(", ") }),
    rule.hide?.length && t("rules.said.hide", { ids: rule.hide.join(", ") }),
    rule.boost?.length && t("rules.said.boost", { count: rule.boost.length }),
    rule.bury?.length && t("rules.said.bury", { count: rule.bury.length }),
    rule.filter && t("rules.said.filter"),
    rule.redirect && t("rules.said.redirect", { address: rule.redirect }),
    rule.banner && t("rules.said.banner", { text: rule.banner }),
  ];
  const occasion = [...lists, ...context, ...times].filter(Boolean);
  return fill(h("dl", { class: "told" }), h("dt", {}, t("rules.when")), h("dd", {}, occasion.length ? occasion.join(" · ") : t("rules.always")),
    h("dt", {}, t("rules.then")), h("dd", {}, then.filter(Boolean).join(" · ")));
}
