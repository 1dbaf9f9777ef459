import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSearchClient } from '../src/index.js';
import { fake, page, product } from './fake.js';

const query = (params = {}, indexName = 'shop') => ({ indexName, params });

function client(answer, options = {}) {
  const service = fake(answer);
  return { ...service, client: createSearchClient({ url: 'http://mmpipe/', fetch: service.fetch, ...options }) };
}

async function body(params, options, indexName) {
  const { client: each, asked } = client(() => page(), options);
  await each.search([query(params, indexName)]);
  return asked.find((each) => each.body.facets).body;
}

test('a query becomes a search', async () => {
  assert.deepEqual(await body({ query: ' red ', hitsPerPage: 5 }), {
    collection: 'shop', text: 'red', facets: [], explain: false, highlight: true, limit: 5,
  });
  const said = await body(
    {
      distinct: true, userToken: 'u', enableRules: false, enablePersonalization: false, getRankingInfo: true,
      ruleContexts: ['channel:app', 'sale'], optionalFilters: ['brand:Acme<score=3>'], filters: 'color:red', facetFilters: ['size:L'],
      mmpipe: { diversity: 0.5 },
    },
    { request: { understand: 'filter' }, fields: ['description'] },
    'shop_newest',
  );
  assert.deepEqual(said, {
    understand: 'filter', diversity: 0.5, collection: 'shop', sort: 'newest', collapse: true, rules: false, personalise: false,
    session_id: 'u', boosts: [{ filter: { field: 'brand', eq: 'Acme' }, weight: 0.3 }], context: { channel: 'app', sale: 'true' },
    filter: { and: [{ field: 'size', eq: 'L' }, { field: 'color', eq: 'red' }] },
    facets: [], explain: 'scores', fields: ['description'], limit: 20,
  });
});

test('what mmpipe does not have is refused before it is asked', async () => {
  for (const params of [{ tagFilters: ['a'] }, { aroundLatLng: '1,2' }, { insideBoundingBox: [[1, 2, 3, 4]] }]) {
    const { client: each, asked } = client(() => page());
    await assert.rejects(each.search([query(params)]), /does not know/);
    assert.equal(asked.length, 0);
  }
});

test('facets are asked once for each field, numbers with their stats', async () => {
  const { facets } = await body({
    facets: ['brand', 'price', 'rating', 'categories.lvl0', 'categories.lvl1', 'attributes.sole', 'on_sale'], maxValuesPerFacet: 7,
  });
  const stars = [0, 1, 2, 3, 4].map((gte) => ({ gte, lt: gte + 1 }));
  assert.deepEqual(facets, [
    { field: 'brand', disjunctive: false, limit: 7 },
    { field: 'price', disjunctive: false, stats: true, limit: 7 },
    { field: 'rating', disjunctive: false, stats: true, ranges: [...stars, { gte: 5 }] },
    { field: 'category', disjunctive: false, limit: 1000, depth: 2 },
    { field: 'attributes.sole', disjunctive: false, stats: true, limit: 7 },
  ]);
  const whole = await body({ facets: ['categories.lvl0', 'category'] });
  assert.deepEqual(whole.facets, [{ field: 'category', disjunctive: false, limit: 1000 }]);
  assert.deepEqual((await body({ facets: ['*'] }, { facets: ['brand'] })).facets.map((each) => each.field), ['brand']);
});

test('an answer is as InstantSearch has it', async () => {
  const { client: each } = client(() =>
    page([product('a')], {
      total: 45, query_id: 'q1', redirect: '/help', banners: ['Two for one'], did_you_mean: 'red', partial: true,
      facets: { brand: [{ value: 'Acme', count: 3 }], rating: [{ value: '0..1', gte: 0, count: 0 }, { value: '4..5', gte: 4, count: 2 }] },
      facet_stats: { rating: { count: 2, min: 4, max: 4.5, avg: 4.25 } },
    }),
  );
  const { results } = await each.search([query({ query: 'red', facets: ['brand', 'rating'], hitsPerPage: 20, page: 0 })]);
  const [{ hits, mmpipe, ...told }] = results;
  assert.equal(hits[0].objectID, 'a');
  assert.equal(mmpipe.did_you_mean, 'red');
  assert.deepEqual(told, {
    index: 'shop', nbHits: 45, page: 0, nbPages: 3, hitsPerPage: 20, query: 'red', params: '', processingTimeMS: 1,
    exhaustiveNbHits: false, exhaustiveFacetsCount: false, facets: { brand: { Acme: 3 }, rating: { 4: 2 } },
    facets_stats: { rating: { min: 4, max: 4.5, avg: 4.25, sum: 8.5 } }, queryID: 'q1',
    userData: [{ redirect: '/help' }, { banner: 'Two for one' }], renderingContent: { redirect: { url: '/help' } },
  });
});

/** A shop of so many products, page by page. */
function paged(total) {
  return (_, { cursor, limit }) => {
    const from = Number(cursor ?? 0);
    const ids = Array.from({ length: Math.max(0, Math.min(limit, total - from)) }, (__, n) => product(String(from + n)));
    return page(ids, { total, next_cursor: from + limit < total ? String(from + limit) : null });
  };
}

test('a page is reached by the nearest cursor that is known', async () => {
  const { client: each, asked } = client(paged(900));
  const ids = async (params) => (await each.search([query(params)])).results[0].hits.map((hit) => Number(hit.objectID));
  assert.deepEqual(await ids({ page: 25, hitsPerPage: 10 }), [250, 251, 252, 253, 254, 255, 256, 257, 258, 259]);
  assert.deepEqual(asked.map(({ body: { cursor, limit } }) => [cursor, limit]), [[undefined, 100], ['100', 100], ['200', 50], ['250', 10]]);
  asked.length = 0;
  assert.equal((await ids({ page: 26, hitsPerPage: 10 }))[0], 260);
  assert.equal((await ids({ page: 21, hitsPerPage: 10 }))[0], 210);
  assert.equal(asked.length, 1 + 2);
  assert.equal((await ids({ hitsPerPage: 250 })).length, 250);
  assert.deepEqual(await ids({ offset: 5, length: 2 }), [5, 6]);
});

test('nobody pages beyond the limit, or beyond what there is', async () => {
  const { client: each } = client(paged(2_000), { paginationLimitedTo: 50 });
  const read = async (params) => (await each.search([query(params)])).results[0];
  const last = await read({ page: 2, hitsPerPage: 20 });
  assert.deepEqual([last.hits.length, last.nbPages, last.nbHits], [10, 3, 2_000]);
  assert.deepEqual((await read({ page: 3, hitsPerPage: 20 })).hits, []);
  const few = client(paged(30));
  const [beyond] = (await few.client.search([query({ page: 9, hitsPerPage: 20 })])).results;
  assert.deepEqual([beyond.hits.length, beyond.nbHits], [0, 30]);
});

test('a cursor that is known no more is found anew', async () => {
  const answer = paged(300);
  let day = 'monday';
  const { client: each, asked } = client((path, { cursor, limit }) => {
    const [of, at] = (cursor ?? `${day} `).split(' ');
    if (of !== day) return { status: 422, body: { detail: 'cursor: is none', field: 'cursor' } };
    const { next_cursor, ...told } = answer(path, { limit, cursor: at });
    return { ...told, next_cursor: next_cursor && `${day} ${next_cursor}` };
  }, { cacheMs: 0 });
  const first = async (number) => (await each.search([query({ page: number, hitsPerPage: 20 })])).results[0].hits[0].objectID;
  assert.equal(await first(0), '0');
  day = 'tuesday';
  assert.equal(await first(1), '20');
  assert.deepEqual(asked.map(({ body: { cursor } }) => cursor), [undefined, 'monday 20', undefined, 'tuesday 20']);
});

test('a request that is under way or was just answered is not sent again', async () => {
  const { client: each, asked } = client(() => page(), { cacheSize: 2 });
  await Promise.all([each.search([query({ query: 'a' })]), each.search([query({ query: 'a' })])]);
  assert.equal(asked.length, 1);
  for (const text of ['b', 'c', 'a']) await each.search([query({ query: text })]);
  assert.equal(asked.length, 4, 'the oldest of three is not kept');
  await each.clearCache();
  await each.search([query({ query: 'a' })]);
  assert.equal(asked.length, 5);
});

test('a key is sent, a refusal told, a pause kept, a failure not remembered', async () => {
  const keyed = client(() => page(), { apiKey: 'k' });
  await keyed.client.search([query()]);
  assert.equal(keyed.asked[0].headers.Authorization, 'Bearer k');
  assert.equal(keyed.asked[0].path, 'http://mmpipe/v1/search');

  const refused = client(() => ({ status: 422, body: { detail: 'facets: no facet', errors: [{ field: 'facets', detail: 'no facet' }] } }));
  await assert.rejects(refused.client.search([query()]), { name: 'MmpipeError', status: 422, message: /no facet/ });

  const busy = client((_, __, time) => (time === 1 ? { status: 429, body: {}, headers: { 'Retry-After': '0.01' } } : page()));
  assert.equal((await busy.client.search([query()])).results[0].nbHits, 0);
  const long = client(() => ({ status: 503, body: '<html>', headers: { 'Retry-After': '60' } }));
  await assert.rejects(long.client.search([query()]), { status: 503 });
  await assert.rejects(long.client.search([query()]), { status: 503 });
  assert.equal(long.asked.length, 2);
});

test('what takes too long or is ended is ended', async () => {
  const never = () => new Promise(() => {});
  await assert.rejects(client(never, { timeoutMs: 10 }).client.search([query()]), /within 10 ms/);
  const ending = new AbortController();
  const under = client(never, { signal: ending.signal }).client.search([query()]);
  ending.abort(new Error('the page was left'));
  await assert.rejects(under, /the page was left/);
  const gone = client(() => { throw new TypeError('fetch failed'); });
  await assert.rejects(gone.client.search([query()]), { name: 'MmpipeError', status: 0 });
});

test('values of a facet', async () => {
  const { client: each, asked } = client(() => page([], { facets: { brand: [{ value: 'Ácme <b>', count: 3 }] } }));
  const params = { facetName: 'brand', facetQuery: 'ac', maxFacetHits: 5, query: 'red', facetFilters: ['color:red'], highlightPreTag: '[', highlightPostTag: ']' };
  const [told] = await each.searchForFacetValues([query(params)]);
  assert.deepEqual(told.facetHits, [{ value: 'Ácme <b>', highlighted: '[Ác]me <b>', count: 3 }]);
  assert.deepEqual(asked[0].body, {
    collection: 'shop', text: 'red', filter: { field: 'color', eq: 'red' },
    facets: [{ field: 'brand', disjunctive: false, limit: 5, stats: false, search: 'ac' }], explain: false, limit: 1,
  });
  const { facetName: _, ...rest } = params;
  const { results } = await each.search([{ type: 'facet', facet: 'brand', indexName: 'shop', params: rest }, query()]);
  assert.deepEqual(results[0], told);
  assert.equal(results[1].index, 'shop');
  await assert.rejects(each.searchForFacetValues([query({ facetName: 'price', facetQuery: '1' })]), /no words/);
});

test('recommendations', async () => {
  const item = product('b', { score: 0.7, why: [] });
  const { client: each, asked } = client(() => ({ took_ms: 2, lists: [{ kind: 'similar', fallback: null, items: [item] }] }));
  const { results } = await each.getRecommendations([
    { indexName: 'shop', model: 'related-products', objectID: 'a', maxRecommendations: 4, threshold: 0, queryParameters: { filters: 'brand:Acme' } },
    { indexName: 'shop', model: 'trending-items', facetName: 'color', facetValue: 'red', threshold: 0 },
  ]);
  assert.equal(results[0].hits[0].objectID, 'b');
  assert.deepEqual(asked.map((one) => one.body), [
    { collection: 'shop', kind: 'similar', product_ids: ['a'], filter: { field: 'brand', eq: 'Acme' }, limit: 4, explain: false },
    { collection: 'shop', kind: 'trending', filter: { field: 'color', eq: 'red' }, limit: 10, explain: false },
  ]);
  await assert.rejects(each.getRecommendations([{ indexName: 'shop', model: 'trending-facets' }]), /trending facets/);
});

test('suggestions beside a refined list have an answer for each of its queries', async () => {
  const { client: each } = client(() => ({ suggestions: [], took_ms: 1 }));
  const refined = { query: 're', facets: ['brand'], facetFilters: [['brand:Acme']] };
  const { results } = await each.search([
    query(refined, 'shop_query_suggestions'),
    query({ query: 're', facets: 'brand', hitsPerPage: 0, page: 0, analytics: false }, 'shop_query_suggestions'),
  ]);
  assert.equal(results.length, 2);
  assert.ok(results.every((one) => one.processingTimeMS >= 0));
});

test('suggestions are hits of an index', async () => {
  const found = [{ kind: 'query', text: 'red dress', spans: [[0, 2]], count: 3, value: null, product_id: null }];
  const { client: each, asked } = client(() => ({ suggestions: found, took_ms: 1 }));
  const { results } = await each.search([query({ query: 're', hitsPerPage: 50 }, 'shop_query_suggestions')]);
  assert.equal(asked[0].path, 'http://mmpipe/v1/suggest?q=re&limit=20&collection=shop');
  assert.equal(results[0].hits[0].query, 'red dress');
  assert.equal(results[0].hits[0]._highlightResult.query.value, '<em>re</em>d dress');
});
