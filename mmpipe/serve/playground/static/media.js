// Pictures and clips of products, by the service's own route: no address of a feed is ever followed here.
import * as api from "./api.js";
import { fill, h } from "./dom.js";
import { icon } from "./icons.js";

// `kind` is image, audio or video, `number` its place among the product's own; `width` of a picture is one of
// the widths that the service makes. `photo` is one of the product's reviews instead.
export function mediaUrl({ collection, id, kind = "image", number = 0, width = null, photo = null }) {
  if (photo) return api.url(`/v1/products/${encodeURIComponent(id)}/reviews/photos/${encodeURIComponent(photo)}`, { width, collection });
  return api.url(`/v1/products/${encodeURIComponent(id)}/media/${kind}/${number}`, { width, collection });
}

// A picture in a frame that keeps its place; what there is no picture of shows that calmly.
export function picture({ collection, id, number = 0, photo = null, width = 320, alt = "", known = true, lazy = true }) {
  const frame = h("span", { class: "pic" });
  if (!known) return bare(frame, alt);
  const wanted = devicePixelRatio > 1.4 && width < 640 ? width * 2 : width;
  const address = mediaUrl({ collection, id, number, photo, width: wanted });
  const image = h("img", { alt, decoding: "async", loading: lazy ? "lazy" : "eager", onerror: () => bare(frame, alt), onload: () => frame.classList.add("here") });
  fill(frame, image);
  load(image, address, () => bare(frame, alt));
  return frame;
}

function bare(frame, alt) {
  frame.classList.add("none");
  return fill(frame, h("span", { class: "nothing", role: alt ? "img" : null, "aria-label": alt || null }, icon("image", 28)));
}

// A clip or recording; without it nothing.
export function player({ collection, id, kind, label, from = null, onabsent = () => {} }) {
  const element = h(kind, { controls: true, preload: "metadata", "aria-label": label, playsinline: true, onerror: onabsent });
  if (from !== null) element.addEventListener("loadedmetadata", () => (element.currentTime = from), { once: true });
  load(element, mediaUrl({ collection, id, kind }), onabsent);
  return element;
}

// Elements send no key: where there is one, the bytes are fetched and shown from memory.
function load(element, address, failed) {
  if (!api.key.get()) {
    element.src = address;
    return;
  }
  const start = async () => {
    try {
      const answer = await fetch(address, { headers: api.headers() });
      if (!answer.ok) return failed();
      const held = URL.createObjectURL(await answer.blob());
      element.addEventListener("load", () => URL.revokeObjectURL(held), { once: true });
      element.src = held;
    } catch {
      failed();
    }
  };
  const near = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    near.disconnect();
    start();
  }, { rootMargin: "400px" });
  near.observe(element);
}
