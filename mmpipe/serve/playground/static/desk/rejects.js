// Rows and media that could not be used, each with its reason, to be tried again as they were or mended.
import { fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { has, moment, t } from "../i18n.js";
import { outdated } from "../api.js";
import { failed } from "../notices.js";

const PAGE = 10;

// Fills `root` with those of a collection, or of one upload. `changed` is called once one is mended.
export async function rejects(root, { api, collection, signal, say }, upload = null, changed = () => {}) {
  const list = h("ul", { class: "rejects" });
  const more = h("div", { class: "row" });
  const head = h("div", { class: "row apart" });
  fill(root, head, list, more);
  let page;
  let shown = [];
  const load = async (offset) => {
    page = await api.get("/v1/rejects", { collection, upload, limit: PAGE, offset }, signal);
    const fresh = page.rejects.map((reject) => entry(reject));
    shown = offset === 0 ? fresh : [...shown, ...fresh];
    if (offset === 0) fill(list);
    list.append(...fresh.map((each) => each.node));
    draw();
  };
  const draw = () => {
    const left = page.total;
    fill(head, h("p", { class: "soft" }, left ? t("rejects.total", { count: left }) : t("rejects.none")),
      left > 1 && h("button", { type: "button", class: "plain", onclick: all }, icon("refresh", 16), t("rejects.replay.shown")));
    fill(more, page.next_offset !== null && h("button", { type: "button", class: "quiet", onclick: () => guarded(() => load(page.next_offset)) }, t("rejects.more")));
  };
  const guarded = async (call) => {
    try {
      await call();
    } catch (error) {
      if (!outdated(error)) fill(more, failed(error, () => guarded(call)));
    }
  };
  const all = async (event) => {
    event.target.disabled = true;
    for (const each of shown.filter((one) => !one.mended)) await each.replay(null);
    event.target.disabled = false;
  };
  const entry = (reject) => {
    const told = h("div", { class: "outcome", role: "status" });
    const one = { mended: false };
    one.replay = async (row) => {
      fill(told, h("p", { class: "soft" }, t("rejects.trying")));
      try {
        const outcome = await api.post(`/v1/rejects/${reject.reject_id}/replay${query(collection)}`, { row }, signal);
        one.mended = outcome.mended;
        const text = outcome.mended ? (outcome.refused ? t("rejects.mended.unpublished") : t("rejects.mended")) : t("rejects.still", { reason: outcome.reason });
        fill(told, h("p", { class: outcome.mended ? "good-text" : "bad-text" }, icon(outcome.mended ? "check" : "alert", 16), text));
        if (outcome.mended) {
          one.node.classList.add("mended");
          editor.node.hidden = true;
          page.total -= 1;
          if (page.next_offset !== null) page.next_offset -= 1;
          fill(buttons);
          draw();
          changed();
        }
        say(text);
      } catch (error) {
        if (!outdated(error)) fill(told, failed(error, () => one.replay(row)));
      }
    };
    const editor = mending(reject, (row) => one.replay(row));
    const whole = !reject.raw;
    const buttons = h("div", { class: "row" }, !whole && [
      h("button", { type: "button", class: "plain", onclick: () => one.replay(null) }, icon("refresh", 16), t("rejects.replay")),
      reject.scope === "row" && h("button", { type: "button", class: "quiet", onclick: () => editor.open() }, t("rejects.mend")),
    ]);
    one.node = h("li", { class: "card reject" },
      h("div", { class: "row apart" },
        h("h3", {}, reject.product_id ?? (whole ? t("rejects.whole") : t("rejects.row", { row: reject.row }))),
        h("span", { class: "state" }, t(`rejects.scope.${reject.scope}`))),
      h("p", { class: "why-not" }, reject.field && h("span", { class: "mono field" }, reject.field), h("span", { lang: "en" }, reject.field ? reason(reject) : reject.reason)),
      remedy(reject) && h("p", {}, remedy(reject)),
      h("p", { class: "soft small" }, t("rejects.from", { file: reject.source_uri.split("/").slice(-2).join("/"), row: reject.row }), " · ", moment(reject.created_at)),
      whole ? h("p", { class: "soft small" }, t("rejects.whole.how")) : h("details", {}, h("summary", {}, t("rejects.raw")), h("pre", { class: "mono", tabindex: 0 }, pretty(reject.raw))),
      buttons, editor.node, told);
    return one;
  };
  await load(0);
}

// What helps, in the reader's language: by the kind of fault, which the reason is more exact about.
function remedy(reject) {
  if (reject.retryable) return t("rejects.passing");
  return has(`rejects.kind.${reject.error}`) ? t(`rejects.kind.${reject.error}`) : "";
}

// The reason without the field that stands before it.
function reason(reject) {
  return reject.reason.startsWith(`${reject.field}: `) ? reject.reason.slice(reject.field.length + 2) : reject.reason;
}

function mending(reject, send) {
  const field = h("textarea", { rows: 8, spellcheck: "false", class: "mono", "aria-label": t("rejects.mend.label") });
  const fault = h("p", { class: "bad-text", role: "alert" });
  const node = h("form", { class: "mend", hidden: true, onsubmit: (event) => {
    event.preventDefault();
    let row;
    try {
      row = JSON.parse(field.value);
      fault.textContent = "";
    } catch (error) {
      fault.textContent = t("json.bad", { reason: error.message });
      field.focus();
      return;
    }
    send(row);
  } }, field, fault, h("p", { class: "row" }, h("button", { type: "submit", class: "primary" }, t("rejects.mend.send")),
    h("button", { type: "button", class: "quiet", onclick: () => (node.hidden = true) }, t("close"))));
  return { node, open() {
    field.value = pretty(reject.raw);
    node.hidden = false;
    field.focus();
  } };
}

function pretty(raw) {
  try {
    return JSON.stringify(JSON.parse(raw), null, 2);
  } catch {
    return raw;
  }
}

const query = (collection) => (collection ? `?collection=${encodeURIComponent(collection)}` : "");
