/** What the adapter is told, takes and gives. The shapes of requests and answers are InstantSearch's. */

export type Sort = 'relevance' | 'price_asc' | 'price_desc' | 'newest' | 'rating' | 'popularity';

/** What an index name of the front end stands for. */
export interface Index {
  /** the collection that is searched; by default the index name without its ending */
  collection?: string;
  sort?: Sort;
  /** its hits are suggestions for what is being typed, with the text in `query` */
  suggestions?: boolean;
}

/** A product as mmpipe's API gives it; docs/search.md. */
export interface MmpipeHit {
  id: string;
  title: string;
  brand?: string | null;
  category?: string | null;
  price?: string | null;
  list_price?: string | null;
  highlights?: Record<string, [number, number][]>;
  fields?: Record<string, any>;
  scores?: Record<string, number>;
  score?: number;
  [member: string]: any;
}

/** A product as widgets and templates see it. */
export interface Hit {
  objectID: string;
  [attribute: string]: any;
}

export interface ClientOptions {
  /** where mmpipe's API is, as `https://search.shop.example`; by default the page's own origin */
  url?: string;
  /** a key with the scope `search` */
  apiKey?: string;
  /** the collection of every index name that `indices` does not know; by default the index name says it */
  collection?: string;
  /** index names that are not `collection`, `collection_price_asc` and so on */
  indices?: Record<string, Index>;
  /** attributes by other names than mmpipe's, as `{manufacturer: 'brand', name: 'title'}` */
  attributes?: Record<string, string>;
  /** more of each product, as `['description']` */
  fields?: string[];
  /**
   * the facets that stand for `*`, which dynamicWidgets asks for, in the order that these are shown in: all that a
   * widget needs, of 20 fields at most; by default mmpipe's own
   */
  facets?: string[];
  /** members of every search, as `{collapse: true}`; docs/search.md */
  request?: Record<string, any>;
  /** the last word on a hit */
  transformHit?: (hit: Hit, found: MmpipeHit) => Hit;
  /** how many hits can be paged through; 1,000 by default */
  paginationLimitedTo?: number;
  /** how long an answer is good for, in milliseconds; 60,000 by default, 0 for not at all */
  cacheMs?: number;
  /** how many answers are kept; 100 by default */
  cacheSize?: number;
  /** how long a request may take, in milliseconds; 10,000 by default */
  timeoutMs?: number;
  /** ends everything that is under way */
  signal?: AbortSignal;
  fetch?: typeof fetch;
  /** false asks mmpipe once for every query of the widgets; only tests want that */
  fold?: boolean;
}

export interface SearchQuery {
  indexName: string;
  type?: string;
  facet?: string;
  params?: Record<string, any>;
  query?: string;
  [member: string]: any;
}

export interface SearchAnswer {
  index: string;
  hits: Hit[];
  nbHits: number;
  page: number;
  nbPages: number;
  hitsPerPage: number;
  query: string;
  params: string;
  processingTimeMS: number;
  exhaustiveNbHits: boolean;
  exhaustiveFacetsCount: boolean;
  facets: Record<string, Record<string, number>>;
  facets_stats: Record<string, { min: number; max: number; avg: number; sum: number }>;
  queryID?: string;
  userData?: any[];
  renderingContent?: any;
  /** what mmpipe says besides: version, understood, did_you_mean, relaxed, rules, redirect, banners */
  mmpipe?: Record<string, any>;
  [member: string]: any;
}

export interface FacetValuesAnswer {
  facetHits: { value: string; highlighted: string; count: number }[];
  exhaustiveFacetsCount: boolean;
  processingTimeMS: number;
}

export interface RecommendQuery {
  indexName: string;
  model: string;
  objectID?: string;
  maxRecommendations?: number;
  queryParameters?: Record<string, any>;
  [member: string]: any;
}

export interface RecommendAnswer {
  hits: Hit[];
  nbHits: number;
  processingTimeMS: number;
  queryID?: string;
  [member: string]: any;
}

export interface SearchClient {
  search(requests: any): Promise<{ results: any[] }>;
  /** a list of FacetValuesAnswer; InstantSearch types it by the version of algoliasearch beside it */
  searchForFacetValues(requests: any): Promise<any>;
  getRecommendations(requests: any): Promise<{ results: any[] }>;
  clearCache(): Promise<void>;
}

export interface InsightsOptions {
  url?: string;
  /** a key with the scope `interactions` */
  apiKey?: string;
  /** the collection of every index name; by default the index name without its ending */
  collection?: string;
  indices?: Record<string, Index>;
  /** what a conversion is that says no more; `add-to-cart` by default */
  conversion?: 'add-to-cart' | 'purchase' | 'like';
  /** how long events wait for others, in milliseconds; 200 by default */
  waitMs?: number;
  /** told of what could not be stored; by default the console is */
  onError?: (error: Error) => void;
  fetch?: typeof fetch;
}

export interface InsightsClient {
  (method: string, ...rest: any[]): any;
  version: string;
  /** sends what waits, now */
  flush(): Promise<void>;
}

/** A condition on products; docs/filters.md. */
export type Condition =
  | { and: Condition[] }
  | { or: Condition[] }
  | { not: Condition }
  | ({ field: string } & Record<string, any>);

/** What an attribute of the front end is in mmpipe; `level` is of the category tree, 0 the first. */
export interface Target {
  field: string;
  level?: number;
}

/** What one query asks mmpipe for. */
export interface Plan {
  query: SearchQuery;
  params: Record<string, any>;
  index: Index & { collection?: string };
  /** members of the request that say what is found, without filter and facets */
  base: Record<string, any>;
  /** must all hold */
  conditions: Condition[];
  /** attributes to count */
  facets: string[];
  maxValues: number;
  start: number;
  length: number;
  page: number;
  hitsPerPage: number;
}
