// Against a real mmpipe, named by MMPIPE_URL, with the key MMPIPE_KEY: what widgets show is what the API counts.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import helperOf from 'algoliasearch-helper';
import { createSearchClient } from '../../src/index.js';

const url = process.env.MMPIPE_URL;
const apiKey = process.env.MMPIPE_KEY;
const headers = { 'Content-Type': 'application/json', Authorization: `Bearer ${apiKey}` };
const LEVELS = ['categories.lvl0', 'categories.lvl1', 'categories.lvl2'];
const skip = url ? false : 'name a running mmpipe in MMPIPE_URL';

/** Numbers from 0 to 1, the same ones every time. */
function drawn(seed) {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

function helper(client) {
  return helperOf(client, 'shop', {
    disjunctiveFacets: ['brand', 'color', 'price'],
    facets: ['availability', 'attributes.season'],
    hierarchicalFacets: [{ name: 'categories', attributes: LEVELS }],
    maxValuesPerFacet: 1000,
    hitsPerPage: 7,
  });
}

/** The API's answer to a request of its own. */
async function api(body) {
  const response = await fetch(`${url}/v1/search`, { method: 'POST', headers, body: JSON.stringify({ collection: 'shop', ...body }) });
  assert.equal(response.status, 200);
  return response.json();
}

function answered(asked) {
  return new Promise((done, failed) => {
    asked.removeAllListeners().once('result', ({ results }) => done(results));
    asked.once('error', ({ error }) => failed(error));
    asked.search();
  });
}

/** What widgets show of results, apart from what differs between two requests for one thing. */
function shown(results) {
  const facets = (name) => [...(results.getFacetValues(name, { sortBy: ['name:asc'] }) || [])];
  return {
    ids: results.hits.map((hit) => hit.objectID),
    nbHits: results.nbHits,
    brand: facets('brand'),
    color: facets('color'),
    availability: facets('availability'),
    use: facets('attributes.season'),
    categories: results.getFacetValues('categories', { sortBy: ['name:asc'] }),
    price: results.getFacetStats('price'),
  };
}

/** Chooses something at random of what results offer. */
function refine(asked, results, random) {
  const one = (all) => all[Math.floor(random() * all.length)];
  for (const name of ['brand', 'color']) {
    for (const value of results.getFacetValues(name)) if (random() < 0.25) asked.toggleFacetRefinement(name, value.escapedValue);
  }
  if (random() < 0.5) {
    let level = results.getFacetValues('categories').data;
    let path;
    while (level?.length && random() < 0.8) {
      path = one(level).path;
      level = one(level).data;
    }
    if (path) asked.toggleFacetRefinement('categories', path);
  }
  const { min, max } = results.getFacetStats('price') ?? { min: 0, max: 0 };
  if (random() < 0.5) asked.addNumericRefinement('price', '>=', Math.round(min + ((max - min) * random()) / 2));
  if (random() < 0.3) asked.addNumericRefinement('price', '<=', Math.round(max - ((max - min) * random()) / 3));
  if (random() < 0.2) asked.toggleFacetRefinement('availability', 'in_stock');
}

test('one request counts what one for each facet would', { skip }, async () => {
  const asked = { folded: 0, apart: 0 };
  const counting = (name) => (...given) => {
    asked[name] += 1;
    return fetch(...given);
  };
  const folded = helper(createSearchClient({ url, apiKey, cacheMs: 0, fetch: counting('folded') }));
  const apart = helper(createSearchClient({ url, apiKey, cacheMs: 0, fold: false, fetch: counting('apart') }));
  const random = drawn(16);
  let refined = 0;
  for (let round = 0; round < 24; round++) {
    folded.clearRefinements();
    const before = await answered(folded);
    refine(folded, before, random);
    // A deeper choice is of what the first one opened.
    if (random() < 0.5) {
      const tree = (await answered(folded)).getFacetValues('categories').data?.find((each) => each.isRefined);
      const child = tree?.data?.[0];
      if (child) folded.toggleFacetRefinement('categories', child.path);
    }
    apart.setState(folded.state);
    asked.folded = asked.apart = 0;
    const [one, other] = [await answered(folded), await answered(apart)];
    assert.deepEqual(shown(one), shown(other));
    assert.equal(asked.folded, 1);
    refined += asked.apart > 1;
  }
  assert.ok(refined > 8, `only ${refined} rounds had something refined`);
});

test('counts are the totals of searches with that value', { skip }, async () => {
  const asked = helper(createSearchClient({ url, apiKey }));
  asked.addDisjunctiveFacetRefinement('color', 'red').addNumericRefinement('price', '<=', 60);
  const results = await answered(asked);
  const total = async (...filter) => (await api({ filter: { and: [{ field: 'price', lte: 60 }, ...filter] }, limit: 1 })).total;
  const red = { field: 'color', eq: 'red' };
  assert.equal(results.nbHits, await total(red));
  const colors = results.getFacetValues('color');
  assert.ok(colors.length > 2);
  for (const { name, count } of colors) assert.equal(count, await total({ field: 'color', eq: name }), name);
  for (const { name, count } of results.getFacetValues('brand')) {
    assert.equal(count, await total(red, { field: 'brand', eq: name }), name);
  }
});

test('of words the counts are those of the API', { skip }, async () => {
  const asked = helper(createSearchClient({ url, apiKey }));
  asked.setQuery('cotton shirt').addDisjunctiveFacetRefinement('color', 'pink').addNumericRefinement('price', '<=', 100);
  const results = await answered(asked);
  const filter = { and: [{ field: 'color', eq: 'pink' }, { field: 'price', lte: 100 }] };
  const found = await api({ text: 'cotton shirt', filter, facets: ['color', 'brand', { field: 'price', stats: true }], limit: 7 });
  assert.ok(found.total > 0);
  assert.equal(results.nbHits, found.total);
  assert.deepEqual(results.hits.map((hit) => hit.objectID), found.hits.map((hit) => hit.id));
  for (const field of ['color', 'brand']) {
    const counted = results.getFacetValues(field).map(({ name, count }) => [name, count]);
    assert.deepEqual(new Map(counted), new Map(found.facets[field].map(({ value, count }) => [value, count])));
  }
  const { count, ...stats } = found.facet_stats.price;
  assert.deepEqual(results.getFacetStats('price'), { ...stats, sum: stats.avg * count });
});

test('pages are the whole order, in any order that they are opened in', { skip }, async () => {
  const all = [];
  let cursor;
  do {
    const given = new URLSearchParams({ collection: 'shop', q: 'shirt', limit: '50', ...(cursor && { cursor }) });
    const answer = await (await fetch(`${url}/v1/search?${given}`, { headers })).json();
    all.push(...answer.hits.map((hit) => hit.id));
    cursor = answer.next_cursor;
  } while (cursor);
  const client = createSearchClient({ url, apiKey, cacheMs: 0 });
  const page = async (number, hitsPerPage) => {
    const { results } = await client.search([{ indexName: 'shop', params: { query: 'shirt', page: number, hitsPerPage } }]);
    return results[0];
  };
  const last = Math.ceil(all.length / 9) - 1;
  assert.ok(last >= 3, `only ${all.length} hits`);
  for (const number of [last, 0, 2, 1, last - 1]) {
    const found = await page(number, 9);
    assert.deepEqual(found.hits.map((hit) => hit.objectID), all.slice(9 * number, 9 * number + 9));
    assert.equal(found.nbPages, last + 1);
  }
  assert.deepEqual((await page(0, 1000)).hits.map((hit) => hit.objectID), all.slice(0, 1000));
  const beyond = await page(last + 5, 9);
  assert.deepEqual(beyond.hits, []);
  assert.equal(beyond.nbHits, all.length);
});

test('what mmpipe refuses is told as it tells it', { skip }, async () => {
  const client = createSearchClient({ url, apiKey });
  const query = { indexName: 'shop', params: { facetFilters: ['warmth:high'] } };
  await assert.rejects(client.search([query]), (error) => error.status === 422 && /warmth|unknown field/.test(error.message));
  await assert.rejects(client.search([{ indexName: 'elsewhere', params: {} }]), { name: 'MmpipeError', status: 404 });
});
