import { facetsTold, statsTold } from './facets.js';
import { hitOf } from './hits.js';
import { ALL } from './query.js';

/** @typedef {import('./types.js').Plan} Plan */
/** @typedef {import('./types.js').SearchAnswer} SearchAnswer */
/** @typedef {import('./types.js').ClientOptions} ClientOptions */

/**
 * What a plan's query is answered with.
 * @param {Plan} plan
 * @param {any} answer mmpipe's
 * @param {import('./types.js').MmpipeHit[]} hits
 * @param {Set<string>} wide fields that were counted without their own filter
 * @param {ClientOptions} options
 * @returns {SearchAnswer}
 */
export function answerOf(plan, answer, hits, wide, options) {
  const names = options.attributes;
  const most = options.paginationLimitedTo ?? 1_000;
  const pages = plan.hitsPerPage ? Math.ceil(Math.min(answer.total, most) / plan.hitsPerPage) : 0;
  const { version, understood, did_you_mean, relaxed, rules, redirect, banners, words, partial, version_changed } = answer;
  const facets = facetsTold(plan, answer.facets ?? {}, wide, names);
  const facets_stats = statsTold(plan, answer.facet_stats ?? {}, names);
  return {
    ...bare(plan),
    hits: hits.map((hit) => hitOf(hit, plan.params, options)),
    nbHits: answer.total,
    nbPages: pages,
    processingTimeMS: Math.round(answer.took_ms),
    exhaustiveNbHits: !partial,
    exhaustiveFacetsCount: !partial,
    facets,
    facets_stats,
    ...(answer.query_id && { queryID: answer.query_id }),
    ...saidByRules(answer),
    ...content(plan, { ...facets_stats, ...facets }, redirect, options),
    mmpipe: { version, version_changed, understood, did_you_mean, relaxed, rules, redirect, banners, words },
  };
}

/**
 * What a query is answered with whose counts another one's answer holds: these alone.
 * @param {Plan} plan @param {any} answer @param {Set<string>} wide @param {ClientOptions} options
 * @returns {SearchAnswer}
 */
export function foldedAnswer(plan, answer, wide, options) {
  const names = options.attributes;
  return {
    ...bare(plan),
    facets: facetsTold(plan, answer.facets ?? {}, wide, names),
    facets_stats: statsTold(plan, answer.facet_stats ?? {}, names),
  };
}

/** An answer without anything. @param {Plan} plan @returns {SearchAnswer} */
export function bare(plan) {
  return {
    index: plan.query.indexName,
    hits: [],
    nbHits: 0,
    page: plan.page,
    nbPages: 0,
    hitsPerPage: plan.hitsPerPage,
    query: String(plan.params.query ?? ''),
    params: '',
    processingTimeMS: 0,
    exhaustiveNbHits: true,
    exhaustiveFacetsCount: true,
    facets: {},
    facets_stats: {},
  };
}

/** What queryRuleCustomData shows. @param {any} answer */
function saidByRules({ redirect, banners = [] }) {
  const data = [...(redirect ? [{ redirect }] : []), ...banners.map((/** @type {string} */ banner) => ({ banner }))];
  return data.length ? { userData: data } : {};
}

/**
 * What dynamicWidgets goes by: of the client's `facets` those that have something to choose, in their order.
 * @param {Plan} plan @param {Record<string, object>} counted @param {string | null} redirect @param {ClientOptions} options
 */
function content(plan, counted, redirect, options) {
  const order = [plan.params.facets].flat().includes('*') ? (options.facets ?? ALL) : [];
  const there = order.filter((name) => Object.keys(counted[name] ?? {}).length);
  const facetOrdering = { facets: { order: there }, values: {} };
  const told = { ...(order.length && { facetOrdering }), ...(redirect && { redirect: { url: redirect } }) };
  return Object.keys(told).length ? { renderingContent: told } : {};
}
