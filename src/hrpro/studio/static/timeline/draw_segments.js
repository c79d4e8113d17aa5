/** Segments as outlined bars: predicted (as full as they are sure), verified (full), ground truth (nearly empty). */
import { inkOn, strong } from "./colours.js";
import { ROW } from "./layout.js";

const LINE = 1.5; // px of an outline
const NARROW = 46; // px from which a name fits
const FAINT = 0.25; // of any colour, and the page's text is read on it

export function drawPredicted(pen, lane, view, colours, { predicted, classes }) {
  ground(pen, lane, view, colours);
  for (const { item, row } of predicted) {
    if (item.end < view.start || item.start > view.end) continue;
    const color = classes.get(item.class)?.color ?? "#808080";
    const rejected = item.verdict === "rejected";
    const fill = rejected ? 0.18 : 0.3 + 0.7 * Math.min(1, item.score);
    bar(pen, view, item, lane.y + row * ROW, ROW - 1, color, fill, rejected ? null : strong(color, colours));
    if (rejected) strike(pen, view, item, lane.y + row * ROW + ROW / 2, colours.muted);
    else if (item.verdict) mark(pen, view, item, lane.y + row * ROW, colours.text);
  }
}

export function drawVerified(pen, lane, view, colours, { segments, classes }) {
  ground(pen, lane, view, colours);
  for (const one of segments) {
    if (one.end < view.start || one.start > view.end) continue;
    const color = classes.get(one.class)?.color ?? "#808080";
    pen.setLineDash(one.pending ? [3, 2] : []);
    bar(pen, view, one, lane.y + 1, lane.h - 2, color, one.pending ? FAINT : 1, strong(color, colours));
    pen.setLineDash([]);
    name(pen, view, one, lane, classes.get(one.class)?.name, one.pending ? colours.text : inkOn(color), colours);
  }
}

export function drawTruth(pen, lane, view, colours, { truth, colourOf }) {
  ground(pen, lane, view, colours);
  for (const one of truth) {
    if (one.end < view.start || one.start > view.end) continue;
    const color = colourOf(one.label);
    bar(pen, view, one, lane.y + 1, lane.h - 2, color, FAINT, strong(color, colours));
    name(pen, view, one, lane, one.label, colours.text, colours);
  }
}

function ground(pen, lane, view, colours) {
  pen.fillStyle = colours.sunken;
  pen.fillRect(0, lane.y, view.width, lane.h);
}

function extent(view, one) {
  const left = Math.max(-4, view.x(one.start));
  return [left, Math.max(1.5, Math.min(view.width + 4, view.x(one.end)) - left)];
}

/** Filled as much as ``fill`` with its colour; what is too narrow for an outline is all outline. */
function bar(pen, view, one, y, h, color, fill, edge) {
  const [x, w] = extent(view, one);
  if (edge && w <= 2 * LINE) {
    pen.fillStyle = edge;
    return pen.fillRect(x, y, w, h);
  }
  pen.beginPath();
  if (w < 6) pen.rect(x + LINE / 2, y + LINE / 2, w - LINE, h - LINE);
  else pen.roundRect(x + LINE / 2, y + LINE / 2, w - LINE, h - LINE, 3);
  pen.globalAlpha = fill;
  pen.fillStyle = color;
  pen.fill();
  pen.globalAlpha = 1;
  if (!edge) return;
  pen.strokeStyle = edge;
  pen.lineWidth = LINE;
  pen.stroke();
}

function name(pen, view, one, lane, text, ink, colours) {
  const [x, w] = extent(view, one);
  if (!text || w < NARROW) return;
  pen.save();
  pen.beginPath();
  pen.rect(x, lane.y, w - 4, lane.h);
  pen.clip();
  pen.font = `600 11px ${colours.font}`;
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  pen.fillStyle = ink;
  pen.fillText(text, Math.max(x, 0) + 6, lane.y + lane.h / 2 + 0.5);
  pen.restore();
}

function strike(pen, view, one, y, color) {
  const [x, w] = extent(view, one);
  pen.fillStyle = color;
  pen.fillRect(x, y - 0.5, w, 1);
}

/** An accepted or corrected one carries a tick at its head. */
function mark(pen, view, one, y, color) {
  const [x, w] = extent(view, one);
  if (w < 10) return;
  pen.strokeStyle = color;
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.moveTo(x + 3, y + 5);
  pen.lineTo(x + 5, y + 7.5);
  pen.lineTo(x + 9, y + 2.5);
  pen.stroke();
}
