import { fieldsOf } from './conditions.js';
import { FLAG, targetOf } from './fields.js';

/** @typedef {import('./types.js').Plan} Plan */
/** @typedef {import('./types.js').Condition} Condition */
/** @typedef {{plan: Plan, wide: Set<string>, attributes: Set<string>, extras: Plan[]}} Asked */

const CATEGORY = 'category';

/**
 * Which plans one answer of mmpipe holds. InstantSearch asks once more for each facet that something is chosen
 * in, without what is chosen there, to count the values beside it; mmpipe counts these anyway (a disjunctive
 * facet). Such a plan goes to the one whose hits are shown, and its field becomes one of `wide`.
 * @param {Plan[]} plans
 * @param {Record<string, string> | undefined} names
 * @param {boolean} fold
 * @returns {Asked[]} each plan is in one of them, as `plan` or among `extras`
 */
export function folded(plans, names, fold) {
  /** @type {Asked[]} */
  const all = [];
  for (const plan of plans) {
    const field = fold ? fieldAsked(plan, names) : undefined;
    const of = field && all.find((each) => holds(each.plan, plan, field, names));
    if (of) {
      of.wide.add(field);
      of.extras.push(plan);
      plan.facets.forEach((name) => of.attributes.add(name));
    } else {
      all.push({ plan, wide: new Set(), attributes: new Set(plan.facets), extras: [] });
    }
  }
  return all;
}

/** The path that the category is filtered by, undefined by none. @param {Condition[]} conditions @returns {string | undefined} */
export function pathOf(conditions) {
  return /** @type {any} */ (conditions.find((each) => isOf(each, CATEGORY)))?.prefix;
}

/** The one field that a plan without hits counts. @param {Plan} plan @param {Record<string, string> | undefined} names */
function fieldAsked(plan, names) {
  const fields = new Set(plan.facets.map((each) => targetOf(each, names).field));
  const [field] = fields;
  return plan.length === 0 && fields.size === 1 && field !== FLAG ? field : undefined;
}

/** @param {Plan} main @param {Plan} extra @param {string} field @param {Record<string, string> | undefined} names */
function holds(main, extra, field, names) {
  if (main.index !== extra.index && JSON.stringify(main.index) !== JSON.stringify(extra.index)) return false;
  if (JSON.stringify(main.base) !== JSON.stringify(extra.base)) return false;
  const own = main.conditions.filter((each) => isOf(each, field));
  const others = extra.conditions.filter((each) => isOf(each, field));
  if (!same(main.conditions.filter((each) => !own.includes(each)), extra.conditions.filter((each) => !others.includes(each)))) {
    return false;
  }
  const levels = extra.facets.every((each) => targetOf(each, names).level !== undefined);
  return levels ? isPath(own) && isPath(others) : others.length === 0;
}

/** Whether these are a path of the category tree, or nothing. @param {Condition[]} conditions */
function isPath(conditions) {
  return conditions.length <= 1 && conditions.every((each) => 'prefix' in each);
}

/** Whether mmpipe leaves a condition out for a disjunctive facet of the field. @param {Condition} condition @param {string} field */
function isOf(condition, field) {
  return fieldsOf(condition).every((each) => each.toLowerCase() === field.toLowerCase());
}

/** @param {Condition[]} one @param {Condition[]} other */
function same(one, other) {
  const texts = (/** @type {Condition[]} */ all) => JSON.stringify(all.map((each) => JSON.stringify(each)).sort());
  return texts(one) === texts(other);
}
