import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hitOf } from '../src/hits.js';
import { marked, spansOf, tagsOf } from '../src/marks.js';
import { product } from './fake.js';

const AIS = { highlightPreTag: '__ais-highlight__', highlightPostTag: '__/ais-highlight__' };

test('spans count code points, not the units of JavaScript', () => {
  assert.equal(marked('👗👗 red', [[3, 6]], tagsOf(AIS)), '👗👗 __ais-highlight__red__/ais-highlight__');
  assert.equal(marked('红色连衣裙', [[0, 2]], tagsOf(AIS)), '__ais-highlight__红色__/ais-highlight__连衣裙');
});

test('what a feed says is escaped where the tags are markup, and left to InstantSearch where not', () => {
  const text = '<b>red</b> & "blue"';
  assert.equal(marked(text, [[3, 6]], tagsOf({})), '&lt;b&gt;<em>red</em>&lt;/b&gt; &amp; &quot;blue&quot;');
  assert.equal(marked(text, [[3, 6]], tagsOf(AIS)), '<b>__ais-highlight__red__/ais-highlight__</b> & "blue"');
});

test('words begin where words begin, without case and accents; Chinese anywhere', () => {
  assert.deepEqual(spansOf('Crème de la crème', ['creme']), [[0, 5], [12, 17]]);
  assert.deepEqual(spansOf('icecream cream', ['cream']), [[9, 14]]);
  assert.deepEqual(spansOf('新款红色裙', ['红色']), [[2, 4]]);
  assert.deepEqual(spansOf('anything', []), []);
});

test('a hit has numbers for prices, levels for its category, and marks', () => {
  const found = product('a', {
    title: 'Red dress', brand: 'Acme', category: 'Clothing > Dresses', price: '7.50 USD', list_price: '10.00 USD',
    highlights: { title: [[0, 3], [4, 9]] }, fields: { description: 'Long' }, scores: { lexical: 1 }, score: 1,
  });
  const hit = hitOf(found, { query: 'red dress', ...AIS }, { attributes: { name: 'title', maker: 'brand' } });
  assert.equal(hit.objectID, 'a');
  assert.deepEqual([hit.price, hit.list_price, hit.currency, hit.on_sale], [7.5, 10, 'USD', true]);
  assert.deepEqual(hit.categories, { lvl0: 'Clothing', lvl1: 'Clothing > Dresses' });
  assert.deepEqual([hit.name, hit.maker, hit.description], ['Red dress', 'Acme', 'Long']);
  const marks = '__ais-highlight__Red__/ais-highlight__ __ais-highlight__dress__/ais-highlight__';
  assert.deepEqual(hit._highlightResult.name, hit._highlightResult.title);
  assert.equal(hit._highlightResult.title.value, marks);
  assert.deepEqual(hit._highlightResult.title.matchedWords, ['red', 'dress']);
  assert.equal(hit._highlightResult.title.matchLevel, 'full');
  assert.deepEqual(hit._highlightResult.brand, { value: 'Acme', matchLevel: 'none', matchedWords: [] });
  assert.equal(hit._rankingInfo, undefined);
  const [free] = [hitOf(product('b', { price: null }), {}, {})];
  assert.deepEqual([free.price, free.currency, free.on_sale, free.categories], [null, null, false, {}]);
});

test('a snippet is around the first word that was asked for', () => {
  const description = 'one two three four five red six seven eight nine ten';
  const found = product('a', { fields: { description } });
  const params = { query: 'red', attributesToSnippet: ['description:4', 'nothing'], ...AIS };
  const { _snippetResult: told } = hitOf(found, params, {});
  assert.equal(told.description.value, '…five __ais-highlight__red__/ais-highlight__ six seven…');
  assert.deepEqual(Object.keys(told), ['description']);
  const short = hitOf(product('b', { fields: { description: 'one two' } }), params, {});
  assert.equal(short._snippetResult.description.value, 'one two');
});

test('the last word on a hit is the shop\'s', () => {
  const hit = hitOf(product('a'), {}, { transformHit: (each, raw) => ({ ...each, text: raw.price }) });
  assert.equal(hit.text, '10.00 USD');
});
