import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createInsightsClient } from '../src/index.js';
import { fake } from './fake.js';

function insights(options = {}, answer = () => ({ accepted: 1, duplicates: 0, unknown_products: 0, rejected: [] })) {
  const service = fake(answer);
  const errors = [];
  const aa = createInsightsClient({ url: 'http://mmpipe', fetch: service.fetch, onError: (error) => errors.push(error.message), ...options });
  return { ...service, aa, errors };
}

test('events become interactions, many in one request', async () => {
  const { aa, asked } = insights({ waitMs: 10_000 });
  aa('setUserToken', 'visit');
  aa('viewedObjectIDs', { eventName: 'Hits Viewed', index: 'shop_price_asc', objectIDs: ['a', 'b'] });
  aa('clickedObjectIDsAfterSearch', { index: 'shop', eventName: 'Opened', objectIDs: ['a'], positions: [3], queryID: 'q' }, { headers: {} });
  aa('clickedObjectIDs', { index: 'shop', objectIDs: ['c'] });
  aa('viewedObjectIDs', { eventName: 'Product page', index: 'shop', objectIDs: ['c'], timestamp: 1767225600000 });
  aa('purchasedObjectIDs', { index: 'shop', objectIDs: ['a'], objectData: [{ quantity: 2, queryID: 'q2' }] });
  aa('addedToCartObjectIDsAfterSearch', { index: 'shop', objectIDs: ['a'], queryID: 'q' });
  aa('sendEvents', [
    { eventType: 'conversion', eventSubtype: 'purchase', index: 'shop', objectIDs: ['d'] },
    { eventType: 'conversion', index: 'shop', objectIDs: ['e'] },
    { eventType: 'instantsearch', eventName: '__start__' },
  ]);
  aa('clickedFilters', { index: 'shop', filters: ['brand:Acme'] });
  aa('addAlgoliaAgent', 'x');
  await aa.flush();
  assert.equal(asked.length, 1);
  assert.equal(asked[0].path, 'http://mmpipe/v1/interactions');
  assert.equal(asked[0].body.collection, 'shop');
  const told = asked[0].body.interactions;
  assert.deepEqual(told.map(({ type, product_id }) => `${type} ${product_id}`), [
    'impression a', 'impression b', 'search-click a', 'view c', 'view c', 'purchase a', 'add-to-cart a', 'purchase d', 'add-to-cart e',
  ]);
  assert.deepEqual(told[2].context, { query_id: 'q', list: 'search', position: 2 });
  assert.equal(told[4].time, '2026-01-01T00:00:00.000Z');
  assert.deepEqual([told[5].quantity, told[5].context.query_id], [2, 'q2']);
  assert.equal(new Set(told.map((each) => each.event_id)).size, told.length);
  assert.ok(told.every((each) => each.session_id === 'visit' && each.user_id === undefined));
});

test('they are sent by themselves, for who is logged in', async () => {
  const { aa, asked } = insights({ waitMs: 1, collection: 'c', conversion: 'purchase' });
  const tokens = [];
  aa('onUserTokenChange', (token) => tokens.push(token), { immediate: true });
  aa('init', { userToken: 'visit' });
  aa('setAuthenticatedUserToken', 'person');
  aa('getUserToken', null, (_, token) => tokens.push(token));
  aa('convertedObjectIDs', { index: 'any', objectIDs: ['a'] });
  await new Promise((done) => setTimeout(done, 30));
  assert.deepEqual(tokens, [undefined, 'visit', 'visit']);
  const [{ body }] = asked;
  assert.equal(body.collection, 'c');
  assert.deepEqual([body.interactions[0].type, body.interactions[0].user_id, body.interactions[0].session_id], ['purchase', 'person', 'visit']);
});

test('what was not stored is told', async () => {
  const judged = insights({}, () => ({ accepted: 0, rejected: [{ index: 0, field: 'product_id', reason: 'is too long' }] }));
  judged.aa('viewedObjectIDs', { index: 'shop', objectIDs: ['a'] });
  await judged.aa.flush();
  assert.match(judged.errors[0], /product_id is too long/);
  const refused = insights({}, () => ({ status: 401, body: { detail: 'a key is needed' } }));
  refused.aa('viewedObjectIDs', { index: 'shop', objectIDs: ['a'] });
  await refused.aa.flush();
  assert.match(refused.errors[0], /a key is needed/);
});
