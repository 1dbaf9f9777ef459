import { bare } from './answers.js';
import { marked, tagsOf } from './marks.js';

const MOST = 20;

/**
 * Hits of an index of suggestions: what a shopper may mean to type, in `query`.
 * @param {import('./types.js').Plan} plan
 * @param {ReturnType<typeof import('./transport.js').createTransport>} transport
 * @returns {Promise<import('./types.js').SearchAnswer>}
 */
export async function suggestions(plan, transport) {
  const limit = Math.max(1, Math.min(plan.hitsPerPage, MOST));
  const asked = new URLSearchParams({ q: String(plan.params.query ?? ''), limit: String(limit) });
  if (plan.index.collection) asked.set('collection', plan.index.collection);
  const answer = await transport.ask(`/v1/suggest?${asked}`);
  const tags = tagsOf(plan.params);
  /** @type {any[]} */
  const found = plan.page ? [] : answer.suggestions;
  const hits = found.map(({ kind, text, spans, count, value, product_id }) => {
    const marks = { value: marked(text, spans, tags), matchLevel: spans.length ? 'full' : 'none', matchedWords: [] };
    const hit = { objectID: `${kind}:${text}`, query: text, kind, value, product_id, nb_products: count };
    return { ...hit, _highlightResult: { query: marks } };
  });
  return {
    ...bare(plan),
    hits,
    nbHits: hits.length,
    nbPages: hits.length ? 1 : 0,
    processingTimeMS: Math.round(answer.took_ms),
  };
}
