/**
 * Small charts in SVG, drawn by ourselves: Plotly writes style attributes, which the page's policy forbids.
 *
 * Colours come from the style sheet (classes .chart-*), so that light and dark follow the page.
 */
import { h } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 288;
const HEIGHT = 116;
const PAD = { left: 38, right: 8, top: 8, bottom: 20 };
const MOST_POINTS = 240;

/**
 * Curves over steps: lineChart("Loss"). `show(lines)` draws each of [[[x, y], ...], ...], x ascending; the last
 * one stands out and is the one that is read off. A range of more than a decade gets a logarithmic scale.
 */
export function lineChart(title) {
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "chart", role: "img" });
  const readout = h("output", { class: "chart-readout", "aria-hidden": "true" });
  const element = h("figure", { class: "chart-figure" }, h("figcaption", {}, title, readout), svg);
  let drawn = null;

  svg.addEventListener("pointermove", (event) => drawn && point(drawn, event));
  svg.addEventListener("pointerleave", () => drawn && tell(drawn, drawn.points.length - 1));

  function show(given) {
    const lines = given
      .map((rows) => rows.filter(([x, y]) => Number.isFinite(x) && Number.isFinite(y)))
      .filter((rows) => rows.length > 1)
      .map((rows) => thinned(rows, MOST_POINTS));
    element.hidden = lines.length === 0;
    if (element.hidden) return;
    drawn = scales(lines);
    const { points } = drawn;
    const { left, right, bottom } = PAD;
    const baseline = HEIGHT - bottom;
    const marks = drawn.ticks.flatMap((value) => [
      shape("line", { class: "chart-grid", x1: left, x2: WIDTH - right, y1: drawn.y(value), y2: drawn.y(value) }),
      text(brief(value), { x: left - 5, y: drawn.y(value) + 3.5, "text-anchor": "end" }),
    ]);
    const dot = shape("circle", { class: "chart-dot", r: 3 });
    svg.replaceChildren(
      ...marks,
      text(`step ${whole(drawn.first)}`, { x: left, y: HEIGHT - 5 }),
      text(whole(drawn.last), { x: WIDTH - right, y: HEIGHT - 5, "text-anchor": "end" }),
      shape("line", { class: "chart-axis", x1: left, x2: WIDTH - right, y1: baseline, y2: baseline }),
      ...lines.map((line, index) => path(line, index === lines.length - 1)),
      dot,
    );
    svg.setAttribute(
      "aria-label",
      `${title}: from ${brief(points[0][1])} to ${brief(points.at(-1)[1])} after ${whole(points.at(-1)[0])} steps`,
    );
    drawn.dot = dot;
    tell(drawn, points.length - 1);
  }

  function path(line, last) {
    const marks = line.map(([x, y], index) => `${index ? "L" : "M"}${drawn.x(x).toFixed(1)} ${drawn.y(y).toFixed(1)}`);
    return shape("path", { class: last ? "chart-line" : "chart-line before", d: marks.join("") });
  }

  function point(chart, event) {
    const box = svg.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * WIDTH;
    let nearest = 0;
    chart.points.forEach(([at], index) => {
      if (Math.abs(chart.x(at) - x) < Math.abs(chart.x(chart.points[nearest][0]) - x)) nearest = index;
    });
    tell(chart, nearest);
  }

  function tell(chart, index) {
    const [x, y] = chart.points[index];
    chart.dot.setAttribute("cx", chart.x(x));
    chart.dot.setAttribute("cy", chart.y(y));
    readout.value = `${brief(y)} at ${whole(x)}`;
  }

  element.hidden = true;
  return { element, show };
}

/** A list of numbers as bars: [{name, color, count, note}], the longest as wide as there is room. */
export function bars(rows, label) {
  const most = Math.max(1, ...rows.map((row) => row.count));
  const lines = rows.map((row) => {
    const bar = h("span", { class: "bars-bar", "aria-hidden": "true" });
    bar.style.width = `${(100 * row.count) / most}%`;
    if (row.color) bar.style.background = row.color;
    return h(
      "li",
      { class: row.note ? "bars-row noted" : "bars-row" },
      h("span", { class: "bars-name", title: row.name }, row.name),
      h("span", { class: "bars-room" }, bar),
      h("span", { class: "bars-count" }, String(row.count)),
      row.note && h("span", { class: "bars-note" }, row.note),
    );
  });
  return h("ul", { class: "bars", "aria-label": label }, lines);
}

/** Progress as a native element, so that it is spoken: setProgress(meter, 0.4) or null while unknown. */
export function setProgress(meter, share) {
  if (share === null) meter.removeAttribute("value");
  else meter.value = Math.min(1, Math.max(0, share));
}

function scales(lines) {
  const all = lines.flat();
  const steps = all.map(([x]) => x);
  const values = all.map(([, y]) => y);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const log = low > 0 && high / low > 10;
  const to = log ? Math.log10 : (value) => value;
  const [bottom, top] = log ? [to(low), to(high)] : low >= 0 && low < high / 2 ? [0, high] : [low, high];
  const span = top - bottom || Math.abs(top) || 1;
  const [first, last] = [Math.min(...steps), Math.max(...steps)];
  const x = (step) => PAD.left + ((step - first) / (last - first || 1)) * (WIDTH - PAD.left - PAD.right);
  const y = (value) => PAD.top + (1 - (to(value) - bottom) / span) * (HEIGHT - PAD.top - PAD.bottom);
  const middle = log ? 10 ** ((bottom + top) / 2) : (bottom + top) / 2;
  const ends = log ? [10 ** bottom, 10 ** top] : [bottom, top];
  return { points: lines.at(-1), first, last, x, y, ticks: [ends[0], middle, ends[1]] };
}

/** Means of neighbours, so that a long training draws as fast as a short one. */
function thinned(points, most) {
  if (points.length <= most) return points;
  const size = points.length / most;
  return Array.from({ length: most }, (_, index) => {
    const group = points.slice(Math.floor(index * size), Math.floor((index + 1) * size));
    return [group.at(-1)[0], group.reduce((sum, [, y]) => sum + y, 0) / group.length];
  });
}

function shape(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

function text(content, attributes) {
  const element = shape("text", { class: "chart-text", ...attributes });
  element.textContent = content;
  return element;
}

const whole = (value) => Math.round(value).toLocaleString("en");
const brief = (value) => (value === 0 ? "0" : Math.abs(value) < 0.001 ? value.toExponential(0) : String(+value.toPrecision(3)));
