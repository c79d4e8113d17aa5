/** Clicks: pins in their class's colour with its key; where they would cover each other, columns of how many. */
import { inkOn, strong } from "./colours.js";

export const RADIUS = 8; // px of a pin's head
const CROWDED = 0.5; // pins per pixel from which columns say more
const COLUMN = 3; // px

/** Clicks in [from, to] of a list sorted by time. */
export function between(clicks, from, to) {
  const first = lower(clicks, from);
  return clicks.slice(first, lower(clicks, to));
}

/** Height of a pin's head in its lane, by class: two classes at one moment do not hide each other. */
export function headY(lane, place) {
  return lane.y + RADIUS + 1 + (place % 3) * 8;
}

export function drawClicks(pen, lane, view, colours, { clicks, classes }) {
  const seen = between(clicks, view.start - 20 / view.scale, view.end + 20 / view.scale);
  pen.fillStyle = colours.sunken;
  pen.fillRect(0, lane.y, view.width, lane.h);
  if (seen.length > CROWDED * view.width) drawColumns(pen, lane, view, colours, seen, classes);
  else drawPins(pen, lane, view, colours, seen, classes);
}

function drawPins(pen, lane, view, colours, seen, classes) {
  const small = seen.length > view.width / 12;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  pen.font = `700 10px ${colours.font}`;
  // Class by class: state changes of the canvas cost more than lines.
  const groups = new Map();
  for (const click of seen) {
    if (!groups.has(click.class)) groups.set(click.class, []);
    groups.get(click.class).push(click);
  }
  for (const [id, group] of groups) {
    const one = classes.get(id);
    const color = one?.color ?? "#808080";
    const edge = strong(color, colours);
    const y = headY(lane, one?.place ?? 0);
    pen.strokeStyle = edge;
    pen.lineWidth = 2;
    for (const click of group) {
      const x = view.x(click.time);
      if (click.pending) pen.setLineDash([3, 2]);
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(x, lane.y + lane.h);
      pen.stroke();
      pen.beginPath();
      pen.arc(x, y, small ? 4 : RADIUS, 0, 2 * Math.PI);
      pen.fillStyle = color;
      if (!click.pending) pen.fill();
      if (click.pending || edge !== color) pen.stroke();
      if (click.pending) pen.setLineDash([]);
      if (!small && !click.pending && one?.key) {
        pen.fillStyle = inkOn(color);
        pen.fillText(one.key, x, y + 0.5);
      }
    }
  }
}

function drawColumns(pen, lane, view, colours, seen, classes) {
  const columns = new Map();
  let most = 1;
  for (const click of seen) {
    const column = Math.floor(view.x(click.time) / COLUMN);
    if (!columns.has(column)) columns.set(column, new Map());
    const counts = columns.get(column);
    counts.set(click.class, (counts.get(click.class) ?? 0) + 1);
    counts.total = (counts.total ?? 0) + 1;
    most = Math.max(most, counts.total);
  }
  for (const [column, counts] of columns) {
    const tall = ((lane.h - 2) * Math.log1p(counts.total)) / Math.log1p(most);
    let y = lane.y + lane.h;
    for (const [id, count] of counts) {
      const part = (tall * count) / counts.total;
      pen.fillStyle = strong(classes.get(id)?.color ?? "#808080", colours);
      pen.fillRect(column * COLUMN, y - part, COLUMN - 0.5, part);
      y -= part;
    }
  }
}

function lower(clicks, time) {
  let low = 0;
  let high = clicks.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (clicks[middle].time < time) low = middle + 1;
    else high = middle;
  }
  return low;
}
