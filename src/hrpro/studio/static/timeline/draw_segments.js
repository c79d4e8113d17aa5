/** Segments as bars: predicted (as strong as they are sure), verified (full), ground truth (outlined). */
import { inkOn } from "./colours.js";
import { ROW } from "./layout.js";

const NARROW = 46; // px from which a name fits
const FAINT = 0.25; // of any colour, and the page's text is read on it

export function drawPredicted(pen, lane, view, colours, { predicted, classes }) {
  ground(pen, lane, view, colours);
  for (const { item, row } of predicted) {
    if (item.end < view.start || item.start > view.end) continue;
    const color = classes.get(item.class)?.color ?? "#808080";
    const rejected = item.verdict === "rejected";
    pen.globalAlpha = rejected ? 0.18 : 0.3 + 0.7 * Math.min(1, item.score);
    bar(pen, view, item, lane.y + row * ROW, ROW - 1, color);
    pen.globalAlpha = 1;
    if (rejected) strike(pen, view, item, lane.y + row * ROW + ROW / 2, colours.muted);
    else if (item.verdict) mark(pen, view, item, lane.y + row * ROW, colours.text);
  }
}

export function drawVerified(pen, lane, view, colours, { segments, classes }) {
  ground(pen, lane, view, colours);
  for (const one of segments) {
    if (one.end < view.start || one.start > view.end) continue;
    const color = classes.get(one.class)?.color ?? "#808080";
    pen.globalAlpha = one.pending ? FAINT : 1;
    bar(pen, view, one, lane.y + 1, lane.h - 2, color);
    pen.globalAlpha = 1;
    name(pen, view, one, lane, classes.get(one.class)?.name, one.pending ? colours.text : inkOn(color), colours);
  }
}

export function drawTruth(pen, lane, view, colours, { truth, colourOf }) {
  ground(pen, lane, view, colours);
  for (const one of truth) {
    if (one.end < view.start || one.start > view.end) continue;
    const color = colourOf(one.label);
    const [x, w] = extent(view, one);
    pen.globalAlpha = FAINT;
    pen.fillStyle = color;
    pen.fillRect(x, lane.y + 1, w, lane.h - 2);
    pen.globalAlpha = 1;
    pen.strokeStyle = color;
    pen.lineWidth = 1.5;
    pen.strokeRect(x + 0.75, lane.y + 1.75, Math.max(0.5, w - 1.5), lane.h - 3.5);
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

function bar(pen, view, one, y, h, color) {
  const [x, w] = extent(view, one);
  pen.fillStyle = color;
  if (w < 6) return pen.fillRect(x, y, w, h);
  pen.beginPath();
  pen.roundRect(x, y, w, h, 3);
  pen.fill();
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
