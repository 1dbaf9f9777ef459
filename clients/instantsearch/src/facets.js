import { pathOf } from './folding.js';
import { FLAG, MOMENT, NUMBERS, SEPARATOR, targetOf } from './fields.js';

/** @typedef {import('./types.js').Plan} Plan */
/** @typedef {{value: string, count: number, gte?: number}} Count */
/** @typedef {Record<string, string> | undefined} Names */

const MOST = 1_000;
// Of five; ratingMenu adds up what is at least so many stars.
const STARS = [0, 1, 2, 3, 4, 5].map((star) => ({ gte: star, ...(star < 5 && { lt: star + 1 }) }));

/**
 * What mmpipe is asked to count, a field once.
 * @param {Iterable<string>} attributes
 * @param {Set<string>} wide fields whose own filter does not count
 * @param {number} maxValues
 * @param {Names} names
 */
export function facetsAsked(attributes, wide, maxValues, names) {
  /** @type {Map<string, Record<string, any>>} */
  const asked = new Map();
  for (const attribute of attributes) {
    const { field, level } = targetOf(attribute, names);
    if (field === FLAG) continue;
    const facet = asked.get(field) ?? { field, disjunctive: wide.has(field) };
    if (NUMBERS.includes(field) || field === MOMENT || field.startsWith('attributes.')) facet.stats = true;
    if (field === 'rating') facet.ranges = STARS;
    else if (field !== 'category') facet.limit = Math.max(1, Math.min(maxValues, MOST));
    else {
      // One answer has all levels, commonest first, so that no path comes without those above it.
      const whole = level === undefined || (asked.has(field) && facet.depth === undefined);
      Object.assign(facet, { limit: MOST, depth: whole ? undefined : Math.max(facet.depth ?? 0, level + 1) });
    }
    asked.set(field, facet);
  }
  return [...asked.values()];
}

/**
 * The counts of a plan from an answer, as widgets take them: by attribute, by value.
 * @param {Plan} plan
 * @param {Record<string, Count[]>} counted
 * @param {Set<string>} wide
 * @param {Names} names
 * @returns {Record<string, Record<string, number>>}
 */
export function facetsTold(plan, counted, wide, names) {
  /** @type {Record<string, Record<string, number>>} */
  const told = {};
  for (const attribute of plan.facets) {
    const { field, level } = targetOf(attribute, names);
    const counts = counted[field];
    if (!counts) continue;
    const path = wide.has(field) ? pathOf(plan.conditions) : undefined;
    told[attribute] = Object.fromEntries(
      field === 'category' ? ofTree(counts, level, path, plan.maxValues) : ofValues(field, counts),
    );
  }
  return told;
}

/**
 * Numbers of a plan's fields from an answer.
 * @param {Plan} plan
 * @param {Record<string, any>} stats
 * @param {Names} names
 */
export function statsTold(plan, stats, names) {
  /** @type {Record<string, any>} */
  const told = {};
  for (const attribute of plan.facets) {
    const found = stats[targetOf(attribute, names).field];
    if (!found?.count) continue;
    const { min, max, avg, count } = found;
    told[attribute] = { min, max, avg, sum: avg * count };
  }
  return told;
}

/** @param {string} field @param {Count[]} counts @returns {[string, number][]} */
function ofValues(field, counts) {
  if (field === 'rating') {
    return counts.filter((each) => each.count).map((each) => [String(each.gte), each.count]);
  }
  // Ranges are no values: sliders go by the least and the greatest number.
  if (NUMBERS.includes(field) || field === MOMENT) return [];
  return counts.map((each) => [each.value, each.count]);
}

/**
 * One level of a tree that was counted without the filter on it, under a path of it: what is above the path has
 * the path's own number, what is beside it none.
 * @param {Count[]} counts @param {number | undefined} level @param {string | undefined} path @param {number} most
 * @returns {[string, number][]}
 */
function ofTree(counts, level, path, most) {
  const under = counts.find((each) => each.value === path)?.count ?? 0;
  /** @type {[string, number][]} */
  const found = [];
  for (const { value, count } of counts) {
    if (level !== undefined && value.split(SEPARATOR).length !== level + 1) continue;
    if (path === undefined || value === path || value.startsWith(path + SEPARATOR)) found.push([value, count]);
    else if (path.startsWith(value + SEPARATOR) && under) found.push([value, under]);
  }
  return found.slice(0, most);
}
