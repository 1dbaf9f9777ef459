// The widgets that the example does without.
import instantsearch from 'instantsearch.js';
import {
  autocomplete, breadcrumb, configure, dynamicWidgets, frequentlyBoughtTogether, hierarchicalMenu, hits, hitsPerPage, index,
  infiniteHits, menu, menuSelect, numericMenu, rangeSlider, refinementList, searchBox, trendingItems,
} from 'instantsearch.js/es/widgets';
import { createSearchClient } from 'mmpipe-instantsearch';

const search = instantsearch({
  indexName: 'shop',
  searchClient: createSearchClient({
    url: document.body.dataset.url,
    apiKey: document.body.dataset.key,
    facets: [
      'pattern', 'gender', 'attributes.nothing', 'maker', 'color', 'material', 'price', 'categories.lvl0', 'categories.lvl1', 'categories.lvl2',
    ],
    fields: ['description'],
    attributes: { name: 'title', maker: 'brand' },
    paginationLimitedTo: 200,
  }),
});

const name = (hit, { html, components }) => html`<b data-id=${hit.objectID}>${components.Highlight({ hit, attribute: 'name' })}</b>`;
const snippet = (hit, { html, components }) =>
  html`<b data-id=${hit.objectID}>${components.Highlight({ hit, attribute: 'name' })}</b>
    <i>${components.Snippet({ hit, attribute: 'description' })}</i>`;

search.addWidgets([
  configure({ attributesToSnippet: ['description:6'], filters: 'NOT condition:refurbished' }),
  autocomplete({
    container: '#autocomplete',
    showQuerySuggestions: { indexName: 'shop_query_suggestions' },
    getSearchPageURL: () => '#',
  }),
  searchBox({ container: '#query' }),
  breadcrumb({ container: '#crumbs', attributes: ['categories.lvl0', 'categories.lvl1', 'categories.lvl2'] }),
  hierarchicalMenu({ container: document.createElement('div'), attributes: ['categories.lvl0', 'categories.lvl1', 'categories.lvl2'] }),
  rangeSlider({ container: '#slider', attribute: 'price' }),
  menu({ container: '#menu', attribute: 'maker' }),
  menuSelect({ container: '#select', attribute: 'color' }),
  numericMenu({
    container: '#prices', attribute: 'rating', items: [{ label: 'All' }, { label: 'From 4', start: 4 }, { label: 'Below 3', end: 3 }],
  }),
  refinementList({ container: '#material', attribute: 'material', operator: 'and' }),
  dynamicWidgets({
    container: '#dynamic', facets: ['*'], widgets: [], transformItems: (names) => names.filter((each) => each === 'gender' || each === 'pattern'),
    fallbackWidget: ({ attribute, container }) => refinementList({ attribute, container }),
  }),
  hitsPerPage({ container: '#size', items: [{ label: '8', value: 8, default: true }, { label: '150', value: 150 }] }),
  infiniteHits({ container: '#infinite', templates: { item: snippet } }),
  trendingItems({ container: '#trending', limit: 3, templates: { item: name } }),
  index({ indexName: 'shop_price_desc' }).addWidgets([configure({ hitsPerPage: 2 }), hits({ container: '#other', templates: { item: name } })]),
]);
search.start();
window.search = search;
window.together = (objectID) =>
  search.addWidgets([frequentlyBoughtTogether({ container: '#together', objectIDs: [objectID], limit: 2, templates: { item: name } })]);
