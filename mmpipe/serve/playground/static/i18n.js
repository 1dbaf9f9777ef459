// Words and numbers in the reader's language. Every word is in lang/en.json and lang/zh.json.

const KEPT = "mmpipe.lang";
export const LANGUAGES = { en: "English", zh: "中文" };

let words = {};
let chosen = "en";

// The language that is shown.
export const lang = () => chosen;

// What was chosen before, else what the browser prefers.
export function preferred() {
  const kept = localStorage.getItem(KEPT);
  if (kept in LANGUAGES) return kept;
  return (navigator.language || "").toLowerCase().startsWith("zh") ? "zh" : "en";
}

// Show a language from now on.
export async function speak(name) {
  const answer = await fetch(`/playground/lang/${name}.json`);
  if (!answer.ok) throw new Error(`no words for ${name}`);
  words = await answer.json();
  chosen = name;
  localStorage.setItem(KEPT, name);
  document.documentElement.lang = name === "zh" ? "zh-Hans" : "en";
}

// The words of a key, with `{name}` filled in. Where `values.count` is 1, those of `key.one`, if there are any.
export function t(key, values = {}) {
  const one = values.count === 1 ? words[`${key}.one`] : undefined;
  const text = one ?? words[key];
  if (text === undefined) throw new Error(`no words for ${key}`);
  return text.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? number(value) : String(value);
  });
}

// Whether there are words for a key: of what the service may name anew one day.
export const has = (key) => key in words;

const locale = () => (chosen === "zh" ? "zh-CN" : "en-GB");

export function number(value, options = {}) {
  return new Intl.NumberFormat(locale(), options).format(value);
}

// `19.99 USD` as a shop writes it; what is no such text stays as it is.
export function money(text) {
  const [amount, currency] = String(text).split(" ");
  if (!currency || Number.isNaN(Number(amount))) return String(text);
  try {
    return new Intl.NumberFormat(locale(), { style: "currency", currency, currencyDisplay: "narrowSymbol" }).format(Number(amount));
  } catch {
    return String(text);
  }
}

export function moment(value, options = { dateStyle: "medium", timeStyle: "short" }) {
  return new Intl.DateTimeFormat(locale(), options).format(new Date(value));
}

// Seconds of a clip as a player writes them.
export function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}
