import { FLAG, SEPARATOR } from './fields.js';
import { marked, spansOf, tagsOf, wordsOf } from './marks.js';

/** @typedef {import('./types.js').MmpipeHit} MmpipeHit */
/** @typedef {import('./types.js').Hit} Hit */
/** @typedef {import('./types.js').ClientOptions} ClientOptions */

const AMOUNT = /^(-?[0-9.]+) ([A-Z]{3})$/;
const SNIPPET = /^(.+?)(?::([0-9]+))?$/;
const WORDS = 10;

/**
 * A product as templates take it: mmpipe's members, `objectID`, prices as numbers with `currency` beside them,
 * levels of the category in `categories`, and what the client's `attributes` call otherwise.
 * @param {MmpipeHit} found
 * @param {Record<string, any>} params
 * @param {ClientOptions} options
 * @returns {Hit}
 */
export function hitOf(found, params, options) {
  const { scores, score, highlights = {}, fields = {}, explanation: _, ...product } = found;
  const { category, categories } = treeOf(found.category);
  const [price, currency] = amountOf(found.price);
  const [list_price] = amountOf(found.list_price);
  /** @type {Record<string, any>} */
  const members = { ...fields, ...product, category, categories, price, list_price, currency };
  members[FLAG] = list_price !== null;
  for (const [name, field] of Object.entries(options.attributes ?? {})) members[name] = valueOf(members, field);
  const hit = {
    ...members,
    objectID: found.id,
    _highlightResult: highlightsOf(members, highlights, params, options),
    ...snippetsOf(members, params),
    ...(params.getRankingInfo && { _rankingInfo: { score, scores } }),
  };
  return options.transformHit ? options.transformHit(hit, found) : hit;
}

/** More of each product than a hit has, as far as templates show parts of it. @param {Record<string, any>} params @param {ClientOptions} options */
export function fieldsWanted(params, options) {
  const snippets = namesOf(params.attributesToSnippet).map(([name]) => options.attributes?.[name] ?? name);
  const more = snippets.filter((name) => name === 'description');
  return [...new Set([...(options.fields ?? []), ...more])];
}

/** @param {string | null | undefined} path */
function treeOf(path) {
  const labels = path ? path.split(SEPARATOR) : [];
  const levels = labels.map((_, level) => [`lvl${level}`, labels.slice(0, level + 1).join(SEPARATOR)]);
  return { category: path ?? null, categories: Object.fromEntries(levels) };
}

/** @param {string | null | undefined} text @returns {[number | null, string | null]} */
function amountOf(text) {
  const found = AMOUNT.exec(text ?? '');
  return found ? [Number(found[1]), found[2]] : [null, null];
}

/** @param {Record<string, any>} members @param {string} field */
function valueOf(members, field) {
  const name = field.replace(/^attributes\./, '');
  return name === field ? members[field] : members.attributes?.[name];
}

/** @param {Record<string, any>} members @param {MmpipeHit['highlights']} highlights @param {Record<string, any>} params @param {ClientOptions} options */
function highlightsOf(members, highlights, params, options) {
  const tags = tagsOf(params);
  const asked = wordsOf(params.query).length;
  /** @type {Record<string, any>} */
  const told = {};
  for (const [name, value] of Object.entries(members)) {
    if (typeof value !== 'string') continue;
    const spans = highlights?.[options.attributes?.[name] ?? name] ?? [];
    told[name] = resultOf(value, spans, asked, tags);
  }
  return told;
}

/** @param {string} text @param {[number, number][]} spans @param {number} asked @param {ReturnType<typeof tagsOf>} tags */
function resultOf(text, spans, asked, tags) {
  const points = [...text];
  const words = spans.map(([begin, end]) => points.slice(begin, end).join('').toLowerCase());
  const level = !spans.length ? 'none' : words.length < asked ? 'partial' : 'full';
  return {
    value: marked(text, spans, tags),
    matchLevel: level,
    matchedWords: [...new Set(words)],
    ...(spans.length && { fullyHighlighted: spans.length === 1 && spans[0][1] - spans[0][0] === points.length }),
  };
}

/**
 * Of each text so many words, from a little before the first that begins like one of the query on.
 * @param {Record<string, any>} members @param {Record<string, any>} params
 */
function snippetsOf(members, params) {
  const wanted = namesOf(params.attributesToSnippet);
  if (!wanted.length) return {};
  const tags = tagsOf(params);
  const words = wordsOf(params.query);
  const ellipsis = String(params.snippetEllipsisText ?? '…');
  const told = wanted.flatMap(([name, most]) => {
    const text = members[name];
    if (typeof text !== 'string') return [];
    const parts = text.split(/(?<=\s)/);
    const at = parts.findIndex((part) => spansOf(part, words).length);
    const from = Math.max(0, Math.min(at - Math.floor(most / 3), parts.length - most));
    const shown = parts.slice(from, from + most).join('').trim();
    const spans = spansOf(shown, words);
    const value = (from ? ellipsis : '') + marked(shown, spans, tags) + (from + most < parts.length ? ellipsis : '');
    return [[name, { value, matchLevel: spans.length ? 'full' : 'none' }]];
  });
  return { _snippetResult: Object.fromEntries(told) };
}

/** @param {any} given @returns {[string, number][]} */
function namesOf(given) {
  const all = Array.isArray(given) ? given : given ? String(given).split(',') : [];
  return all.map((each) => {
    const found = /** @type {RegExpExecArray} */ (SNIPPET.exec(each.trim()));
    return [found[1], Number(found[2] ?? WORDS)];
  });
}
