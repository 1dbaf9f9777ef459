/** @typedef {[number, number]} Span */

const ENTITIES = /** @type {Record<string, string>} */ ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' });
const CJK = /[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]/;
const IN_WORD = /[\p{L}\p{N}]/u;

/**
 * The tags that a query wants around what matched. Where these are markup the text between them is escaped;
 * InstantSearch's own are not, and it escapes by itself.
 * @param {Record<string, any>} params
 */
export function tagsOf(params) {
  const before = String(params.highlightPreTag ?? '<em>');
  const after = String(params.highlightPostTag ?? '</em>');
  return { before, after, escaped: /[<>]/.test(before + after) };
}

/**
 * A text with its spans, in Unicode code points, between tags.
 * @param {string} text @param {Span[]} spans @param {ReturnType<typeof tagsOf>} tags
 */
export function marked(text, spans, { before, after, escaped }) {
  const points = [...text];
  const shown = (/** @type {number} */ from, /** @type {number} */ to) => {
    const part = points.slice(from, to).join('');
    return escaped ? part.replace(/[&<>"']/g, (sign) => ENTITIES[sign]) : part;
  };
  let at = 0;
  let told = '';
  for (const [begin, end] of spans) {
    told += shown(at, begin) + before + shown(begin, end) + after;
    at = end;
  }
  return told + shown(at, points.length);
}

/** The words of a query. @param {string | undefined} text @returns {string[]} */
export function wordsOf(text) {
  return folded(text ?? '').join('').match(/[\p{L}\p{N}]+/gu) ?? [];
}

/**
 * Where words of a text begin like these, in Unicode code points; Chinese may begin anywhere. For texts of which
 * mmpipe does not tell what matched.
 * @param {string} text @param {string[]} words @returns {Span[]}
 */
export function spansOf(text, words) {
  const points = folded(text);
  const wanted = words.map((word) => [...word]).sort((one, other) => other.length - one.length);
  /** @type {Span[]} */
  const spans = [];
  for (let at = 0; at < points.length; at++) {
    const begins = at === 0 || !IN_WORD.test(points[at - 1]) || CJK.test(points[at]);
    const found = begins && wanted.find((word) => word.every((sign, place) => sign === points[at + place]));
    if (found) {
      spans.push([at, at + found.length]);
      at += found.length - 1;
    }
  }
  return spans;
}

/** Code points without case and accents, each in its place. @param {string} text @returns {string[]} */
function folded(text) {
  return [...text].map((sign) => sign.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase());
}
