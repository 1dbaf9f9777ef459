import { facetConditions, numericConditions } from './conditions.js';
import { indexOf } from './fields.js';
import { filterConditions } from './filter-text.js';
import { MmpipeError } from './transport.js';

/** @typedef {import('./types.js').Plan} Plan */
/** @typedef {import('./types.js').ClientOptions} ClientOptions */

// These say which products are meant, so that to leave them out would be a wrong answer.
const REFUSED = [
  'tagFilters', 'aroundLatLng', 'aroundLatLngViaIP', 'insideBoundingBox', 'insidePolygon', 'similarQuery',
];
// What `*` stands for where the client names no facets.
export const ALL = [
  'brand', 'categories.lvl0', 'categories.lvl1', 'categories.lvl2', 'color', 'size', 'gender', 'age_group', 'material', 'pattern',
  'condition', 'availability', 'price', 'rating',
];
const MOST_BOOSTS = 10;
const MOST_CONTEXT = 10;
const SCORE = /<score=([0-9]+)>$/;

/**
 * What one query of the widgets asks for. Throws where it asks for what mmpipe does not have.
 * @param {import('./types.js').SearchQuery} query
 * @param {ClientOptions} options
 * @returns {Plan}
 */
export function planOf(query, options) {
  const params = paramsOf(query);
  for (const name of REFUSED) {
    if (said(params[name])) throw new MmpipeError(`mmpipe does not know ${name}: docs/instantsearch.md`);
  }
  const names = options.attributes;
  const index = indexOf(query.indexName, options);
  const written = params.filters ? filterConditions(params.filters, names) : undefined;
  const hitsPerPage = Number(params.length ?? params.hitsPerPage ?? 20);
  const page = Number(params.page ?? 0);
  return {
    query,
    params,
    index,
    base: baseOf(params, index, options),
    conditions: [
      ...facetConditions(params.facetFilters, names),
      ...numericConditions(params.numericFilters, names),
      ...(written ? [written] : []),
    ],
    facets: facetsOf(params.facets, options),
    maxValues: Math.min(Number(params.maxValuesPerFacet ?? 100), 1_000),
    start: params.offset === undefined ? page * hitsPerPage : Number(params.offset),
    length: hitsPerPage,
    page,
    hitsPerPage,
  };
}

/** The parameters of a query, wherever they stand. @param {import('./types.js').SearchQuery} query @returns {Record<string, any>} */
export function paramsOf(query) {
  const { indexName: _, params, type: __, facet: ___, ...beside } = query;
  return { ...beside, ...params };
}

/** @param {Record<string, any>} params @param {import('./types.js').Index} index @param {ClientOptions} options */
function baseOf(params, index, options) {
  /** @type {Record<string, any>} */
  const base = { ...options.request, ...params.mmpipe };
  if (index.collection) base.collection = index.collection;
  if (index.sort) base.sort = index.sort;
  const text = String(params.query ?? '').trim();
  if (text) base.text = text;
  if (params.distinct !== undefined) base.collapse = Boolean(params.distinct) && params.distinct !== 'false';
  if (params.enableRules === false) base.rules = false;
  if (params.enablePersonalization === false) base.personalise = false;
  if (params.userToken) base.session_id = String(params.userToken);
  const boosts = listOf(params.optionalFilters).map((each) => boostOf(each, options.attributes));
  if (boosts.length) base.boosts = [...(base.boosts ?? []), ...boosts].slice(0, MOST_BOOSTS);
  const context = listOf(params.ruleContexts).slice(0, MOST_CONTEXT).map((each) => contextOf(String(each)));
  if (context.length) base.context = { ...base.context, ...Object.fromEntries(context) };
  return base;
}

/**
 * An optional filter lifts what meets it by a tenth of the span of scores, times its score.
 * @param {string | string[]} given @param {Record<string, string> | undefined} names
 */
function boostOf(given, names) {
  const all = Array.isArray(given) ? given : [given];
  const score = Number(SCORE.exec(all[0])?.[1] ?? 1);
  const [filter] = facetConditions([all.map((each) => each.replace(SCORE, ''))], names);
  return { filter, weight: Math.min(1, score / 10) };
}

/** `channel:app` as it stands; what has no value is `true`. @param {string} context */
function contextOf(context) {
  const at = context.indexOf(':');
  return at > 0 ? [context.slice(0, at), context.slice(at + 1)] : [context, 'true'];
}

/** @param {any} given @param {ClientOptions} options @returns {string[]} */
function facetsOf(given, options) {
  const all = listOf(given).map((each) => String(each).replace(/^(?:searchable|filterOnly)\((.*)\)$/, '$1'));
  return [...new Set(all.flatMap((each) => (each === '*' ? (options.facets ?? ALL) : [each])))];
}

/** @param {any} given @returns {any[]} */
function listOf(given) {
  if (!said(given)) return [];
  return Array.isArray(given) ? given : String(given).split(',');
}

/** @param {any} given */
function said(given) {
  return given !== undefined && given !== null && given !== '' && given.length !== 0;
}
