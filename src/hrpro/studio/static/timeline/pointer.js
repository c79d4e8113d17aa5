/**
 * Mouse, pen and fingers on the timeline: drag a click or an edge, scrub the ruler, pan the ground, tap to go,
 * two fingers or the wheel to zoom around where they are. Escape takes a drag back.
 */
import { hit } from "./hits.js";

const STILL = 4; // px below which a press is no drag
const SHORTEST = 0.05; // s, of a segment
const WHEEL = 0.0022; // zoom per pixel of a wheel's turn

/**
 * @param canvas the topmost one
 * @param scene see hits.js, with view
 * @param does {seek, scrubbing, select, moved(what, time), resized(what, edge, time), drag(drag|null), hover(hit, event)}
 */
export function followPointers(canvas, scene, does) {
  const { view } = scene;
  const down = new Map(); // pointerId -> {x, y}
  let press = null; // {found, x, y, pan, drag}
  let pinch = null;

  const place = (event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, place(event));
    if (down.size === 2) return startPinch();
    if (down.size > 2) return;
    const { x, y } = place(event);
    const found = hit(scene, x, y, event.pointerType);
    press = { found, x, y, start: view.start, from: does.playhead() };
    if (found.kind === "ruler") does.scrub(view.time(x), "start");
  });

  canvas.addEventListener("pointermove", (event) => {
    const { x, y } = place(event);
    if (!down.has(event.pointerId)) return does.hover(hit(scene, x, y, event.pointerType), x, y);
    down.set(event.pointerId, { x, y });
    if (pinch) return movePinch();
    if (!press) return;
    const { found } = press;
    if (found.kind === "ruler") return does.scrub(clamp(view.time(x)), "move");
    if (!press.moving && Math.abs(x - press.x) < STILL) return;
    press.moving = true;
    does.hover(null);
    if (found.kind === "click") dragTo({ ...found, time: clamp(found.item.time + (x - press.x) / view.scale) });
    else if (found.edge) dragTo({ ...found, ...stretched(found, clamp(view.time(x))) });
    else {
      view.set(press.start - (x - press.x) / view.scale, view.span);
      canvas.classList.add("panning");
    }
  });

  function dragTo(drag) {
    press.drag = drag;
    does.drag(drag);
  }

  const release = (event) => {
    if (!down.delete(event.pointerId)) return;
    canvas.classList.remove("panning");
    if (pinch) {
      if (!down.size) pinch = null;
      press = null;
      return;
    }
    if (!press) return;
    const { found, drag, moving, from } = press;
    press = null;
    if (found.kind === "ruler") return does.scrub(null, "end");
    does.drag(null);
    if (event.type === "pointercancel") return drag && does.seek(from);
    if (drag) return drag.kind === "click" ? does.moved(drag) : does.resized(drag);
    if (!moving) does.tap(found, clamp(view.time(place(event).x)));
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("pointerleave", () => does.hover(null));

  document.addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape" || !press?.drag) return;
      event.preventDefault();
      event.stopPropagation();
      const { from } = press;
      press = null;
      does.drag(null);
      does.seek(from);
    },
    true,
  );

  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const unit = event.deltaMode === 1 ? 24 : 1;
      const along = event.shiftKey && !event.deltaX ? event.deltaY : event.deltaX;
      if (Math.abs(along) > Math.abs(event.shiftKey ? 0 : event.deltaY)) view.pan(along * unit);
      else view.zoom(Math.exp(-event.deltaY * unit * WHEEL * (event.ctrlKey ? 3 : 1)), place(event).x);
    },
    { passive: false },
  );

  const clamp = (time) => Math.min(Math.max(0, time), view.duration);

  function stretched({ item, edge }, time) {
    if (edge === "start") return { start: Math.min(time, item.end - SHORTEST), end: item.end, time: Math.min(time, item.end - SHORTEST) };
    return { start: item.start, end: Math.max(time, item.start + SHORTEST), time: Math.max(time, item.start + SHORTEST) };
  }

  function startPinch() {
    if (press?.drag) does.drag(null);
    press = null;
    const [a, b] = [...down.values()];
    pinch = { far: Math.max(10, Math.abs(a.x - b.x)), time: view.time((a.x + b.x) / 2), span: view.span };
  }

  function movePinch() {
    const [a, b] = [...down.values()];
    if (!b) return;
    const span = (pinch.span * pinch.far) / Math.max(10, Math.abs(a.x - b.x));
    view.set(pinch.time - ((a.x + b.x) / 2 / view.width) * span, span);
  }
}
