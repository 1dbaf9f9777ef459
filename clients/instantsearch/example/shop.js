import instantsearch from 'instantsearch.js';
import {
  clearRefinements, configure, currentRefinements, hierarchicalMenu, hits, pagination, queryRuleCustomData, rangeInput,
  ratingMenu, refinementList, relatedProducts, searchBox, sortBy, stats, toggleRefinement,
} from 'instantsearch.js/es/widgets';
import { createInsightsClient, createSearchClient } from 'mmpipe-instantsearch';

const shop = document.getElementById('shop');
const { url, key, collection } = shop.dataset;
const at = { url, apiKey: key || undefined };

const search = instantsearch({
  indexName: collection,
  searchClient: createSearchClient(at),
  insights: { insightsClient: createInsightsClient(at) },
  future: { preserveSharedStateOnUnmount: true },
});

const LABELS = { 'categories.lvl0': 'Category', brand: 'Brand', color: 'Colour', price: 'Price', rating: 'Rating', on_sale: 'On sale' };

const amount = ({ price, currency }) =>
  price === null ? '' : new Intl.NumberFormat('en', { style: 'currency', currency }).format(price);

// A link of a feed may say anything. Pictures that are not on the web come through mmpipe where it asks for no key.
const picture = ({ image_link, objectID }) => {
  if (/^(https?:|data:image\/)/.test(image_link ?? '')) return image_link;
  return key ? undefined : `${url}/v1/products/${encodeURIComponent(objectID)}/media/image/0?collection=${collection}`;
};

const card = (hit, { html, components, sendEvent }) => html`
  <article>
    <button onClick=${() => { sendEvent('click', hit, 'Product opened'); showLike(hit); }}>
      <img src=${picture(hit)} alt="" width="160" height="160" loading="lazy" />
      <h3>${components.Highlight({ hit, attribute: 'title' })}</h3>
    </button>
    <p>${hit.brand && components.Highlight({ hit, attribute: 'brand' })}</p>
    <p class="price">
      ${hit.list_price !== null && html`<s>${amount({ ...hit, price: hit.list_price })}</s>`} ${amount(hit)}
    </p>
  </article>
`;

search.addWidgets([
  configure({ hitsPerPage: 12 }),
  searchBox({ container: '#search', placeholder: 'Search the shop' }),
  stats({ container: '#stats' }),
  sortBy({
    container: '#sort',
    items: [
      { label: 'Most relevant', value: collection },
      { label: 'Cheapest first', value: `${collection}_price_asc` },
      { label: 'Dearest first', value: `${collection}_price_desc` },
      { label: 'Newest first', value: `${collection}_newest` },
      { label: 'Best rated first', value: `${collection}_rating` },
      { label: 'Most popular first', value: `${collection}_popularity` },
    ],
  }),
  clearRefinements({ container: '#clear' }),
  currentRefinements({
    container: '#chosen',
    transformItems: (items) => items.map((item) => ({ ...item, label: LABELS[item.attribute] ?? item.label })),
  }),
  queryRuleCustomData({
    container: '#banner',
    templates: { default: ({ items }, { html }) => items.map((each) => each.banner && html`<p class="banner">${each.banner}</p>`) },
  }),
  hierarchicalMenu({ container: '#category', attributes: ['categories.lvl0', 'categories.lvl1', 'categories.lvl2'] }),
  rangeInput({ container: '#price', attribute: 'price', precision: 2 }),
  toggleRefinement({ container: '#sale', attribute: 'on_sale', templates: { labelText: 'On sale' } }),
  refinementList({ container: '#brand', attribute: 'brand', searchable: true, showMore: true, limit: 6 }),
  refinementList({ container: '#color', attribute: 'color', limit: 8 }),
  ratingMenu({ container: '#rating', attribute: 'rating' }),
  hits({ container: '#hits', templates: { item: card, empty: (results, { html }) => html`Nothing found for “${results.query}”.` } }),
  pagination({ container: '#pages' }),
]);

// Under the product that was clicked: what is like it.
let shown;
function showLike(hit) {
  document.getElementById('like').hidden = false;
  const next = relatedProducts({
    container: '#related', objectIDs: [hit.objectID], limit: 6, templates: { item: card, header: () => '', empty: () => 'Nothing.' },
  });
  if (shown) search.removeWidgets([shown]);
  search.addWidgets([next]);
  shown = next;
}

// A photo, alone or with words, is a query too: `mmpipe` holds members of mmpipe's own search request.
document.getElementById('photo').addEventListener('change', ({ target }) => {
  const [file] = target.files;
  if (!file) return;
  const reader = new FileReader();
  reader.onload = () => {
    const data = String(reader.result).split(',')[1];
    search.helper.setQueryParameter('mmpipe', { image: { data } }).search();
  };
  reader.readAsDataURL(file);
});

const trouble = document.getElementById('trouble');
search.on('error', ({ error }) => {
  trouble.textContent = error.message;
  trouble.hidden = false;
});
search.on('render', () => {
  trouble.hidden = search.status !== 'error';
});

search.start();
