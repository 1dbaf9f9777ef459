import assert from 'node:assert/strict';
import { test } from 'node:test';
import { facetConditions, numericConditions } from '../src/conditions.js';
import { filterConditions } from '../src/filter-text.js';
import { indexOf } from '../src/fields.js';

test('facet filters: lists are alternatives, a minus is a not', () => {
  assert.deepEqual(facetConditions([['brand:Acme', 'brand:Orbit'], 'color:red', 'size:-XL', ['a:b: c']]), [
    { field: 'brand', in: ['Acme', 'Orbit'] },
    { field: 'color', eq: 'red' },
    { not: { field: 'size', eq: 'XL' } },
    { field: 'a', eq: 'b: c' },
  ]);
  assert.deepEqual(facetConditions([['brand:Acme', 'color:red']]), [
    { or: [{ field: 'brand', eq: 'Acme' }, { field: 'color', eq: 'red' }] },
  ]);
  assert.deepEqual(facetConditions('["brand:Acme"]'), [{ field: 'brand', eq: 'Acme' }]);
  assert.deepEqual(facetConditions(['brand:\\-20 °C']), [{ field: 'brand', eq: '-20 °C' }]);
  assert.deepEqual(facetConditions([[], '']), []);
});

test('facet filters: levels are paths, numbers and flags are no texts, names are the client\'s', () => {
  assert.deepEqual(facetConditions([['hierarchical.lvl1:Clothing > Shoes']]), [{ field: 'category', prefix: 'Clothing > Shoes' }]);
  assert.deepEqual(facetConditions(['rating:4', 'on_sale:true', 'objectID:a1', 'maker:Acme'], { maker: 'brand' }), [
    { field: 'rating', eq: 4 },
    { field: 'on_sale', eq: true },
    { field: 'id', eq: 'a1' },
    { field: 'brand', eq: 'Acme' },
  ]);
});

test('more values than one condition has are alternatives', () => {
  const [many] = facetConditions([Array.from({ length: 101 }, (_, n) => `brand:${n}`)]);
  assert.equal(many.or.length, 101);
});

test('numeric filters', () => {
  assert.deepEqual(numericConditions(['price>=10', 'price <= 20.5', ['rating=4', 'rating!=2'], 'price:1 TO 3', 'attributes.watt<60']), [
    { field: 'price', gte: 10 },
    { field: 'price', lte: 20.5 },
    { or: [{ field: 'rating', eq: 4 }, { not: { field: 'rating', eq: 2 } }] },
    { field: 'price', gte: 1, lte: 3 },
    { field: 'attributes.watt', lt: 60 },
  ]);
  assert.deepEqual(numericConditions(['added>1767225600']), [{ field: 'added', gt: '2026-01-01T00:00:00.000Z' }]);
  assert.throws(() => numericConditions(['price about 10']), /name>=number/);
  assert.throws(() => facetConditions(['brand']), /name:value/);
});

test('filters as text', () => {
  const read = (text) => filterConditions(text, undefined);
  assert.deepEqual(read('brand:Acme'), { field: 'brand', eq: 'Acme' });
  assert.deepEqual(read(`brand:"Acme & Sons" AND (price < 10 OR NOT color:'light \\'blue') AND rating:3 TO 5`), {
    and: [
      { field: 'brand', eq: 'Acme & Sons' },
      { or: [{ field: 'price', lt: 10 }, { not: { field: 'color', eq: "light 'blue" } }] },
      { field: 'rating', gte: 3, lte: 5 },
    ],
  });
  assert.deepEqual(read('a:1 OR b:2 AND c:3'), {
    or: [{ field: 'a', eq: '1' }, { and: [{ field: 'b', eq: '2' }, { field: 'c', eq: '3' }] }],
  });
  assert.equal(read('  '), undefined);
  for (const wrong of ['brand', 'brand:', '(a:b', 'a:b)', 'a:b c:d', 'AND', 'price >', 'price > cheap', '"']) {
    assert.throws(() => read(wrong), { name: 'MmpipeError' }, wrong);
  }
});

test('names of indices', () => {
  assert.deepEqual(indexOf('shop', {}), { collection: 'shop', sort: undefined });
  assert.deepEqual(indexOf('my_shop_price_desc', {}), { collection: 'my_shop', sort: 'price_desc' });
  assert.deepEqual(indexOf('shop_query_suggestions', {}), { collection: 'shop', suggestions: true });
  const options = { collection: 'a', indices: { cheap: { sort: 'price_asc' }, other: { collection: 'b' } } };
  assert.deepEqual(indexOf('cheap', options), { collection: 'a', sort: 'price_asc' });
  assert.deepEqual(indexOf('other', options), { collection: 'b' });
  assert.deepEqual(indexOf('products_newest', options), { collection: 'a', sort: 'newest' });
});
