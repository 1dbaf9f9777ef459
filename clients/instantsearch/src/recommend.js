import { indexOf } from './fields.js';
import { hitOf } from './hits.js';
import { planOf } from './query.js';
import { together } from './conditions.js';
import { MmpipeError } from './transport.js';

// Kinds of lists by the names of models.
const KINDS = /** @type {Record<string, string>} */ ({
  'related-products': 'similar',
  'looking-similar': 'similar',
  'bought-together': 'bought_together',
  'trending-items': 'trending',
  'recommended-for-you': 'for_you',
});
const MOST = 100;

/**
 * The list that a recommendation widget asks for; `model` may also be a kind of mmpipe's own.
 * @param {import('./types.js').RecommendQuery} query
 * @param {ReturnType<typeof import('./transport.js').createTransport>} transport
 * @param {import('./types.js').ClientOptions} options
 * @returns {Promise<import('./types.js').RecommendAnswer>}
 */
export async function recommendations(query, transport, options) {
  const { model, objectID, facetName, facetValue } = query;
  if (model === 'trending-facets') throw new MmpipeError('mmpipe does not tell trending facets: docs/instantsearch.md');
  const params = query.queryParameters ?? {};
  const plan = planOf({ indexName: query.indexName, params }, options);
  const about = facetName && facetValue ? planOf({ indexName: query.indexName, params: { facetFilters: [`${facetName}:${facetValue}`] } }, options).conditions : [];
  const filter = together([...plan.conditions, ...about]);
  const { collection } = indexOf(query.indexName, options);
  const { session_id } = plan.base;
  const answer = await transport.ask('/v1/recommendations', {
    ...(collection && { collection }),
    ...(session_id && { session_id }),
    kind: KINDS[model] ?? model,
    ...(objectID && { product_ids: [objectID] }),
    ...(filter && { filter }),
    limit: Math.max(1, Math.min(query.maxRecommendations || 10, MOST)),
    explain: false,
  });
  const [list] = answer.lists;
  const hits = list.items.map((/** @type {any} */ { why: _, explored: __, ...item }) => ({
    ...hitOf(item, params, options),
    _score: item.score,
  }));
  return {
    hits,
    nbHits: hits.length,
    processingTimeMS: Math.round(answer.took_ms),
    ...(list.query_id && { queryID: list.query_id }),
    mmpipe: { kind: list.kind, fallback: list.fallback },
  };
}
