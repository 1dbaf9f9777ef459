// Small plots of days, drawn as SVG: bars or a line with its band, an axis, and what each day says.
import { h, svg } from "../dom.js";
import { moment } from "../i18n.js";

const HEIGHT = 190;
const LEFT = 46;
const BOTTOM = 26;
const TOP = 10;

// `days`: [{ day, value, low, high }], value null where there is none. `shown` writes a value, `kind` is "bars" or
// "line". The table of the same numbers stands beside it, for whoever cannot see it.
export function plot(title, days, shown, kind = "line", most = null) {
  // On a phone the words of a plot are as large as elsewhere.
  const WIDTH = innerWidth < 620 ? 350 : 560;
  const values = days.flatMap((each) => [each.value, each.high]).filter((value) => value !== null && value !== undefined);
  const top = nice(most ?? Math.max(...values, 0)) || 1;
  const step = (WIDTH - LEFT - 8) / days.length;
  const x = (place) => LEFT + step * (place + 0.5);
  const y = (value) => TOP + (HEIGHT - TOP - BOTTOM) * (1 - Math.min(value, top) / top);
  const known = days.map((each, place) => ({ ...each, place })).filter((each) => each.value !== null && each.value !== undefined);
  const runs = broken(known);
  const marks = kind === "bars"
    ? known.map((each) => svg("rect", { class: "column", x: x(each.place) - step * 0.36, width: step * 0.72, y: y(each.value), height: Math.max(0, y(0) - y(each.value)), rx: Math.min(3, step * 0.2) }))
    : runs.flatMap((run) => [
      run.length === 1 && run[0].low !== undefined && run[0].low !== null && svg("line", { class: "whisker", x1: x(run[0].place), x2: x(run[0].place), y1: y(run[0].high), y2: y(run[0].low) }),
      run.length > 1 && run.every((each) => each.low !== undefined && each.low !== null) && svg("path", { class: "band", d: `M${run.map((each) => `${x(each.place)},${y(each.high)}`).join("L")}L${[...run].reverse().map((each) => `${x(each.place)},${y(each.low)}`).join("L")}Z` }),
      svg("path", { class: "trend", d: `M${run.map((each) => `${x(each.place)},${y(each.value)}`).join("L")}` }),
      run.map((each) => svg("circle", { class: "point", cx: x(each.place), cy: y(each.value), r: days.length > 40 ? 1.6 : 3 })),
    ]);
  const every = Math.max(1, Math.ceil(days.length / (WIDTH / 90)));
  const axis = [0, top / 2, top].map((value) => [
    svg("line", { class: "rule", x1: LEFT, x2: WIDTH - 8, y1: y(value), y2: y(value) }),
    svg("text", { x: LEFT - 7, y: y(value) + 4, "text-anchor": "end" }, shown(value)),
  ]);
  const dates = days.map((each, place) => place % every === 0 && svg("text", { x: x(place), y: HEIGHT - 8, "text-anchor": "middle" }, short(each.day)));
  const told = days.map((each, place) => svg("rect", { class: "hover", x: LEFT + step * place, width: step, y: TOP, height: HEIGHT - TOP - BOTTOM },
    svg("title", {}, `${short(each.day)}: ${each.value === null || each.value === undefined ? "–" : shown(each.value)}`)));
  return h("figure", { class: "card plot" }, h("figcaption", {}, h("h2", {}, title)),
    svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": `${title}: ${known.map((each) => `${short(each.day)} ${shown(each.value)}`).join(", ")}` }, axis, dates, marks, told));
}

const short = (day) => moment(`${day}T12:00:00Z`, { day: "numeric", month: "short", timeZone: "UTC" });

// Lines of days that follow one another.
function broken(known) {
  const runs = [];
  for (const each of known) {
    const last = runs.at(-1);
    if (last && last.at(-1).place === each.place - 1) last.push(each);
    else runs.push([each]);
  }
  return runs;
}

// The next of 1, 2, 5, 10 … that is no less.
function nice(value) {
  if (value <= 0) return 0;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((each) => each * power).find((each) => each >= value * 0.999);
}

// Every day from the first to the last, those without searches too.
export function everyDay(days, since, until) {
  const held = new Map(days.map((each) => [each.day, each]));
  const found = [];
  for (let at = new Date(`${since.slice(0, 10)}T00:00:00Z`); at <= new Date(until); at = new Date(at.getTime() + 86_400_000)) {
    const day = at.toISOString().slice(0, 10);
    found.push(held.get(day) ?? { day });
  }
  return found;
}
