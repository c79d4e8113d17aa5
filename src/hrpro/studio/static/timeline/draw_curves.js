/** The model's curves: attention A as a grey ground, activation P of each class as a line; peaks survive any zoom. */
import { strong, VEIL } from "./colours.js";

const FAINT = 0.05; // classes that nowhere in sight reach this are not drawn

export function drawCurves(pen, lane, view, colours, { activations, colourOf }) {
  pen.fillStyle = colours.sunken;
  pen.fillRect(0, lane.y, view.width, lane.h);
  if (!activations) return; // on their way
  const { attention, activation, classes } = activations;
  const trace = (values) => curve(values, activations, view);
  pen.fillStyle = colours.muted;
  pen.globalAlpha = VEIL;
  const ground = trace(attention);
  if (ground.length) fillUnder(pen, lane, ground);
  pen.globalAlpha = 1;
  pen.lineJoin = "round";
  pen.lineWidth = 1.5;
  pen.strokeStyle = colours.muted;
  line(pen, lane, ground);
  activation.forEach((values, index) => {
    const points = trace(values);
    if (!points.some(([, value]) => value >= FAINT)) return;
    pen.strokeStyle = strong(colourOf(classes[index]), colours, "veiled");
    line(pen, lane, points);
  });
}

function line(pen, lane, points) {
  pen.beginPath();
  points.forEach(([x, value], at) => (at ? pen.lineTo(x, level(lane, value)) : pen.moveTo(x, level(lane, value))));
  pen.stroke();
}

const level = (lane, value) => lane.y + lane.h - 1 - Math.min(1, Math.max(0, value)) * (lane.h - 3);

/** [x, value] of the snippets in sight, at the middle of each one's cell; several on a pixel: the largest. */
function curve(values, { stride, offset }, view) {
  const first = Math.max(0, Math.floor((view.start - offset) / stride) - 1);
  const last = Math.min(values.length - 1, Math.ceil((view.end - offset) / stride) + 1);
  const together = Math.max(1, Math.floor((last - first) / view.width));
  const points = [];
  // Groups begin at multiples of their size, or the curve would shimmer while it is moved.
  for (let index = first - (first % together); index <= last; index += together) {
    let most = 0;
    const stop = Math.min(values.length, index + together);
    for (let at = index; at < stop; at++) if (values[at] > most) most = values[at];
    points.push([view.x(offset + (index + together / 2) * stride), most]);
  }
  return points;
}

function fillUnder(pen, lane, points) {
  pen.beginPath();
  pen.moveTo(points[0][0], lane.y + lane.h);
  for (const [x, value] of points) pen.lineTo(x, level(lane, value));
  pen.lineTo(points.at(-1)[0], lane.y + lane.h);
  pen.fill();
}
