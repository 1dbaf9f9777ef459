import { createRoot } from 'react-dom/client';
import {
  Configure, CurrentRefinements, HierarchicalMenu, Highlight, Hits, InstantSearch, Pagination, RangeInput, RefinementList, SearchBox,
  SortBy, Stats,
} from 'react-instantsearch';
import { createSearchClient } from 'mmpipe-instantsearch';

const client = createSearchClient({ url: document.body.dataset.url, apiKey: document.body.dataset.key });
const sorts = [{ label: 'Relevant', value: 'shop' }, { label: 'Cheapest', value: 'shop_price_asc' }];

function Found({ hit }) {
  return (
    <b data-id={hit.objectID} data-price={hit.price}>
      <Highlight attribute="title" hit={hit} />
    </b>
  );
}

createRoot(document.getElementById('root')).render(
  <InstantSearch searchClient={client} indexName="shop" future={{ preserveSharedStateOnUnmount: true }}>
    <Configure hitsPerPage={10} />
    <SearchBox />
    <Stats />
    <SortBy items={sorts} />
    <CurrentRefinements />
    <div id="brand"><RefinementList attribute="brand" searchable /></div>
    <HierarchicalMenu attributes={['categories.lvl0', 'categories.lvl1', 'categories.lvl2']} />
    <RangeInput attribute="price" />
    <Hits hitComponent={Found} />
    <Pagination />
  </InstantSearch>,
);
