/** The whole recording in one strip: where the clicks are, and the stretch in sight; drag it along. */
import { h } from "../dom.js";
import { strong } from "./colours.js";

const COLUMN = 2; // px

export function createMinimap(view, { clicks, classes, playhead, colours }) {
  const canvas = h("canvas", { class: "minimap", "aria-hidden": "true" });
  const pen = canvas.getContext("2d");

  function draw() {
    const ratio = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width) return;
    if (canvas.width !== Math.round(width * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.fillStyle = colours().sunken;
    pen.fillRect(0, 0, width, height);
    const x = (time) => (time / (view.duration || 1)) * width;
    const last = new Map(); // class -> last column drawn: thousands of clicks are a few hundred columns
    for (const click of clicks()) {
      const column = Math.floor(x(click.time) / COLUMN);
      if (last.get(click.class) === column) continue;
      last.set(click.class, column);
      const one = classes().get(click.class);
      pen.fillStyle = strong(one?.color ?? "#808080", colours());
      pen.fillRect(column * COLUMN, 3 + ((one?.place ?? 0) % 3) * 4, COLUMN, 5);
    }
    if (!view.whole) drawWindow(x(view.start), Math.max(6, x(view.span)), height);
    pen.fillStyle = colours().text;
    pen.fillRect(x(playhead()) - 0.5, 0, 1.5, height);
  }

  function drawWindow(left, wide, height) {
    pen.fillStyle = pen.strokeStyle = colours().accent;
    pen.globalAlpha = 0.16;
    pen.fillRect(left, 0, wide, height);
    pen.globalAlpha = 1;
    pen.lineWidth = 1.5;
    pen.strokeRect(left + 0.75, 0.75, wide - 1.5, height - 1.5);
  }

  let grip = null; // s between the pointer and the beginning of the stretch
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    const time = (event.offsetX / canvas.clientWidth) * view.duration;
    grip = time >= view.start && time <= view.end ? time - view.start : view.span / 2;
    view.set(time - grip, view.span);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (grip !== null) view.set((event.offsetX / canvas.clientWidth) * view.duration - grip, view.span);
  });
  for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (grip = null));
  return { canvas, draw };
}
