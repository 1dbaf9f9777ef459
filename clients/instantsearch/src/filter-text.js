import { between, compared, has } from './conditions.js';
import { MmpipeError } from './transport.js';

/** @typedef {import('./types.js').Condition} Condition */
/** @typedef {{kind: string, text: string}} Token */

const TOKEN = /\s*(?:(\()|(\))|"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|(<=|>=|!=|<|>|=)|(:)|([^\s()"':<>=!]+))/y;
const KINDS = ['(', ')', 'quoted', 'quoted', 'sign', ':', 'word'];

/**
 * `filters` as text, as in `brand:Acme AND (price < 10 OR NOT color:"light blue")`. AND binds stronger than OR,
 * in any nesting.
 * @param {string} text
 * @param {Record<string, string> | undefined} names
 * @returns {Condition | undefined}
 */
export function filterConditions(text, names) {
  const tokens = tokensOf(text);
  let at = 0;

  const refuse = (/** @type {string} */ wanted) => {
    const place = tokens[at] ? `before "${tokens[at].text}"` : 'at its end';
    return new MmpipeError(`filters "${text}" cannot be read: ${wanted} is missing ${place}`);
  };
  const next = (/** @type {string} */ kind) => tokens[at]?.kind === kind;
  const word = (/** @type {string} */ keyword) => next('word') && tokens[at].text === keyword;
  const take = (/** @type {string[]} */ kinds, /** @type {string} */ wanted) => {
    if (!tokens[at] || !kinds.includes(tokens[at].kind)) throw refuse(wanted);
    return tokens[at++].text;
  };

  /** @param {string} keyword @param {'and' | 'or'} joined @param {() => Condition} part @returns {Condition} */
  function joinedBy(keyword, joined, part) {
    const parts = [part()];
    while (word(keyword)) {
      at++;
      parts.push(part());
    }
    return parts.length > 1 ? /** @type {any} */ ({ [joined]: parts }) : parts[0];
  }
  /** @returns {Condition} */
  const either = () => joinedBy('OR', 'or', () => joinedBy('AND', 'and', one));

  /** @returns {Condition} */
  function one() {
    if (word('NOT')) {
      at++;
      return { not: one() };
    }
    if (next('(')) {
      at++;
      const inner = either();
      take([')'], 'a )');
      return inner;
    }
    const name = take(['word', 'quoted'], 'a name');
    if (next('sign')) return compared(name, tokens[at++].text, take(['word'], 'a number'), names);
    take([':'], 'a : or a comparison');
    const value = take(['word', 'quoted'], 'a value');
    if (!word('TO')) return has(name, value, names);
    at++;
    return between(name, value, take(['word'], 'a number'), names);
  }

  if (!tokens.length) return undefined;
  const found = either();
  if (at < tokens.length) throw refuse('AND or OR');
  return found;
}

/** @param {string} text @returns {Token[]} */
function tokensOf(text) {
  const tokens = [];
  const whole = text.trimEnd();
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < whole.length) {
    const begin = TOKEN.lastIndex;
    const found = TOKEN.exec(whole);
    if (!found) throw new MmpipeError(`filters "${text}" cannot be read from "${whole.slice(begin)}" on`);
    const place = found.slice(1).findIndex((each) => each !== undefined);
    const quoted = KINDS[place] === 'quoted';
    const said = found[place + 1];
    tokens.push({ kind: KINDS[place], text: quoted ? said.replace(/\\(.)/g, '$1') : said });
  }
  return tokens;
}
