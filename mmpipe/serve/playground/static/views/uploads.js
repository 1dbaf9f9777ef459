// Uploads: drop a file, watch it travel until it is live, see what could not be used, try that again.
import { fill, h } from "../dom.js";
import { icon } from "../icons.js";
import { moment, number, t } from "../i18n.js";
import { counts, duration, size, span, steps } from "../desk/steps.js";
import { rejects } from "../desk/rejects.js";
import { outdated } from "../api.js";
import * as uploading from "../desk/uploading.js";
import { failed } from "../notices.js";

const SECTIONS = ["feeds", "media", "products", "reviews", "events"];
const SHORT = { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" };
const NAME = "[a-z0-9][a-z0-9_\\-]{0,62}";

export async function show(root, context) {
  root.classList.add("desk");
  return context.route.id ? one(root, context) : overview(root, context);
}

async function overview(root, context) {
  const { api, collection, signal } = context;
  const status = collection === null ? null : await api.get("/v1/status", { collection }, signal);
  const former = h("section", { "aria-labelledby": "former" });
  const bad = h("section", { "aria-labelledby": "bad" });
  const now = h("section", { class: "now", "aria-label": t("uploads.now") });
  const taken = status === null || status.offered.uploads;
  fill(root, h("h1", {}, t("nav.uploads")),
    taken ? panel(context, status) : elsewhere(status),
    now, former, bad);
  let over = uploading.all().filter(uploading.isOver).length;
  const draw = () => {
    const files = uploading.all();
    fill(now, files.length > 0 && [h("div", { class: "row apart" }, h("h2", {}, t("uploads.now")),
      files.some(uploading.isOver) && h("button", { type: "button", class: "quiet", onclick: uploading.tidy }, t("uploads.tidy"))),
    h("ul", { class: "uploads" }, files.map((file) => card(file, context)))]);
    const ended = files.filter(uploading.isOver);
    if (ended.length > over) {
      context.say(t("uploads.ended", { name: ended[0].name, state: t(`uploads.state.${ended[0].state}`) }));
      guarded();
    }
    over = ended.length;
  };
  const settle = async () => {
    // Of a lake that was empty, the collection that the first file has just made.
    const name = collection ?? uploading.all().find((file) => file.state === "live")?.collection;
    if (!name) return;
    const { uploads } = await api.get("/v1/uploads", { collection: name, limit: 12 }, signal);
    fill(former, h("h2", { id: "former" }, t("uploads.former")),
      uploads.length ? table(uploads, context) : h("p", { class: "soft" }, t("uploads.former.none")));
    const held = h("div", {});
    fill(bad, h("h2", { id: "bad" }, t("rejects.title")), h("p", { class: "soft" }, t("rejects.what")), held);
    await rejects(held, { ...context, collection: name });
  };
  const guarded = async () => {
    try {
      await settle();
    } catch (error) {
      if (!outdated(error)) fill(former, failed(error, guarded));
    }
  };
  draw();
  uploading.follow(draw, signal);
  await guarded();
}

function panel({ collection, collections }, status) {
  const file = h("input", { type: "file", multiple: true, class: "visually-hidden", id: "files" });
  const into = h("input", { type: "text", id: "into", value: collection ?? "shop", list: "collections", pattern: NAME, required: true, autocomplete: "off", spellcheck: "false", maxlength: 63 });
  const what = h("select", { id: "what" }, h("option", { value: "" }, t("uploads.what.auto")), SECTIONS.map((name) => h("option", { value: name }, t(`uploads.what.${name}`))));
  const form = h("form", { class: "dropzone card", onsubmit: (event) => event.preventDefault() },
    h("div", { class: "well" }, icon("upload", 34), h("p", {}, h("strong", {}, t("uploads.drop")), " ", t("uploads.or"), " ",
      h("label", { for: "files", class: "primary" }, t("uploads.choose"), file)),
    h("p", { class: "soft small" }, t("uploads.formats")),
    status && h("p", { class: "soft small" }, t("uploads.most", { size: size(status.offered.max_upload_bytes) }))),
    h("div", { class: "row options" }, h("label", { for: "into" }, t("uploads.into")), into,
      h("datalist", { id: "collections" }, collections.map((each) => h("option", { value: each.collection }))),
      h("label", { for: "what" }, t("uploads.what")), what, h("p", { class: "soft small" }, t("uploads.into.hint"))));
  const take = (files) => {
    if (files.length === 0 || !form.reportValidity()) return;
    uploading.add(files, into.value.trim(), what.value || null);
    file.value = "";
  };
  file.addEventListener("change", () => take(file.files));
  const over = (event) => {
    if (![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    form.classList.toggle("over", event.type !== "dragleave");
  };
  form.addEventListener("dragenter", over);
  form.addEventListener("dragover", over);
  form.addEventListener("dragleave", over);
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    take(event.dataTransfer.files);
  });
  return form;
}

function elsewhere(status) {
  return h("div", { class: "notice" }, icon("upload"), h("div", { class: "stack" }, h("strong", {}, t("uploads.none")), h("p", {}, t("uploads.none.how")),
    h("pre", { class: "mono", tabindex: 0 }, `mmpipe index ./feed.csv --lake ${status.offered.lake ?? "LAKE"}`)));
}

function card(file, context) {
  const told = file.told ?? {};
  const share = file.size ? file.sent / file.size : 1;
  const known = context.collections.some((each) => each.collection === file.collection);
  return h("li", { class: ["card", "upload", `is-${file.state}`], "data-name": file.name, "data-state": file.state },
    h("div", { class: "row apart" }, h("h3", {}, icon(file.section === "media" ? "image" : "tag", 18), file.name),
      h("span", { class: "soft small" }, file.collection, " · ", t(`uploads.what.${file.section}`), " · ", size(file.size))),
    steps(file.state),
    file.state === "sending" && h("progress", { value: share, max: 1, "aria-label": t("uploads.sent", { share: number(share, { style: "percent" }) }) }),
    file.state === "running" && told.total > 0 && h("progress", { value: told.read, max: told.total, "aria-label": t("uploads.step.encoding") }),
    h("p", { class: "counts" }, said(file)),
    why(told), todo(told),
    told.feed?.warnings.slice(0, 3).map((warning) => h("p", { class: "warm-text small", lang: "en" }, warning)),
    file.problem && failed(file.problem, file.state === "broken" && file.file ? () => uploading.again(file) : null),
    told.id && uploading.isOver(file) && h("div", { class: "row" },
      h("a", { class: "quiet", href: address(told) }, told.rejected ? t("uploads.rejects", { count: told.rejected }) : t("uploads.details")),
      file.state === "live" && h("button", { type: "button", class: "quiet", onclick: () => context.choose(file.collection, "#/search") }, icon("search", 16), known ? t("uploads.search") : t("uploads.search.new", { collection: file.collection }))));
}

function said(file) {
  const { told, state } = file;
  if (state === "sending") return t("uploads.sending", { sent: size(file.sent), size: size(file.size) });
  if (state === "live") return [counts(told), t("uploads.after", { time: span(told.received_at, told.finished_at) })].filter(Boolean).join(" · ");
  if (state === "running") return counts(told) || t("uploads.state.running");
  if (["failed", "refused", "dead_letter"].includes(state)) return t(`uploads.state.${state}`);
  return [meaning(state, file.section, told), told && counts(told)].filter(Boolean).join(" · ");
}

// The service's own words, which are English.
const why = (told) => told.reason && h("p", { class: told.state === "live" ? "soft" : "bad-text", lang: "en" }, told.reason);

// What whoever runs the service does about a file that nobody takes.
const todo = ({ state, remedy }) => remedy && h("div", { class: "stack" }, h("p", { class: "soft" }, t(`uploads.todo.${state}`)), h("pre", { class: "mono", tabindex: 0 }, remedy));

// A photo that no product names yet is no news, and no fault either; a feed of rejects alone is one.
function meaning(state, section, told) {
  if (state !== "unchanged") return t(`uploads.state.${state}`);
  if (section === "media") return t("uploads.unused");
  return told?.rejected > 0 && told.rejected === told.read ? t("uploads.useless") : t("uploads.state.unchanged");
}

const address = (told) => `#/uploads/${told.id}?in=${encodeURIComponent(told.collection)}`;

function table(uploads, { lang }) {
  return h("div", { class: "scroll", tabindex: 0, role: "group", "aria-labelledby": "former" }, h("table", {}, h("thead", {}, h("tr", {}, ["file", "received", "state", "counts", "time"].map((name) => h("th", { scope: "col", class: name === "time" && "number" }, t(`uploads.column.${name}`))))),
    h("tbody", {}, uploads.map((told) => h("tr", {},
      h("th", { scope: "row" }, h("a", { href: address(told), lang }, told.section === "feeds" ? told.name : `${told.section}/${told.name}`)),
      h("td", { class: "when" }, moment(told.received_at, SHORT)),
      h("td", {}, h("span", { class: ["state", `is-${told.state}`] }, t(`uploads.short.${told.state}`))),
      h("td", {}, counts(told)),
      h("td", { class: "number" }, told.finished_at ? span(told.received_at, told.finished_at) : ""))))));
}

async function one(root, context) {
  const { api, route, signal } = context;
  const within = { ...context, collection: route.params.get("in") ?? context.collection };
  const told = await api.get(`/v1/uploads/${encodeURIComponent(route.id)}`, { collection: within.collection }, signal);
  const held = h("div", {});
  fill(root, h("p", {}, h("a", { href: "#/uploads", class: "quiet" }, icon("back", 16), t("nav.uploads"))),
    h("h1", {}, told.name), h("p", { class: "soft" }, told.collection, " · ", t(`uploads.what.${told.section}`), " · ", moment(told.received_at)),
    h("div", { class: "card stack" }, steps(told.state), h("p", {}, [meaning(told.state, told.section, told), counts(told)].filter(Boolean).join(" · ")),
      told.finished_at && h("p", { class: "soft" }, t("uploads.after", { time: duration((new Date(told.finished_at) - new Date(told.received_at)) / 1_000) })),
      why(told), todo(told)),
    told.feed && report(told.feed),
    h("section", {}, h("h2", {}, t("rejects.title")), held));
  await rejects(held, within, told.id);
}

function report(feed) {
  const columns = Object.entries(feed.columns);
  return h("section", { class: "card stack" }, h("h2", {}, t("uploads.report")),
    h("p", {}, t("uploads.report.format", { format: feed.format, container: feed.container, rows: feed.rows, products: feed.products })),
    feed.warnings.map((warning) => h("p", { class: "warm-text", lang: "en" }, warning)),
    columns.length > 0 && h("details", { open: columns.length <= 16 }, h("summary", {}, t("uploads.report.columns", { count: columns.length })),
      h("dl", { class: "pairs" }, columns.map(([from, to]) => h("div", {}, h("dt", { class: "mono" }, from), h("dd", {}, to))))),
    feed.private.length > 0 && h("p", { class: "soft" }, t("uploads.report.private", { names: feed.private.join(", ") })),
    feed.unknown.length > 0 && h("p", { class: "soft" }, t("uploads.report.unknown", { names: feed.unknown.join(", ") })));
}
