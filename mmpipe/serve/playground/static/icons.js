// Line icons, drawn for this page on a 24 × 24 field.
import { svg } from "./dom.js";

const PATHS = {
  search: ["M10.5 17a6.5 6.5 0 1 1 0-13 6.5 6.5 0 0 1 0 13Z", "m15.5 15.5 5 5"],
  camera: ["M4 8.5h3.2L9 6h6l1.8 2.5H20v10.5H4Z", "M12 16.2a3.2 3.2 0 1 1 0-6.4 3.2 3.2 0 0 1 0 6.4Z"],
  mic: ["M12 3.5a2.6 2.6 0 0 1 2.6 2.6v5a2.6 2.6 0 0 1-5.2 0v-5A2.6 2.6 0 0 1 12 3.5Z", "M6.5 11a5.5 5.5 0 0 0 11 0M12 16.5v4"],
  film: ["M4 5.5h16v13H4Z", "M8 5.5v13M16 5.5v13M4 9.8h4M4 14.2h4M16 9.8h4M16 14.2h4"],
  close: ["m6 6 12 12M18 6 6 18"],
  sun: ["M12 16.2a4.2 4.2 0 1 1 0-8.4 4.2 4.2 0 0 1 0 8.4Z", "M12 2.8v2M12 19.2v2M2.8 12h2M19.2 12h2M5.5 5.5l1.4 1.4M17.1 17.1l1.4 1.4M5.5 18.5l1.4-1.4M17.1 6.9l1.4-1.4"],
  moon: ["M19.5 14.2A8 8 0 0 1 9.8 4.5a8 8 0 1 0 9.7 9.7Z"],
  auto: ["M12 20.2a8.2 8.2 0 1 1 0-16.4 8.2 8.2 0 0 1 0 16.4Z", "M12 3.8v16.4"],
  person: ["M12 11.5a3.8 3.8 0 1 1 0-7.6 3.8 3.8 0 0 1 0 7.6Z", "M4.8 20.2a7.2 7.2 0 0 1 14.4 0"],
  filter: ["M4 6.5h16M7 12h10M10 17.5h4"],
  play: ["M8 5.5v13l10.5-6.5Z"],
  chart: ["M4.5 19.5h15", "M7 16v-4M12 16V6M17 16V9.5"],
  spark: ["M12 3.5 13.9 10l6.6 2-6.6 2L12 20.5 10.1 14l-6.6-2 6.6-2Z"],
  chat: ["M4.5 5.5h15v10.5H11l-4.5 4v-4h-2Z"],
  image: ["M4 5h16v14H4Z", "m4 16.5 4.8-5 4 4.2 2.7-2.8L20 17", "M15.5 9.8a1.2 1.2 0 1 1 0-2.4 1.2 1.2 0 0 1 0 2.4Z"],
  back: ["M14.5 5.5 8 12l6.5 6.5"],
  next: ["M9.5 5.5 16 12l-6.5 6.5"],
  send: ["M4.5 12 20 4.5 15.5 20l-3.6-6.6Z"],
  crop: ["M7 3v14h14", "M3 7h14v14"],
  check: ["m5 12.5 4.5 4.5L19 7.5"],
  upload: ["M12 15.5v-11M7.5 9 12 4.5 16.5 9", "M4.5 15.5v4h15v-4"],
  refresh: ["M19.5 12a7.5 7.5 0 1 1-2.2-5.3L19.5 9", "M19.5 4v5h-5"],
  alert: ["M12 4 21 19.5H3Z", "M12 10v4.5M12 17v.3"],
  up: ["m6.5 14.5 5.5-6 5.5 6"],
  down: ["m6.5 9.5 5.5 6 5.5-6"],
  tag: ["M4 4.5h7.5L20 13l-7 7-8.5-8.5Z", "M8.2 8.7v.1"],
};

// One of them; it says nothing by itself: what it stands in has the words.
export function icon(name, size = 20) {
  return svg(
    "svg",
    { viewBox: "0 0 24 24", width: size, height: size, class: "icon", "aria-hidden": "true", focusable: "false" },
    PATHS[name].map((d) => svg("path", { d })),
  );
}
