import { answerOf, bare, foldedAnswer } from './answers.js';
import { together } from './conditions.js';
import { facetsAsked } from './facets.js';
import { FLAG, targetOf } from './fields.js';
import { folded } from './folding.js';
import { fieldsWanted } from './hits.js';
import { createPages } from './pages.js';
import { planOf } from './query.js';
import { recommendations } from './recommend.js';
import { suggestions } from './suggestions.js';
import { createTransport } from './transport.js';
import { facetValues } from './values.js';

/** @typedef {import('./types.js').Plan} Plan */

const SEARCH = '/v1/search';

/**
 * A `searchClient` for InstantSearch, of instantsearch.js, react-instantsearch and whatever else asks as these
 * do.
 * @param {import('./types.js').ClientOptions} [options]
 * @returns {import('./types.js').SearchClient}
 */
export function createSearchClient(options = {}) {
  const transport = createTransport(options);
  const pages = createPages((body) => transport.ask(SEARCH, body));
  const names = options.attributes;

  /** @param {import('./folding.js').Asked} asked @returns {Promise<[Plan, any][]>} */
  async function searched({ plan, wide, attributes, extras }) {
    if (plan.index.suggestions) {
      // A list that is refined on the same page asks for its facets here too: suggestions have none.
      return [[plan, await suggestions(plan, transport)], ...extras.map((each) => /** @type {[Plan, any]} */ ([each, bare(each)]))];
    }
    const filter = together(plan.conditions);
    const fields = plan.length ? fieldsWanted(plan.params, options) : [];
    const beyond = plan.start >= (options.paginationLimitedTo ?? 1_000);
    const body = {
      ...plan.base,
      ...(filter && { filter }),
      facets: facetsAsked(attributes, wide, Math.max(plan.maxValues, ...extras.map((each) => each.maxValues)), names),
      explain: plan.params.getRankingInfo ? 'scores' : false,
      ...(plan.length && plan.base.text && { highlight: true }),
      ...(fields.length && { fields }),
    };
    const length = Math.min(plan.length, Math.max(0, (options.paginationLimitedTo ?? 1_000) - plan.start));
    const [{ answer, hits }, flags] = await Promise.all([
      pages.read(body, plan.start, beyond ? 0 : length),
      flagged(plan),
    ]);
    const own = answerOf(plan, answer, hits, wide, options);
    Object.assign(own.facets, flags);
    return [[plan, own], ...extras.map((each) => /** @type {[Plan, any]} */ ([each, foldedAnswer(each, answer, wide, options)]))];
  }

  /** How many are on sale, which is no facet of mmpipe's but a filter. @param {Plan} plan */
  async function flagged(plan) {
    /** @type {Record<string, Record<string, number>>} */
    const told = {};
    for (const attribute of plan.facets.filter((each) => targetOf(each, names).field === FLAG)) {
      const filter = together([...plan.conditions, { field: FLAG, eq: true }]);
      const { total } = await transport.ask(SEARCH, { ...plan.base, filter, explain: false, limit: 1 });
      told[attribute] = total ? { true: total } : {};
    }
    return told;
  }

  /** @param {any} requests @returns {Promise<{results: any[]}>} */
  async function answers(requests) {
    const queries = listed(requests);
    /** @type {Map<number, any>} */
    const answers = new Map();
    /** @type {Map<Plan, number>} */
    const places = new Map();
    queries.forEach((query, place) => {
      if (query.type !== 'facet') places.set(planOf(query, options), place);
    });
    await Promise.all([
      ...folded([...places.keys()], names, options.fold ?? true).map(async (asked) => {
        for (const [plan, answer] of await searched(asked)) answers.set(/** @type {number} */ (places.get(plan)), answer);
      }),
      ...queries.map(async (query, place) => {
        if (query.type === 'facet') answers.set(place, await facetValues(query, transport, options));
      }),
    ]);
    return { results: queries.map((_, place) => answers.get(place)) };
  }

  /** @type {Promise<unknown>} */
  let searching = Promise.resolve();

  return {
    search(requests) {
      const found = answers(requests);
      searching = found.catch(() => undefined);
      return found;
    },

    searchForFacetValues(requests) {
      return Promise.all(listed(requests).map((query) => facetValues(query, transport, options)));
    },

    async getRecommendations(requests) {
      const results = await Promise.all(listed(requests).map((query) => recommendations(query, transport, options)));
      // infiniteHits throws where it is drawn before the first search is answered, as recommendations make it.
      await searching;
      return { results };
    },

    async clearCache() {
      transport.clear();
      pages.clear();
    },
  };
}

/** @param {any} requests @returns {any[]} */
function listed(requests) {
  return Array.isArray(requests) ? requests : (requests.requests ?? [requests]);
}
