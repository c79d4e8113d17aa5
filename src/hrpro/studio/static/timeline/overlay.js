/** What moves over the still lanes: playhead, selection, the thing being dragged. Drawn alone, so playing is cheap. */
import { exactTime } from "../clock.js";
import { strong } from "./colours.js";
import { headY, RADIUS } from "./draw_clicks.js";
import { ROW } from "./layout.js";

export function drawOverlay(pen, scene, { playhead, selection, drag, focused }) {
  const { view, plan, colours, classes } = scene;
  pen.clearRect(0, 0, view.width, plan.height);
  const chosen = selection && find(scene, selection);
  if (chosen && drag?.id !== selection.id) outline(pen, scene, selection.kind, chosen, focused);
  if (drag) {
    const color = classes.get(drag.item.class)?.color ?? "#808080";
    if (drag.kind === "click") {
      pin(pen, scene, { ...drag.item, time: drag.time }, color);
    } else {
      const lane = plan.by[drag.kind === "segment" ? "verified" : "predicted"];
      pen.globalAlpha = 0.55;
      pen.fillStyle = color;
      pen.fillRect(view.x(drag.start), lane.y, (drag.end - drag.start) * view.scale, lane.h);
      pen.globalAlpha = 1;
      pen.strokeStyle = strong(color, colours);
      pen.lineWidth = 1.5;
      pen.strokeRect(view.x(drag.start), lane.y + 1, (drag.end - drag.start) * view.scale, lane.h - 2);
    }
  }
  const x = Math.round(view.x(playhead)) + 0.5;
  if (x > -8 && x < view.width + 8) drawPlayhead(pen, scene, x);
  if (drag) label(pen, scene, view.x(drag.time), exactTime(drag.time));
}

function drawPlayhead(pen, { plan, colours }, x) {
  pen.strokeStyle = pen.fillStyle = colours.accent;
  pen.lineWidth = 1.5;
  pen.beginPath();
  pen.moveTo(x, 10);
  pen.lineTo(x, plan.height);
  pen.stroke();
  pen.beginPath();
  pen.moveTo(x - 6, 0);
  pen.lineTo(x + 6, 0);
  pen.lineTo(x + 6, 7);
  pen.lineTo(x, 14);
  pen.lineTo(x - 6, 7);
  pen.fill();
}

function find(scene, { kind, id }) {
  if (kind === "click") return scene.clicks.find((one) => one.id === id);
  if (kind === "segment") return scene.segments.find((one) => one.id === id);
  return scene.predicted.find((one) => one.item.id === id);
}

function outline(pen, { view, plan, colours, classes }, kind, chosen, focused) {
  pen.strokeStyle = focused ? colours.accent : colours.text;
  pen.lineWidth = focused ? 3 : 2;
  pen.beginPath();
  if (kind === "click") {
    pen.arc(view.x(chosen.time), headY(plan.by.clicks, classes.get(chosen.class)?.place ?? 0), RADIUS + 2.5, 0, 2 * Math.PI);
  } else if (kind === "segment" && plan.by.verified) {
    pen.roundRect(view.x(chosen.start) - 1, plan.by.verified.y, (chosen.end - chosen.start) * view.scale + 2, plan.by.verified.h, 3);
  } else if (kind === "prediction" && plan.by.predicted) {
    const { item, row } = chosen;
    pen.roundRect(view.x(item.start) - 1, plan.by.predicted.y + row * ROW - 1, (item.end - item.start) * view.scale + 2, ROW + 1, 3);
  }
  pen.stroke();
}

function pin(pen, { view, plan, classes, colours }, click, color) {
  const x = view.x(click.time);
  const y = headY(plan.by.clicks, classes.get(click.class)?.place ?? 0);
  const edge = strong(color, colours);
  pen.beginPath();
  pen.moveTo(x, 24);
  pen.lineTo(x, plan.height);
  // It crosses the pictures too, so it brings its ground along.
  for (const [ink, width] of [[colours.sunken, 4], [edge, 2]]) {
    pen.strokeStyle = ink;
    pen.lineWidth = width;
    pen.stroke();
  }
  pen.beginPath();
  pen.arc(x, y, RADIUS + 2, 0, 2 * Math.PI);
  pen.fillStyle = color;
  pen.fill();
  pen.stroke();
}

function label(pen, { view, colours }, x, text) {
  pen.font = `600 12px ${colours.font}`;
  const wide = pen.measureText(text).width + 12;
  const left = Math.min(Math.max(2, x - wide / 2), view.width - wide - 2);
  pen.fillStyle = colours.text;
  pen.beginPath();
  pen.roundRect(left, 2, wide, 20, 4);
  pen.fill();
  pen.fillStyle = colours.surface;
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  pen.fillText(text, left + 6, 12.5);
}
