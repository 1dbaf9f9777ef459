// The frame around the views: header, addresses, language, theme, shopper, collection and key.
import * as api from "./api.js";
import { fill, h } from "./dom.js";
import { icon } from "./icons.js";
import { lang, LANGUAGES, preferred, speak, t } from "./i18n.js";
import { failed } from "./notices.js";
import { become, forget, NAMES, shopper } from "./shoppers.js";

// Every view there is, in the order of the header. Of the first the address is `#/` as well.
const VIEWS = [
  { name: "search", load: () => import("./views/search.js"), nav: true, group: "shop" },
  { name: "product", load: () => import("./views/product.js") },
  { name: "foryou", load: () => import("./views/foryou.js"), nav: true, group: "shop" },
  { name: "assistant", load: () => import("./views/assistant.js"), nav: true, group: "shop" },
  { name: "uploads", load: () => import("./views/uploads.js"), nav: true, group: "desk", css: true },
  { name: "rules", load: () => import("./views/rules.js"), nav: true, group: "desk", css: true },
  { name: "analytics", load: () => import("./views/analytics.js"), nav: true, group: "desk", css: true },
  { name: "status", load: () => import("./views/status.js"), nav: true, group: "desk", css: true },
];

const COLLECTION = "mmpipe.collection";
const THEME = "mmpipe.theme";
const SLOW_MS = 300;
const THEMES = { auto: "auto", light: "sun", dark: "moon" };
const main = document.getElementById("main");
const said = document.getElementById("said");

let collections = [];
let leaving = new AbortController();
let shown = null;

// `#/product/SKU-1?tab=2` as `{ name, id, params }`; of what is no address here the first view's.
function route() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?");
  const [name, ...rest] = path.split("/");
  const view = VIEWS.find((each) => each.name === name) ?? VIEWS[0];
  let id = null;
  try {
    id = rest.length ? decodeURIComponent(rest.join("/")) : null;
  } catch {
    // A hash that somebody mistyped.
  }
  return { view, name: view.name, id, params: new URLSearchParams(query) };
}

function go(hash) {
  if (location.hash === hash) show();
  else location.hash = hash;
}

function say(text) {
  said.textContent = "";
  // Said again where it is the same text.
  requestAnimationFrame(() => (said.textContent = text));
}

// Another collection from now on, perhaps one that is new, and a view of it.
async function choose(name, hash) {
  sessionStorage.setItem(COLLECTION, name);
  history.pushState(null, "", hash);
  for (let tries = 0; tries < 20; tries += 1) {
    if (collections.some((each) => each.collection === name)) break;
    // A collection that has just become live is known everywhere within seconds.
    if (tries > 0) await new Promise((resolve) => setTimeout(resolve, 500));
    collections = (await api.get("/v1/collections")).collections;
  }
  await show();
}

function collection() {
  const kept = sessionStorage.getItem(COLLECTION);
  const names = collections.map((each) => each.collection);
  return names.includes(kept) ? kept : (names[0] ?? null);
}

async function show() {
  leaving.abort();
  leaving = new AbortController();
  const signal = leaving.signal;
  const asked = route();
  const moved = shown !== null && shown !== asked.name + asked.id;
  shown = asked.name + asked.id;
  header(asked);
  document.title = asked.view.nav ? `${t(`nav.${asked.name}`)} · mmpipe` : "mmpipe";
  const root = h("div", { class: ["view", `view-${asked.name}`] });
  fill(main, root);
  if (moved) {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
  // Where the service takes its time, the page says so rather than be blank.
  const note = h("p", { class: "soft", role: "status" }, t("app.loading"));
  const slow = setTimeout(() => root.childElementCount === 0 && root.append(note), SLOW_MS);
  try {
    styles(asked.view);
    const { show: draw } = await asked.view.load();
    if (signal.aborted) return;
    await draw(root, {
      route: asked, api, collection: collection(), collections, shopper: shopper(), lang: lang(), go, choose, say, signal,
    });
  } catch (error) {
    if (api.outdated(error) || signal.aborted) return;
    fill(root, failed(error, show));
    if (!(error instanceof api.Problem)) throw error;
  } finally {
    clearTimeout(slow);
    note.remove();
  }
}

function styles(view) {
  const href = `/playground/views/${view.name}.css`;
  if (view.css && !document.querySelector(`link[href="${href}"]`)) {
    document.head.append(h("link", { rel: "stylesheet", href }));
  }
}

function header(asked) {
  const link = (view) => h("a", {
    href: `#/${view.name}`, class: "tab", "aria-current": view.name === asked.name ? "page" : null,
  }, t(`nav.${view.name}`));
  const of = (group) => VIEWS.filter((view) => view.nav && view.group === group).map(link);
  const desk = of("desk");
  fill(document.getElementById("top"),
    h("a", { class: "brand", href: "#/", "aria-label": t("app.home") }, h("img", { src: "/playground/icon.svg", alt: "", width: 28, height: 28 }), h("span", {}, "mmpipe")),
    h("nav", { "aria-label": t("app.nav") }, of("shop"), desk.length > 0 && h("span", { class: "divider", "aria-hidden": "true" }), desk),
    h("div", { class: "tools" }, collectionSwitch(), shopperSwitch(), languageSwitch(), themeSwitch()));
  document.getElementById("skip").textContent = t("app.skip");
  // On a phone the views do not all fit side by side.
  const nav = document.querySelector("#top nav");
  const tab = nav.querySelector("[aria-current]");
  if (tab) nav.scrollLeft = tab.offsetLeft - nav.offsetLeft - (nav.clientWidth - tab.offsetWidth) / 2;
}

function collectionSwitch() {
  if (collections.length < 2) return null;
  const choose = (event) => {
    sessionStorage.setItem(COLLECTION, event.target.value);
    show();
  };
  return h("label", { class: "pick" }, h("span", { class: "visually-hidden" }, t("app.collection")),
    h("select", { onchange: choose, id: "collection" }, collections.map((each) =>
      h("option", { value: each.collection, selected: each.collection === collection() }, each.collection))));
}

function shopperSwitch() {
  const now = shopper().name ?? "";
  const choose = (event) => {
    const chosen = event.target.value;
    if (chosen === "forget") forget();
    else become(chosen);
    say(t("shopper.now", { name: t(`shopper.${shopper().name ?? "nobody"}`) }));
    show();
  };
  return h("label", { class: ["pick", "who", now && "known"] }, icon("person", 18),
    h("span", { class: "visually-hidden" }, t("shopper.label")),
    h("select", { onchange: choose, id: "shopper", title: t("shopper.hint") },
      ["", ...NAMES].map((name) => h("option", { value: name, selected: name === now }, t(`shopper.${name || "nobody"}`))),
      h("option", { value: "forget" }, t("shopper.forget"))));
}

function languageSwitch() {
  const choose = async (event) => {
    await speak(event.target.value);
    await show();
    document.getElementById("language").focus();
  };
  return h("label", { class: "pick" }, h("span", { class: "visually-hidden" }, t("app.language")),
    h("select", { onchange: choose, id: "language" }, Object.entries(LANGUAGES).map(([name, text]) =>
      h("option", { value: name, lang: name, selected: name === lang() }, text))));
}

function themeSwitch() {
  const now = theme();
  const names = Object.keys(THEMES);
  const next = names[(names.indexOf(now) + 1) % names.length];
  const change = () => {
    localStorage.setItem(THEME, next);
    dress();
    header(route());
    document.getElementById("theme").focus();
  };
  return h("button", { type: "button", class: "round", id: "theme", onclick: change, title: t(`theme.${now}`), "aria-label": t(`theme.${now}`) }, icon(THEMES[now]));
}

function theme() {
  const kept = localStorage.getItem(THEME);
  return kept in THEMES ? kept : "auto";
}

function dress() {
  document.documentElement.dataset.theme = theme();
}

// A dialog that asks for a key; once there is one, everything is asked again.
let asking = null;
function askForKey(problem) {
  if (asking) return;
  const refused = Boolean(api.key.get());
  api.key.set("");
  const field = h("input", { id: "key", type: "password", autocomplete: "off", required: true, spellcheck: "false" });
  const done = (event) => {
    event.preventDefault();
    api.key.set(field.value.trim());
    asking.close();
  };
  asking = h("dialog", { class: "key", "aria-labelledby": "key-title" },
    h("form", { onsubmit: done },
      h("h2", { id: "key-title" }, t("key.title")), h("p", {}, t("key.why")),
      refused && h("p", { class: "bad-text", role: "alert" }, problem.detail),
      h("label", { for: "key" }, t("key.label")), field,
      h("p", { class: "row end" }, h("button", { type: "submit", class: "primary" }, t("key.use")))));
  asking.addEventListener("close", () => {
    asking.remove();
    asking = null;
    if (api.key.get()) begin();
    else fill(main, failed(problem, begin));
  });
  document.body.append(asking);
  asking.showModal();
}

async function begin() {
  try {
    collections = (await api.get("/v1/collections")).collections;
  } catch (error) {
    if (error.status !== 401) fill(main, failed(error, begin));
    return;
  }
  await show();
  performance.mark("mmpipe:ready");
}

dress();
document.addEventListener("keyneeded", (event) => askForKey(event.detail));
addEventListener("hashchange", show);
const first = route();
// The words and the first view's code are fetched while the collections are asked for.
first.view.load();
await speak(preferred());
header(first);
await begin();
