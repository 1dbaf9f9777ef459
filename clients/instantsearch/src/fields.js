// `categories.lvl1` and the like: hierarchicalMenu's and breadcrumb's way to name a level of the tree.
const LEVEL = /\.lvl([0-9])$/;
const SORTS = ['relevance', 'price_asc', 'price_desc', 'newest', 'rating', 'popularity'];
const SUGGESTIONS = '_query_suggestions';

export const NUMBERS = ['price', 'list_price', 'rating', 'rating_count'];
export const MOMENT = 'added';
export const FLAG = 'on_sale';
export const SEPARATOR = ' > ';

/**
 * What an attribute of the front end is in mmpipe.
 * @param {string} attribute
 * @param {Record<string, string>} [names]
 * @returns {import('./types.js').Target}
 */
export function targetOf(attribute, names = {}) {
  const named = names[attribute];
  if (named !== undefined) return targetOf(named);
  const level = LEVEL.exec(attribute);
  if (level) return { field: 'category', level: Number(level[1]) };
  return { field: attribute === 'objectID' ? 'id' : attribute };
}

/**
 * What an index name stands for: `products`, `products_price_asc`, `products_query_suggestions`.
 * @param {string} name
 * @param {{collection?: string, indices?: Record<string, import('./types.js').Index>}} options
 * @returns {import('./types.js').Index}
 */
export function indexOf(name, { collection, indices = {} }) {
  const known = Object.hasOwn(indices, name) ? indices[name] : undefined;
  if (known) return { collection, ...known };
  if (name.endsWith(SUGGESTIONS)) {
    return { collection: collection ?? name.slice(0, -SUGGESTIONS.length), suggestions: true };
  }
  const sort = SORTS.find((each) => name.endsWith(`_${each}`));
  const rest = sort ? name.slice(0, -sort.length - 1) : name;
  return { collection: collection ?? rest, sort: /** @type {any} */ (sort) };
}
