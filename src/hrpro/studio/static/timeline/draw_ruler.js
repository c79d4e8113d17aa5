/** The ruler: ticks at round times, never closer than can be read. */
import { shortTime } from "../clock.js";

const STEPS = [0.04, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
const APART = 84; // px between labels

export function drawRuler(pen, lane, view, colours) {
  const step = STEPS.find((one) => one * view.scale >= APART) ?? 7200;
  const parts = step * view.scale >= 5 * 14 ? 5 : 2;
  pen.fillStyle = colours.sunken;
  pen.fillRect(0, lane.y, view.width, lane.h);
  pen.strokeStyle = colours.edge;
  pen.fillStyle = colours.muted;
  pen.font = `11px ${colours.font}`;
  pen.textBaseline = "middle";
  pen.textAlign = "left";
  pen.lineWidth = 1;
  pen.beginPath();
  for (let index = Math.floor(view.start / step) * parts; (index / parts) * step <= view.end; index++) {
    const time = (index / parts) * step;
    const x = Math.round(view.x(time)) + 0.5;
    const whole = index % parts === 0;
    pen.moveTo(x, lane.y + lane.h);
    pen.lineTo(x, lane.y + lane.h - (whole ? 9 : 4));
    if (whole && time <= view.duration) pen.fillText(label(time, step), x + 4, lane.y + 10);
  }
  pen.stroke();
}

function label(time, step) {
  if (step >= 1) return shortTime(time);
  const digits = step < 0.1 ? 2 : 1;
  const rest = (time % 60).toFixed(digits).padStart(digits + 3, "0");
  return `${shortTime(Math.floor(time / 60 + 1e-9) * 60).replace(/\d\d$/, "")}${rest}`;
}
