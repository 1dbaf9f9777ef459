// Search by words, photo, voice and clip, and what is found.
import { clipPreview, cropper, dropping, fileButton, prepared } from "../attach.js";
import { card, rail, skeletons, translated } from "../card.js";
import { fill, h } from "../dom.js";
import { chosenChips, facetPanel, FIELDS, nameOf, range, wanted } from "../facets.js";
import { icon } from "../icons.js";
import { number, t } from "../i18n.js";
import { empty, failed } from "../notices.js";
import { completing } from "../suggest.js";
import { talkButton } from "../voice.js";

const PAGE = 24;
const SORTS = ["relevance", "price_asc", "price_desc", "newest", "rating", "popularity"];
// What an understood word lifts by, where some of what was understood is switched off.
const LIFT = 0.3;

// Files have no address: they stay here while the view comes and goes.
const shown = { photo: null, crop: null, clip: null, voice: null };
// What answers leave out where it says nothing.
const SAYS_NOTHING = { facets: {}, facet_stats: {}, understood: [], relaxed: [], banners: [], partial: false, personalised: false, did_you_mean: null, redirect: null };
// What was understood of a text, by collection and text.
const understood = new Map();

function read(params) {
  const chosen = Object.fromEntries(FIELDS.map((field) => [field, params.getAll(field)]).filter(([, values]) => values.length));
  const [gte, lte] = ["min", "max"].map((name) => (params.get(name) ? Number(params.get(name)) : undefined));
  if (gte >= 0 || lte >= 0) chosen.price = { gte, lte };
  const sort = params.get("sort");
  return { q: params.get("q") ?? "", sort: SORTS.includes(sort) ? sort : "relevance", collapse: params.get("groups") === "1", off: params.getAll("off"), media: params.get("by"), chosen };
}

function write(api, { q, sort, collapse, off, media, chosen }) {
  const { price, ...lists } = chosen;
  return api.url("#/search", { q: q || null, sort: sort === "relevance" ? null : sort, groups: collapse ? 1 : null, off, by: media, ...lists, min: price?.gte, max: price?.lte });
}

export async function show(root, context) {
  const { api, route, collection, shopper, lang, go, say, signal } = context;
  let asked = read(route.params);
  if (!asked.media) Object.assign(shown, { photo: null, crop: null, clip: null, voice: null });
  else if (!shown.photo && !shown.clip && !shown.voice) asked.media = null;

  if (collection === null) {
    fill(root, h("h1", {}, t("nav.search")), empty(t("search.none"), h("p", { class: "soft" }, t("search.none.how"))));
    return;
  }

  // The bar.
  const field = h("input", { type: "search", id: "q", name: "q", value: asked.q, "aria-label": t("search.label"), placeholder: t("search.placeholder"), enterkeyhint: "search", maxlength: 1000 });
  const { list, close } = completing(field, { collection, lang, signal, choose });
  const take = async ({ kind, file }) => {
    if (kind === "video") Object.assign(shown, { photo: null, crop: null, voice: null, clip: file });
    else Object.assign(shown, { photo: await prepared(file), crop: null, voice: null, clip: null });
    move({ media: kind === "video" ? "clip" : "photo" });
  };
  const [photoButton, photoInput] = fileButton("camera", "image/*", t("photo.choose"), (file) => take({ kind: "image", file }));
  const [clipButton, clipInput] = fileButton("film", "video/*", t("clip.choose"), (file) => take({ kind: "video", file }));
  const talk = talkButton({ signal, say, failed: (reason) => tellAttached(t(`voice.${reason}`)), heard: (voice) => {
    Object.assign(shown, { photo: null, crop: null, clip: null, voice });
    field.value = "";
    move({ q: "", media: "voice", off: [] });
  } });
  const submit = (event) => {
    event.preventDefault();
    close();
    field.blur();
    // Words in the place of a recording correct what was heard of it.
    if (shown.voice) shown.voice = null;
    move({ q: field.value.trim(), off: [], media: asked.media === "voice" ? null : asked.media });
  };
  const bar = h("form", { role: "search", class: "ask", onsubmit: submit },
    h("div", { class: "box" }, icon("search"), field, photoButton, photoInput, talk, clipButton, clipInput, h("button", { type: "submit", class: "primary", "aria-label": t("search.go") }, icon("search", 18), h("span", {}, t("search.go")))), list);
  const attached = h("div", { class: "attached" });
  const aside = h("aside", { class: "facets", id: "facets", "aria-label": t("search.filters") });
  const found = h("div", { class: "found", "aria-live": "off" });
  fill(root, h("h1", { class: "visually-hidden" }, t("nav.search")), bar, attached, h("div", { class: "columns" }, aside, found));
  dropping(root, take, signal);

  // Another search: the address says it, the bar stays as it is.
  function move(changes) {
    asked = { ...asked, ...changes };
    history.pushState(null, "", write(api, asked));
    run();
  }
  function choose(suggestion) {
    if (suggestion.kind === "product") return go(`#/product/${encodeURIComponent(suggestion.product_id)}`);
    const field_ = { category: "category", brand: "brand" }[suggestion.kind];
    field.value = field_ ? "" : suggestion.text;
    Object.assign(shown, { photo: null, crop: null, clip: null, voice: null });
    move({ q: field.value, off: [], media: null, chosen: field_ ? { [field_]: [suggestion.value ?? suggestion.text] } : asked.chosen });
  }
  const filters = {
    choose(name, value, on) {
      const rest = (asked.chosen[name] ?? []).filter((each) => each.toLowerCase() !== value.toLowerCase());
      const values = on ? [...rest, value] : rest;
      const { [name]: _, ...others } = asked.chosen;
      move({ chosen: values.length ? { ...others, [name]: values } : others });
    },
    bound(price) {
      const { price: _, ...others } = asked.chosen;
      move({ chosen: price.gte === undefined && price.lte === undefined ? others : { ...others, price } });
    },
  };

  function tellAttached(text) {
    fill(attached, h("div", { class: "notice" }, icon("alert"), h("p", {}, text)));
    say(text);
  }
  const drop = () => {
    Object.assign(shown, { photo: null, crop: null, clip: null, voice: null });
    move({ media: null, q: field.value.trim() });
    field.focus();
  };
  const dropButton = () => h("button", { type: "button", class: "round drop", title: t("search.drop"), "aria-label": t("search.drop"), onclick: drop }, icon("close", 18));

  function drawAttached(answer) {
    if (asked.media === "photo" && shown.photo) {
      if (attached.dataset.of === "photo" && attached.photo === shown.photo) return;
      attached.photo = shown.photo;
      fill(attached, h("div", { class: "card with" }, cropper(shown.photo, shown.crop, (crop) => {
        shown.crop = crop;
        run();
      }), dropButton()));
    } else if (asked.media === "clip" && shown.clip) {
      if (attached.dataset.of === "clip" && attached.clip === shown.clip) return;
      attached.clip = shown.clip;
      fill(attached, h("div", { class: "card with" }, clipPreview(shown.clip), h("p", {}, t("clip.searching"), h("br"), h("span", { class: "soft small" }, shown.clip.name ?? "")), dropButton()));
    } else if (asked.media === "voice" && shown.voice) {
      const heard = answer?.heard;
      if (heard && document.activeElement !== field) field.value = heard.text;
      fill(attached, h("div", { class: "card with heard" }, icon("mic", 22),
        answer ? h("p", {}, heard ? [t("voice.heard"), " ", h("strong", {}, heard.text), " ", h("span", { class: "soft small" }, t("voice.sure", { sure: number(heard.confidence, { style: "percent" }) })), h("br"), h("span", { class: "soft small" }, t("voice.correct"))] : t("voice.sound")) : h("p", { class: "soft" }, t("voice.understanding")), dropButton()));
    } else fill(attached);
    attached.dataset.of = asked.media ?? "";
  }

  // The request of the search as it stands; what was understood may be switched off part by part.
  function request(parts) {
    const { price, ...lists } = asked.chosen;
    const body = {
      collection, text: shown.voice ? null : asked.q || null, limit: PAGE, filters: { ...lists, ...(price ? { price } : {}) },
      facets: wanted, sort: asked.sort, collapse: asked.collapse, explain: true, highlight: true, session_id: shopper.id,
      // Titles in the reader's language, where the catalogue has them.
      fields: lang === "zh" ? ["translations"] : [],
    };
    if (asked.off.length && parts) {
      const kept = parts.filter((part) => !asked.off.includes(part.field));
      body.understand = "off";
      const bound = kept.find((part) => part.field === "price" && part.applied === "filter");
      if (bound && !price) body.filters.price = { gte: bound.gte ?? undefined, lte: bound.lte ?? undefined };
      body.boosts = kept.filter((part) => part.applied === "boost" && part.value).slice(0, 10).map((part) => ({ filter: { field: part.field, eq: part.value }, weight: LIFT }));
      for (const part of kept.filter((each) => each.applied === "filter" && each.value)) body.filters[part.field] ??= [part.value];
      // Words that only said a price are no words of a product.
      body.text = without(asked.q, parts.filter((part) => part.field === "price")) || null;
    }
    return body;
  }
  async function send(body, within) {
    if (!asked.media) return api.post("/v1/search", body, within);
    const form = new FormData();
    form.set("request", JSON.stringify(body));
    if (shown.photo) {
      form.set("image", shown.photo, "photo");
      if (shown.crop) form.set("image.crop", JSON.stringify(shown.crop));
    }
    if (shown.clip) form.set("video", shown.clip, "clip");
    if (shown.voice) form.set("audio", shown.voice, "voice.wav");
    return api.send("POST", "/v1/search", { form, signal: within });
  }
  async function partsOf(text, within) {
    if (!asked.off.length || !text) return null;
    const of = `${collection} ${text}`;
    if (!understood.has(of)) understood.set(of, (await api.post("/v1/search", { collection, text, limit: 1 }, within)).understood ?? []);
    return understood.get(of);
  }

  async function run() {
    const within = api.latest("search", signal);
    found.setAttribute("aria-busy", "true");
    if (!found.children.length) fill(found, skeletons(8));
    drawAttached(null);
    performance.mark("mmpipe:asked");
    let answer, body;
    try {
      const parts = await partsOf(asked.q, within);
      body = request(parts);
      answer = { ...SAYS_NOTHING, ...(await send(body, within)) };
      if (parts) answer.understood = parts;
    } catch (error) {
      if (api.outdated(error)) return;
      found.removeAttribute("aria-busy");
      fill(aside);
      drawAttached(null);
      fill(found, failed(error, run));
      return;
    }
    performance.mark("mmpipe:answered");
    if (!asked.off.length && asked.q) understood.set(`${collection} ${asked.q}`, answer.understood);
    found.removeAttribute("aria-busy");
    draw(answer, body);
    // The frame after the one that this is drawn in.
    requestAnimationFrame(() => setTimeout(() => performance.mark("mmpipe:painted")));
    say(answer.total ? t("search.total", { count: answer.total }) : t("search.nothing"));
    if (bare()) picked(within);
  }
  const bare = () => !asked.q && !asked.media && !Object.keys(asked.chosen).length && asked.sort === "relevance";

  function draw(answer, body) {
    const currency = (answer.hits.find((hit) => hit.price)?.price ?? "").split(" ")[1] ?? "";
    const focus = document.activeElement?.dataset?.key;
    drawAttached(answer);
    fill(aside, h("div", { class: "facet-head" }, h("h2", {}, t("search.filters")), Object.keys(asked.chosen).length > 0 && h("button", { type: "button", class: "quiet small", onclick: () => move({ chosen: {} }) }, t("search.clear"))),
      facetPanel(answer, asked.chosen, currency, filters));
    const most = Math.max(...answer.hits.map((hit) => hit.score), 1e-9);
    const grid = h("ul", { class: "grid" });
    const add = (page, from) => grid.append(...page.hits.map((hit, n) => h("li", {}, card(hit, { collection, position: from + n, query_id: page.query_id, list: "search", most: body.text || asked.media ? most : null, lazy: from + n > 7 }))));
    add(answer, 0);
    const foot = h("div", { class: "foot" });
    let count = answer.hits.length;
    const paging = (page) => fill(foot, h("p", { class: "soft small" }, t("search.seen", { seen: count, total: answer.total })),
      page.next_cursor && h("button", { type: "button", class: "plain", onclick: () => more(page.next_cursor) }, t("search.more")));
    const more = async (cursor) => {
      const button = foot.querySelector("button");
      button.disabled = true;
      try {
        const page = await send({ ...body, cursor, facets: [] }, api.latest("page", signal));
        const from = count;
        add(page, from);
        count += page.hits.length;
        paging(page);
        grid.children[from]?.querySelector("a")?.focus({ preventScroll: true });
        say(t("search.seen", { seen: count, total: answer.total }));
      } catch (error) {
        if (!api.outdated(error)) fill(foot, failed(error, () => more(cursor)));
      }
    };
    paging(answer);
    fill(found, summary(answer, body, currency), notes(answer),
      answer.hits.length ? [h("div", { class: "picked", id: "picked" }), grid, foot] : empty(t("search.nothing"), h("p", { class: "soft" }, t(Object.keys(asked.chosen).length ? "search.nothing.filters" : "search.nothing.how")),
        Object.keys(asked.chosen).length > 0 && h("button", { type: "button", class: "plain", onclick: () => move({ chosen: {} }) }, t("search.clear"))));
    if (focus) root.querySelector(`[data-key="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  }

  function summary(answer, body, currency) {
    const chips = chosenChips(asked.chosen, currency, filters);
    const count = chips.length;
    const toggle = h("button", { type: "button", class: "plain filter-toggle", "aria-expanded": String(aside.classList.contains("open")), "aria-controls": "facets", onclick: () => {
      const open = aside.classList.toggle("open");
      toggle.setAttribute("aria-expanded", String(open));
      if (open) aside.querySelector("input, button")?.focus();
    } }, icon("filter", 18), t("search.filters"), count > 0 && h("span", { class: "count" }, count));
    return h("div", { class: "summary" }, h("h2", { class: "visually-hidden" }, t("search.results")),
      h("div", { class: "row apart" },
        h("p", { class: "total" }, h("strong", {}, t("search.total", { count: answer.total })), h("span", { class: "soft small" }, ` ${t("search.took", { ms: number(answer.took_ms, { maximumFractionDigits: 1 }) })}`),
          answer.personalised && h("span", { class: "tagged" }, icon("spark", 14), t("search.personal", { name: t(`shopper.${shopper.name ?? "nobody"}`) }))),
        h("div", { class: "row" }, toggle,
          h("label", { class: "check" }, h("input", { type: "checkbox", checked: asked.collapse, "data-key": "collapse", onchange: (event) => move({ collapse: event.target.checked }) }), t("search.collapse")),
          h("label", { class: "sort" }, h("span", { class: "visually-hidden" }, t("search.sort")), h("select", { "data-key": "sort", onchange: (event) => move({ sort: event.target.value }) }, SORTS.map((name) => h("option", { value: name, selected: name === asked.sort }, t(`sort.${name}`))))))),
      (chips.length || answer.understood.length) > 0 && h("ul", { class: "chips" }, meant(answer.understood), chips));
  }

  // What the words were taken to say; each may be switched off, and on again.
  function meant(parts) {
    const seen = new Set();
    return parts.filter((part) => !seen.has(part.field + part.value) && seen.add(part.field + part.value)).map((part) => {
      const off = asked.off.includes(part.field);
      const text = part.field === "price" ? range({ gte: part.gte, lte: part.lte, currency: part.currency }) : part.value;
      // A price in another currency is told, and nothing follows of it.
      if (part.applied === "none") return h("li", {}, h("span", { class: "chip meant off", title: t("meant.none") }, icon("close", 14), h("span", { class: "soft" }, `${nameOf(part.field)}: `), text));
      return h("li", {}, h("button", { type: "button", class: ["chip meant", off && "off"], "aria-pressed": String(!off), "data-key": `meant:${part.field}`, title: off ? t("meant.off") : t(`meant.${part.applied}`),
        onclick: () => move({ off: off ? asked.off.filter((each) => each !== part.field) : [...asked.off, part.field] }) },
      icon(off ? "close" : "check", 14), h("span", { class: "soft" }, `${nameOf(part.field)}: `), text));
    });
  }

  function notes(answer) {
    const said = [];
    if (answer.did_you_mean) said.push([t("search.meant"), " ", h("strong", {}, answer.did_you_mean)]);
    if (answer.relaxed.length) said.push([t("search.relaxed"), " ", answer.relaxed.map((part, n) => [n > 0 && ", ", h("s", {}, part)])]);
    if (answer.partial) said.push(t("search.partial"));
    for (const banner of answer.banners) said.push(banner);
    if (/^https?:\/\//.test(answer.redirect ?? "")) said.push([t("search.redirect"), " ", h("a", { href: answer.redirect, rel: "noreferrer" }, answer.redirect)]);
    return said.map((each) => h("p", { class: "note" }, each));
  }

  // What this shopper may like, before anything is asked.
  async function picked(within) {
    try {
      const answer = await api.post("/v1/recommendations", { collection, session_id: shopper.id, kind: "for_you", limit: 12, lang }, within);
      const [only] = answer.lists;
      await translated(only.items, collection, within);
      const place = found.querySelector("#picked");
      if (!place || !only.items.length || !bare()) return;
      fill(place, rail(shopper.id ? t("search.picked", { name: t(`shopper.${shopper.name}`) }) : t("search.popular"), only.items, { collection, list: "for_you", query_id: only.query_id, reasoned: shopper.id !== null }), h("h2", { class: "all" }, t("search.all")));
    } catch (error) {
      // A collection that is split has no lists; the catalogue is there all the same.
      if (!api.outdated(error) && !(error instanceof api.Problem)) throw error;
    }
  }

  addEventListener("keydown", (event) => {
    if (event.key === "/" && !/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement?.tagName)) {
      event.preventDefault();
      field.focus();
    }
  }, { signal });
  await run();
}

function without(text, parts) {
  const letters = Array.from(text);
  for (const part of parts) letters.fill("", part.start, part.end);
  return letters.join("").replace(/\s+/g, " ").trim();
}
