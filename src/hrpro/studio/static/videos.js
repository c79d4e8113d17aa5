/** The list of videos: what has been done in each, filtered and sorted; N goes to the next. */
import { shortTime } from "./clock.js";
import { h, icon } from "./dom.js";

const ORDERS = {
  name: (a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }),
  todo: (a, b) => a.clicks + a.reviewed - (b.clicks + b.reviewed) || ORDERS.name(a, b),
  clicks: (a, b) => b.clicks - a.clicks || ORDERS.name(a, b),
  length: (a, b) => (b.duration ?? 0) - (a.duration ?? 0) || ORDERS.name(a, b),
};

export function mountVideos(ctx) {
  const { state } = ctx;
  const at = (id) => document.getElementById(id);
  const [list, filter, sort, total] = [at("video-list"), at("video-filter"), at("video-sort"), at("video-count")];
  const none = h("p", { class: "rail-empty", hidden: true });
  list.before(none);
  const drawn = new Map(); // id -> {video, element}
  let order = [];

  function row(video, open) {
    const badges = [];
    const badge = (kind, text, title) => badges.push(h("span", { class: `badge ${kind}`, title }, text));
    badge(video.clicks ? "accent" : "", String(video.clicks), "clicks");
    badges[0].prepend(h("i", { class: "pin", "aria-hidden": "true" }));
    badges[0].append(h("span", { class: "unseen" }, video.clicks === 1 ? " click" : " clicks"));
    // Predictions tell of the features that they were made from.
    if (!video.predicted && video.features) badge("", "features", "Features are extracted");
    if (video.predicted && video.reviewed >= video.predicted) badge("good", "reviewed", `All ${video.predicted} predicted segments are reviewed`);
    else if (video.predicted) badge("", `${video.reviewed}/${video.predicted} reviewed`, `${video.reviewed} of ${video.predicted} predicted segments are reviewed`);
    if (video.problem) badge("warn", "problem", video.problem);
    const picture = h("span", { class: "video-thumb" }, icon(video.media || video.thumbs ? "film" : "wave"));
    if (video.thumbs) {
      const image = h("img", { src: `${video.thumbs}&t=${((video.duration ?? 0) / 2).toFixed(1)}&h=72`, alt: "", loading: "lazy", decoding: "async" });
      image.addEventListener("error", () => image.remove());
      picture.append(image);
    }
    const length = video.duration ? shortTime(video.duration) : "";
    return h(
      "li",
      {},
      h(
        "button",
        { type: "button", class: "video", "aria-current": open ? "true" : null, onclick: () => ctx.open(video.id) },
        picture,
        h("span", { class: "video-words" }, h("span", { class: "video-name", title: video.name }, video.name), h("span", { class: "video-badges" }, h("span", { class: "time muted" }, length), badges)),
      ),
    );
  }

  function draw() {
    const words = filter.value.trim().toLowerCase();
    const open = state.get("video");
    const here = (video) => (video.id === open && state.get("clicks").size ? { ...video, clicks: state.get("clicks").size } : video);
    const all = state.get("videos");
    order = all.filter((one) => one.name.toLowerCase().includes(words)).sort(ORDERS[sort.value]);
    const rows = order.map((one) => {
      const video = here(one);
      const mark = JSON.stringify([video, one.id === open]);
      const known = drawn.get(one.id);
      if (known?.mark === mark) return known.element;
      const element = row(video, one.id === open);
      const focused = known?.element.contains(document.activeElement);
      drawn.set(one.id, { mark, element });
      if (focused) queueMicrotask(() => element.firstChild.focus());
      return element;
    });
    if (rows.length !== list.children.length || rows.some((one, index) => list.children[index] !== one)) {
      list.replaceChildren(...rows);
    }
    const clicked = all.filter((one) => here(one).clicks).length;
    none.textContent = all.length ? "No video has that in its name." : (state.get("project")?.hint ?? "");
    none.hidden = order.length > 0;
    total.textContent = order.length < all.length ? `${order.length} of ${all.length} videos` : `${clicked} of ${all.length} videos clicked`;
  }

  ctx.nextVideo = (way) => {
    const index = order.findIndex((one) => one.id === state.get("video"));
    const next = order[index + way];
    if (!next) return ctx.notify(way > 0 ? "This is the last video." : "This is the first video.", { key: "click", seconds: 3 });
    ctx.open(next.id);
    ctx.announce(next.name);
  };

  filter.addEventListener("input", draw);
  sort.addEventListener("change", draw);
  state.on(["videos", "clicks"], draw);
  state.on("video", () => {
    draw();
    reveal(list.querySelector("[aria-current]"));
  });
}

/** Scrolls a row's list, and not the page, which a narrow screen would be moved away from the player by. */
function reveal(row) {
  if (!row) return;
  const list = row.closest("ul");
  const [inner, outer] = [row.getBoundingClientRect(), list.getBoundingClientRect()];
  if (inner.top < outer.top) list.scrollTop -= outer.top - inner.top;
  else if (inner.bottom > outer.bottom) list.scrollTop += inner.bottom - outer.bottom;
}
