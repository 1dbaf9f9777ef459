// Status: what is live, since when and by which models; queue, replicas, freshness; and the way back.
import { fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { has, moment, number, t } from "../i18n.js";
import { outdated } from "../api.js";
import { duration } from "../desk/steps.js";
import { failed } from "../notices.js";

const EVERY_MS = 3_000;
const SHORT = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" };
// What was published and why, in the reader's language: the service notes it in English.
const REASONS = [
  [/^(\d+) uploads$/, (count) => t("status.why.uploads", { count: Number(count) })],
  [/^(\w+_(?:uploaded|removed)) (.+)$/, (kind, uri) => has(`status.why.${kind}`) && t(`status.why.${kind}`, { file: brief(uri) })],
  [/^reviews of (.+)$/, (uri) => t("status.why.reviews_uploaded", { file: brief(uri) })],
  [/^replay of reject /, () => t("status.why.replay")],
  [/^rolled back/, () => t("status.why.rollback")],
  [/^promoted/, () => t("status.why.promote")],
  [/^maintenance: /, () => t("status.why.maintenance")],
];
// Of an address its end, which tells one file from another.
const brief = (uri) => uri.split("/").slice(-2).join("/");

function why(reason) {
  for (const [form, words] of REASONS) {
    const found = form.exec(reason);
    const said = found && words(...found.slice(1));
    if (said) return said;
  }
  return h("span", { lang: "en" }, reason);
}

export async function show(root, context) {
  const { api, collection, signal } = context;
  const told = h("div", {});
  const tiles = h("dl", { class: "tiles" });
  const rest = h("div", { class: "stack" });
  root.classList.add("desk");
  const cost = h("div", {});
  fill(root, h("h1", {}, t("nav.status")), told, tiles, rest, cost);
  let former = "";
  const draw = async () => {
    const status = await api.get("/v1/status", { collection }, signal);
    fill(tiles, numbers(status));
    // What somebody may have the focus in is drawn anew where it changed alone.
    const now = JSON.stringify([status.live, status.history, status.models]);
    if (now !== former) fill(rest, details(status, context, again));
    former = now;
    reckon(status.cost);
  };
  let counted = "";
  const reckon = (found) => {
    const now = JSON.stringify(found);
    if (now !== counted) fill(cost, found && bill(found, cost.querySelector("details")?.open ?? false));
    counted = now;
  };
  const again = async () => {
    try {
      await draw();
      fill(told);
    } catch (error) {
      if (!outdated(error)) fill(told, failed(error, again));
    }
  };
  await draw();
  const timer = setInterval(() => document.visibilityState === "visible" && again(), EVERY_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
}

function numbers({ live, freshness, latency, replicas, queue, rejects, history }) {
  const tile = (name, value, more, bad = false) => h("div", { class: ["card tile", bad && "alarm"] }, h("dt", {}, t(`status.tile.${name}`)), h("dd", {}, value, more && h("span", { class: "soft small" }, more)));
  const ms = (value) => (value === null ? "–" : `${number(value, { maximumFractionDigits: value < 10 ? 1 : 0 })} ms`);
  const gain = live && history[0]?.table === live.table ? live.rows - history[0].rows : 0;
  return [
    tile("products", live ? number(live.rows) : "–", gain !== 0 && t("status.gain", { count: number(gain, { signDisplay: "always" }) })),
    tile("live", live ? t("status.version", { version: live.version }) : t("status.nothing"), live && moment(live.published_at)),
    tile("fresh", freshness.age_seconds === null ? "–" : duration(freshness.age_seconds), t("status.fresh"), freshness.age_seconds > 60),
    tile("wait", freshness.upload_to_live_seconds === null ? "–" : duration(freshness.upload_to_live_seconds), freshness.runs > 0 && t("status.runs", { count: freshness.runs })),
    tile("p95", ms(latency.p95_ms), latency.searches > 0 ? t("status.p50", { time: ms(latency.p50_ms), count: latency.searches }) : t("status.unsearched")),
    replicas && tile("replicas", replicas.map((each) => number(each.running)).join(" + "), replicas.map((each) => `${each.name} ${each.running === each.wanted ? "" : `/ ${each.wanted}`}`.trim()).join(", "), replicas.some((each) => each.running < each.wanted)),
    queue && tile("queue", number(queue.waiting + queue.in_hand), queue.dead_letters ? t("status.dead", { count: queue.dead_letters }) : t("status.nodead"), queue.dead_letters > 0),
    tile("rejects", number(rejects), rejects > 0 && h("a", { href: "#/uploads" }, t("status.look"))),
  ];
}

function details(status, context, again) {
  const { live, models, history, offered } = status;
  return [
    live && live.restores !== null && held(status, context, again),
    models && h("section", { class: "card stack" }, h("h2", {}, t("status.models")),
      h("p", {}, h("strong", {}, models.profile), " ", h("span", { class: "mono soft" }, models.fingerprint)),
      h("dl", { class: "pairs" }, Object.entries(models.encoders).map(([modality, name]) => h("div", {}, h("dt", {}, t(`status.modality.${modality}`)), h("dd", { class: "mono" }, name))),
        h("div", {}, h("dt", {}, t("status.fusion")), h("dd", { class: "mono" }, models.fusion)))),
    h("section", { class: "card stack", "aria-labelledby": "history" },
      h("div", { class: "row apart" }, h("h2", { id: "history" }, t("status.history")),
        status.back_to && h("button", { type: "button", class: "plain", disabled: status.back_to.table !== live.table, onclick: () => confirm(status, status.back_to, "rollback", context, again) }, icon("back", 16), t("status.rollback"))),
      h("p", { class: "soft" }, t("status.history.what")),
      live ? table(status, context, again) : h("p", { class: "soft" }, t("status.nothing.how"))),
    offered.lake && h("p", { class: "soft small" }, t("status.lake", { lake: offered.lake })),
  ];
}

// What the model of costs says, in the reader's language where there are words for it, else as it came.
const english = (text) => h("span", { lang: "en" }, text);
const itemOf = ({ item }) => (has(`status.cost.of.${item}`) ? t(`status.cost.of.${item}`) : english(item));
const detailOf = ({ item, detail, values }) => (has(`status.cost.what.${item}`) ? t(`status.cost.what.${item}`, values) : english(detail));
const noteOf = ({ note, detail, values }) => (has(`status.cost.note.${note}`) ? t(`status.cost.note.${note}`, values) : english(detail));

// What it costs, with all that is assumed.
function bill(cost, open) {
  const usd = (value) => number(value, { style: "currency", currency: "USD", maximumFractionDigits: value < 10 ? 2 : 0 });
  const rate = number(cost.searches_per_second, { maximumSignificantDigits: 2 });
  return h("section", { class: "card stack cost", "aria-labelledby": "cost" }, h("h2", { id: "cost" }, t("status.cost")),
    cost.here && h("p", {}, h("strong", {}, t("status.cost.here"))),
    h("p", {}, t(cost.here ? "status.cost.elsewhere" : "status.cost.month", { usd: usd(cost.usd) }),
      usd(cost.spot_usd) !== usd(cost.usd) && t("status.cost.spot", { usd: usd(cost.spot_usd) })),
    h("p", { class: "soft" }, t("status.cost.assumed", { products: number(cost.products), rate, replicas: number(cost.replicas), profile: cost.profile, environment: cost.environment })),
    h("p", { class: "soft" }, t("status.cost.prices", { region: cost.region, date: cost.prices_as_of })),
    cost.warnings.map((each) => h("p", { class: "warm-text small" }, noteOf(each))),
    h("details", { open }, h("summary", {}, t("status.cost.lines")),
      h("div", { class: "scroll", tabindex: 0, role: "group", "aria-labelledby": "cost" }, h("table", {},
        h("thead", {}, h("tr", {}, ["item", "detail", "usd"].map((name) => h("th", { scope: "col", class: name === "usd" && "number" }, t(`status.cost.${name}`))))),
        h("tbody", {}, cost.lines.map((line) => h("tr", {}, h("th", { scope: "row" }, itemOf(line)), h("td", {}, detailOf(line)), h("td", { class: "number" }, number(line.usd, { minimumFractionDigits: 2, maximumFractionDigits: 2 })))))))),
    h("p", { class: "soft small" }, t("status.cost.what")), h("pre", { class: "mono", tabindex: 0 }, `mmpipe costs --products ${cost.products} --qps 10`));
}

function held(status, context, again) {
  return h("div", { class: "notice" }, icon("alert"), h("div", {}, h("strong", {}, t("status.held")), h("p", {}, t("status.held.how")),
    h("button", { type: "button", class: "plain", onclick: () => confirm(status, { table: status.live.table, version: null }, "promote", context, again) }, t("status.promote"))));
}

function table(status, context, again) {
  const { live, history } = status;
  return h("div", { class: "scroll", tabindex: 0, role: "group", "aria-labelledby": "history" }, h("table", {},
    h("thead", {}, h("tr", {}, ["version", "products", "published", "reason", "do"].map((name) => h("th", { scope: "col", class: name === "products" && "number" }, t(`status.column.${name}`))))),
    h("tbody", {}, [live, ...history].map((entry, place) => h("tr", { class: place === 0 && "current" },
      h("th", { scope: "row" }, entry.version, " ", place === 0 && h("span", { class: "state is-live" }, t("status.now"))),
      h("td", { class: "number" }, number(entry.rows)), h("td", { class: "when" }, moment(entry.published_at, SHORT)), h("td", { title: entry.reason }, why(entry.reason)),
      h("td", {}, place > 0 && entry.table === live.table && entry.version !== live.version && h("button", { type: "button", class: "quiet", "aria-label": t("status.make.of", { version: entry.version }), onclick: () => confirm(status, entry, "promote", context, again) }, t("status.make"))))))));
}

// A dialog that says what would become of it, and does it once it is confirmed.
function confirm(status, target, how, { api, collection, signal, say }, again) {
  const { live } = status;
  const fault = h("div", {});
  const body = how === "rollback" ? { generation: live.generation } : { generation: live.generation, table: target.table, version: target.version };
  const act = async (event) => {
    event.preventDefault();
    go.disabled = true;
    try {
      const moved = await api.send("POST", `/v1/live/${how}`, { query: { collection }, body, signal });
      dialog.close();
      say(t("status.moved", { version: moved.live.version, count: moved.live.rows }));
      await again();
    } catch (error) {
      if (!outdated(error)) fill(fault, failed(error));
      go.disabled = false;
    }
  };
  const go = h("button", { type: "submit", class: "primary" }, t(`status.confirm.${how}`));
  const change = (name, from, to) => h("div", {}, h("dt", {}, t(`status.column.${name}`)), h("dd", {}, from, " → ", h("strong", {}, to)));
  const dialog = h("dialog", { class: "desk confirm", "aria-labelledby": "confirm-title" }, h("form", { onsubmit: act },
    h("h2", { id: "confirm-title" }, t(`status.${how}.title`)), h("p", {}, t(`status.${how}.what`)), how === "promote" && target.version !== null && target.version < Math.max(live.version, ...status.history.map((each) => each.version)) && h("p", { class: "warm-text" }, t("status.older")),
    h("dl", { class: "pairs" }, change("version", live.version, target.version ?? t("status.newest")), target.rows !== undefined && change("products", number(live.rows), number(target.rows))),
    fault, h("p", { class: "row end" }, h("button", { type: "button", class: "plain", onclick: () => dialog.close() }, t("cancel")), go)));
  dialog.addEventListener("close", () => dialog.remove());
  signal.addEventListener("abort", () => dialog.close());
  document.body.append(dialog);
  dialog.showModal();
}
