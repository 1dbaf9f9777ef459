import { FLAG, MOMENT, NUMBERS, targetOf } from './fields.js';
import { MmpipeError } from './transport.js';

/** @typedef {import('./types.js').Condition} Condition */
/** @typedef {Record<string, string> | undefined} Names */

const MOST_VALUES = 100;
/** @type {Record<string, string>} */
const OPERATORS = { '>=': 'gte', '>': 'gt', '<=': 'lte', '<': 'lt' };
const NUMERIC = /^(.+?)\s*(<=|>=|!=|<|>|=)\s*(-?[0-9.]+(?:e[+-]?[0-9]+)?)$/i;
const RANGE = /^(.+?):\s*(-?[0-9.]+)\s+TO\s+(-?[0-9.]+)$/i;

/**
 * `facetFilters`: what must hold, each string by itself and of each list one.
 * @param {any} given
 * @param {Names} names
 * @returns {Condition[]}
 */
export function facetConditions(given, names) {
  return listed(given).map((each) => anyOf(each, (text) => ofFacet(text, names)));
}

/** `numericFilters`, likewise. @param {any} given @param {Names} names @returns {Condition[]} */
export function numericConditions(given, names) {
  return listed(given).map((each) => anyOf(each, (text) => ofNumber(text, names)));
}

/** `name:value`, and `name:-value` for what must not be. @param {string} text @param {Names} names @returns {Condition} */
export function ofFacet(text, names) {
  const at = text.indexOf(':');
  if (at < 1) throw new MmpipeError(`a facet filter is written name:value, not "${text}"`);
  const value = text.slice(at + 1);
  const told = has(text.slice(0, at).trim(), value.replace(/^\\?-/, (sign) => sign.slice(1)), names);
  return value.startsWith('-') ? { not: told } : told;
}

/** `name>=number` and `name:low TO high`. @param {string} text @param {Names} names @returns {Condition} */
export function ofNumber(text, names) {
  const range = RANGE.exec(text.trim());
  if (range) return between(range[1].trim(), range[2], range[3], names);
  const found = NUMERIC.exec(text.trim());
  if (!found) throw new MmpipeError(`a numeric filter is written name>=number, not "${text}"`);
  return compared(found[1].trim(), found[2], found[3], names);
}

/** That an attribute has a value. @param {string} attribute @param {string} value @param {Names} names @returns {Condition} */
export function has(attribute, value, names) {
  const { field, level } = targetOf(attribute, names);
  if (level !== undefined) return { field, prefix: value };
  if (field === FLAG) return { field, eq: value === 'true' };
  return { field, eq: NUMBERS.includes(field) ? Number(value) : value };
}

/** @param {string} attribute @param {string} sign @param {string} number @param {Names} names @returns {Condition} */
export function compared(attribute, sign, number, names) {
  const { field } = targetOf(attribute, names);
  const value = bound(field, number);
  if (sign === '=' || sign === '!=') {
    const told = { field, eq: NUMBERS.includes(field) ? value : String(value) };
    return sign === '=' ? told : { not: told };
  }
  return { field, [OPERATORS[sign]]: value };
}

/** @param {string} attribute @param {string} low @param {string} high @param {Names} names @returns {Condition} */
export function between(attribute, low, high, names) {
  const { field } = targetOf(attribute, names);
  return { field, gte: bound(field, low), lte: bound(field, high) };
}

/** All fields that a condition compares. @param {Condition} condition @returns {string[]} */
export function fieldsOf(condition) {
  if ('and' in condition) return condition.and.flatMap(fieldsOf);
  if ('or' in condition) return condition.or.flatMap(fieldsOf);
  if ('not' in condition) return fieldsOf(condition.not);
  return [condition.field];
}

/** One condition of several, none of none. @param {Condition[]} all @returns {Condition | undefined} */
export function together(all) {
  return all.length > 1 ? { and: all } : all[0];
}

/** @param {any} given @returns {(string | string[])[]} */
function listed(given) {
  if (given === undefined || given === null || given === '') return [];
  if (typeof given === 'string') return given.startsWith('[') ? JSON.parse(given) : [given];
  return given.filter((/** @type {any} */ each) => each.length > 0);
}

/** @param {string | string[]} given @param {(text: string) => Condition} read @returns {Condition} */
function anyOf(given, read) {
  if (typeof given === 'string') return read(given);
  const parts = given.map(read);
  if (parts.length === 1) return parts[0];
  const [first] = parts;
  const values = parts.map((part) => ('eq' in part && 'field' in first && part.field === first.field ? part.eq : undefined));
  const flat = parts.length <= MOST_VALUES && !values.includes(undefined) && typeof values[0] !== 'boolean';
  return flat && 'field' in first ? { field: first.field, in: values } : { or: parts };
}

/** Numbers as they are; of the one moment, which the front end says in seconds, its text. @param {string} field @param {string} number */
function bound(field, number) {
  const value = Number(number);
  if (!Number.isFinite(value)) throw new MmpipeError(`${field} is compared with "${number}", which is no number`);
  return field === MOMENT ? new Date(value * 1_000).toISOString() : value;
}
