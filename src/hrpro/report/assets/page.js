"use strict";
// Draws the figures as they come into view, in the page's colours, and plays videos from a moment on.

const dark = matchMedia("(prefers-color-scheme: dark)");
const DARK = { ink: "#e6e6e6", lines: "#353941" };

/** The figure's layout in the page's colours. @param {object} layout @param {boolean} onPaper */
function coloured(layout, onPaper) {
  if (onPaper || !dark.matches) return layout;
  const own = { ...layout, font: { ...layout.font, color: DARK.ink } };
  for (const name of ["xaxis", "yaxis"]) {
    own[name] = { ...layout[name], gridcolor: DARK.lines, linecolor: DARK.lines };
  }
  return own;
}

/** @type {Map<Element, {data: object[], layout: object}>} */
const drawn = new Map();

/** @param {HTMLElement} figure @param {boolean} onPaper */
function draw(figure, onPaper) {
  const plot = figure.querySelector(".plot");
  const fresh = !drawn.has(figure);
  if (fresh) drawn.set(figure, JSON.parse(figure.querySelector("script").textContent));
  const { data, layout } = drawn.get(figure);
  const options = { displaylogo: false, modeBarButtonsToRemove: ["select2d", "lasso2d"], displayModeBar: !onPaper && "hover" };
  const done = Plotly.react(plot, structuredClone(data), structuredClone(coloured(layout, onPaper)), options);
  if (fresh) plot.on("plotly_click", (event) => {
    const point = event.points[0];
    play(figure, Number(point.customdata ?? point.x));
  });
  return done;
}

const watcher = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (entry.isIntersecting) {
      watcher.unobserve(entry.target);
      draw(entry.target, false);
    }
  }
}, { rootMargin: "600px" });

const figures = [...document.querySelectorAll("figure[data-name]")];
figures.forEach((figure) => watcher.observe(figure));

dark.addEventListener("change", () => [...drawn.keys()].forEach((figure) => draw(figure, false)));
addEventListener("beforeprint", () => figures.forEach((figure) => draw(figure, true)));
addEventListener("afterprint", () => figures.forEach((figure) => draw(figure, false)));

/** Play the video that belongs to a figure or link. @param {Element} from @param {number} seconds */
function play(from, seconds) {
  let player = from.closest("details") ?? from;
  while (player && !player.matches(".player, h3")) {
    player = from.matches("figure") ? player.nextElementSibling : player.previousElementSibling;
  }
  if (!player?.matches(".player")) return false;
  player.open = true;
  const video = player.querySelector("video");
  video.currentTime = seconds;
  video.play().catch(() => {});
  player.scrollIntoView({ block: "nearest" });
  return true;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-seek]");
  if (link && play(link, Number(link.dataset.seek))) event.preventDefault();
});
