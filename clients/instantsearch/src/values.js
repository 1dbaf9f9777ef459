import { facetsAsked } from './facets.js';
import { together } from './conditions.js';
import { FLAG, MOMENT, NUMBERS, targetOf } from './fields.js';
import { marked, spansOf, tagsOf, wordsOf } from './marks.js';
import { paramsOf, planOf } from './query.js';
import { MmpipeError } from './transport.js';

const MOST = 100;

/**
 * Values of a facet that have words which begin as typed, among what the query finds.
 * @param {import('./types.js').SearchQuery} query
 * @param {ReturnType<typeof import('./transport.js').createTransport>} transport
 * @param {import('./types.js').ClientOptions} options
 * @returns {Promise<import('./types.js').FacetValuesAnswer>}
 */
export async function facetValues(query, transport, options) {
  const params = paramsOf(query);
  const attribute = query.facet ?? params.facetName;
  const { field, level } = targetOf(attribute, options.attributes);
  if ([...NUMBERS, FLAG, MOMENT].includes(field)) {
    throw new MmpipeError(`values of ${attribute} are no words to search among`);
  }
  const plan = planOf({ indexName: query.indexName, params: { ...params, facets: [attribute] } }, options);
  const [facet] = facetsAsked([attribute], new Set(), Math.min(Number(params.maxFacetHits ?? 10), MOST), options.attributes);
  const typed = String(params.facetQuery ?? '');
  const filter = together(plan.conditions);
  const answer = await transport.ask('/v1/search', {
    ...plan.base,
    ...(filter && { filter }),
    facets: [{ ...facet, stats: false, ...(typed.trim() && { search: typed }) }],
    explain: false,
    limit: 1,
  });
  const tags = tagsOf(params);
  const words = wordsOf(typed);
  /** @type {{value: string, count: number}[]} */
  const counts = answer.facets[field];
  const own = level === undefined ? counts : counts.filter(({ value }) => value.split(' > ').length === level + 1);
  return {
    facetHits: own.slice(0, Number(params.maxFacetHits ?? 10)).map(({ value, count }) => ({
      value,
      highlighted: marked(value, spansOf(value, words), tags),
      count,
    })),
    exhaustiveFacetsCount: true,
    processingTimeMS: Math.round(answer.took_ms),
  };
}
