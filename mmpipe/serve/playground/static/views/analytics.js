// Analytics: what was searched, found and clicked, by days and by queries.
import { fill, h } from "../dom.js";
import { has, moment, number, t } from "../i18n.js";
import { empty } from "../notices.js";
import { everyDay, plot } from "../desk/plots.js";

const DAYS = [7, 28, 90];
const share = (value) => (value === null || value === undefined ? "–" : number(value, { style: "percent", maximumFractionDigits: value < 0.1 ? 1 : 0 }));
const ms = (value) => (value === null || value === undefined ? "–" : `${number(value, { maximumFractionDigits: value < 10 ? 1 : 0 })} ms`);
const whole = (value) => number(value, { maximumFractionDigits: value < 5 ? 1 : 0 });

export async function show(root, { api, collection, route, go, signal }) {
  const days = DAYS.find((each) => String(each) === route.params.get("days")) ?? 28;
  const report = await api.get("/v1/analytics", { collection, days, limit: 12 }, signal);
  const choose = h("div", { class: "row", role: "group", "aria-label": t("analytics.period") }, DAYS.map((each) =>
    h("button", { type: "button", class: "plain choice", "aria-pressed": String(each === days), onclick: () => go(`#/analytics?days=${each}`) }, t("analytics.days", { count: each }))));
  root.classList.add("desk");
  fill(root, h("div", { class: "row apart" }, h("h1", {}, t("nav.analytics")), choose),
    h("p", { class: "soft lead" }, t("analytics.what"), report.sample < 1 && [" ", t("analytics.sample", { share: share(report.sample) })]));
  const all = report.overall;
  if (all === null) return void root.append(empty(t("analytics.none"), h("p", { class: "soft" }, t("analytics.none.how"))));
  const by = everyDay(report.days, report.since, report.made_at);
  root.append(tiles(all),
    h("div", { class: "plots" },
      plot(t("analytics.plot.searches"), by.map((day) => ({ day: day.day, value: day.searches ?? 0 })), whole, "bars"),
      plot(t("analytics.plot.empty"), by.map((day) => ({ day: day.day, value: day.empty_rate })), share),
      plot(t("analytics.plot.ctr"), by.map((day) => ({ day: day.day, value: day.ctr, low: day.ctr_low, high: day.ctr_high })), share),
      plot(t("analytics.plot.p95"), by.map((day) => ({ day: day.day, value: day.p95_ms })), ms)),
    h("div", { class: "tables" },
      queries("top", report.top), queries("without_results", report.without_results), queries("worst_ctr", report.worst_ctr), queries("slow", report.slow),
      named("modalities", report.modalities), named("languages", report.languages), named("marks", report.marks), named("rules", report.rules)),
    h("p", { class: "soft small" }, t("analytics.rare", { count: report.min_searches }), " ", t("analytics.made", { moment: moment(report.made_at) })));
}

function tiles(all) {
  const tile = (name, value, more) => h("div", { class: "card tile" }, h("dt", {}, t(`analytics.tile.${name}`)), h("dd", {}, value, more && h("span", { class: "soft small" }, more)));
  return h("dl", { class: "tiles" },
    tile("searches", number(all.searches)),
    tile("empty", share(all.empty_rate), t("analytics.of", { count: all.empty })),
    tile("ctr", share(all.ctr), all.ctr_low !== null && `${share(all.ctr_low)} – ${share(all.ctr_high)}`),
    tile("carts", share(all.cart_rate), t("analytics.of", { count: all.carts })),
    tile("purchases", share(all.purchase_rate), t("analytics.of", { count: all.purchases })),
    tile("position", all.position === null ? "–" : number(all.position + 1, { maximumFractionDigits: 1 })),
    tile("p95", ms(all.p95_ms), t("analytics.p50", { time: ms(all.p50_ms) })));
}

const queries = (name, lines) => table(name, lines, t("analytics.column.query"), (line) => line.query ?? t(`analytics.kind.${line.kind}`));
const named = (name, lines) => table(name, lines, t("analytics.column.name"), (line) => (name === "modalities" ? line.name.split("+") : [line.name]).map((each) => called(name, each)).join(" + "));
// What the service may name anew one day has no words here yet.
const called = (name, value) => (name !== "rules" && has(`analytics.${name}.${value}`) ? t(`analytics.${name}.${value}`) : value);

function table(name, lines, first, label) {
  const most = Math.max(...lines.map((line) => line.searches), 1);
  const id = `table-${name}`;
  return h("section", { class: "card", "aria-labelledby": id }, h("h2", { id }, t(`analytics.table.${name}`)),
    lines.length === 0 ? h("p", { class: "soft" }, t("analytics.table.none")) : h("div", { class: "scroll", tabindex: 0, role: "group", "aria-labelledby": id }, h("table", {},
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, first), ["searches", "empty", "ctr", "p95"].map((column) => h("th", { scope: "col", class: "number" }, t(`analytics.column.${column}`))))),
      h("tbody", {}, lines.map((line) => h("tr", {}, h("th", { scope: "row" }, label(line), meter(line.searches / most)),
        h("td", { class: "number" }, number(line.searches)), h("td", { class: "number" }, share(line.empty_rate)), h("td", { class: "number" }, share(line.ctr)), h("td", { class: "number" }, ms(line.p95_ms))))))));
}

function meter(part) {
  const bar = h("span", { class: "meter", "aria-hidden": "true" }, h("span", {}));
  bar.firstChild.style.width = `${Math.max(2, 100 * part)}%`;
  return bar;
}
