/**
 * The timeline: lanes of one recording on two canvases, the still one and the one that moves.
 *
 * One loop draws, and only when something has changed. What is asked of it from outside is at the end.
 */
import { exactTime } from "../clock.js";
import { h, iconButton } from "../dom.js";
import { classesById, shownClicks, shownSegments } from "../things.js";
import { createActions } from "./actions.js";
import { readColours } from "./colours.js";
import { drawClicks } from "./draw_clicks.js";
import { drawCurves } from "./draw_curves.js";
import { drawRuler } from "./draw_ruler.js";
import { drawPredicted, drawTruth, drawVerified } from "./draw_segments.js";
import { layout, packed } from "./layout.js";
import { createMinimap } from "./minimap.js";
import { drawOverlay } from "./overlay.js";
import { followPointers } from "./pointer.js";
import { createReach } from "./reach.js";
import { createThumbs } from "./thumbs.js";
import { createTip } from "./tip.js";
import { createView } from "./view.js";

export function createTimeline(place, ctx) {
  const { state } = ctx;
  const still = h("canvas", { class: "lanes", "aria-hidden": "true" });
  const moving = h("canvas", { class: "lanes over" });
  const box = h("div", { class: "timeline-view", role: "slider", tabindex: "0", "aria-label": "Playhead", "aria-orientation": "horizontal", "aria-valuemin": "0" }, still, moving);
  const titles = h("div", { class: "lane-titles", "aria-hidden": "true" });
  const [stillPen, movingPen] = [still.getContext("2d"), moving.getContext("2d")];
  const dirty = { still: true, moving: true, map: true };
  let frame = 0;
  let drag = null;

  const view = createView(() => mark("still", "moving", "map"));
  const scene = { view, plan: layout({}), clicks: [], classes: new Map(), segments: [], predicted: [], truth: [], colours: readColours(place), editable: { prediction: false } };
  const thumbs = createThumbs(() => mark("still"));
  const tip = createTip(box, state);
  const map = createMinimap(view, { clicks: () => scene.clicks, classes: () => scene.classes, playhead: () => state.get("playhead"), colours: () => scene.colours });
  const does = createActions(ctx, view);
  const reach = createReach(state, does);

  place.append(
    h(
      "div",
      { class: "timeline-tools", role: "group", "aria-label": "Timeline zoom" },
      iconButton("plus", "Zoom in", () => zoom(2), { title: "Zoom in (+)" }),
      iconButton("minus", "Zoom out", () => zoom(0.5), { title: "Zoom out (−)" }),
      iconButton("fit", "Show all", () => view.fit(), { title: "Show the whole recording (0)" }),
    ),
    titles,
    h("div", { class: "timeline-body" }, box, map.canvas),
    reach,
  );

  function mark(...parts) {
    for (const part of parts) dirty[part] = true;
    frame ||= requestAnimationFrame(draw);
  }

  function draw() {
    frame = 0;
    if (dirty.still) drawStill();
    if (dirty.moving) drawOverlay(fresh(movingPen), scene, { playhead: state.get("playhead"), selection: state.get("selection"), drag, focused: place.contains(document.activeElement) });
    if (dirty.map && !map.canvas.hidden) map.draw();
    dirty.still = dirty.moving = dirty.map = false;
  }

  function fresh(pen) {
    const ratio = devicePixelRatio || 1;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    return pen;
  }

  function drawStill() {
    const pen = fresh(stillPen);
    pen.clearRect(0, 0, view.width, scene.plan.height);
    const { by } = scene.plan;
    const { colours } = scene;
    drawRuler(pen, by.ruler, view, colours);
    if (by.thumbs) thumbs.draw(pen, by.thumbs, view, colours);
    drawClicks(pen, by.clicks, view, colours, scene);
    if (by.curves) drawCurves(pen, by.curves, view, colours, { activations: state.get("activations"), colourOf });
    if (by.predicted) drawPredicted(pen, by.predicted, view, colours, scene);
    if (by.verified) drawVerified(pen, by.verified, view, colours, scene);
    if (by.truth) drawTruth(pen, by.truth, view, colours, { truth: scene.truth, colourOf });
    const end = view.x(view.duration);
    if (end < view.width) {
      pen.fillStyle = colours.surface;
      pen.fillRect(end, 0, view.width - end, scene.plan.height);
    }
  }

  function colourOf(label) {
    for (const one of scene.classes.values()) if (one.name === label) return one.color;
    return "#808080";
  }

  function gather() {
    scene.clicks = shownClicks(state);
    scene.segments = shownSegments(state);
    const place = new Map(state.get("classes").map((one, index) => [one.id, index]));
    scene.classes = new Map([...classesById(state)].map(([id, one]) => [id, { ...one, place: place.get(id) }]));
    scene.truth = state.get("truth");
    mark("still", "moving", "map");
  }

  function gatherPredicted() {
    scene.predicted = packed(state.get("predictions")?.items ?? []);
    mark("still", "moving");
  }

  function arrange() {
    const video = state.get("videos").find((one) => one.id === state.get("video"));
    // What is on its way has its place already, so that nothing below jumps.
    const awaited = state.get("predictions") === undefined && Boolean(state.get("project")?.runs?.length);
    scene.plan = layout({
      thumbs: Boolean(video?.thumbs),
      activations: Boolean((awaited && video?.features) || state.get("activations")?.attention?.length),
      predicted: Boolean((awaited && video?.predicted) || state.get("predictions")?.items.length),
      verified: scene.segments.length > 0,
      truth: scene.truth.length > 0,
    });
    const [height, width] = [scene.plan.height, Math.max(1, box.clientWidth)];
    box.style.height = titles.style.height = `${height}px`;
    const ratio = devicePixelRatio || 1;
    for (const canvas of [still, moving]) {
      const size = [Math.round(width * ratio), Math.round(height * ratio)];
      if (canvas.width === size[0] && canvas.height === size[1]) continue;
      [canvas.width, canvas.height] = size;
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    if (view.width !== width) view.width = width;
    titles.replaceChildren(
      ...scene.plan.lanes.filter((lane) => lane.title).map((lane) => {
        const title = h("span", {}, lane.title);
        title.style.top = `${lane.y}px`;
        title.style.height = `${lane.h}px`;
        return title;
      }),
    );
    mark("still", "moving", "map");
  }

  // What people do here

  const zoom = (factor) => {
    const x = view.x(state.get("playhead"));
    view.zoom(factor, x >= 0 && x <= view.width ? x : undefined);
  };

  followPointers(moving, scene, {
    playhead: () => state.get("playhead"),
    seek: (time) => ctx.player.seek(time),
    scrub: does.scrub,
    tap: does.tap,
    drag(next) {
      if (next && !drag) {
        ctx.player.pause();
        if (next.kind !== "truth") state.set("selection", { kind: next.kind, id: next.id });
      }
      drag = next;
      moving.classList.toggle("dragging", Boolean(next));
      if (next) ctx.player.seek(next.time);
      mark("moving");
    },
    moved: does.moved,
    resized: does.resized,
    hover(found, x, y) {
      tip.show(found, x, y);
      moving.style.cursor = !found ? "" : found.edge ? "ew-resize" : found.kind === "ruler" ? "col-resize" : found.id ? "pointer" : "";
    },
  });

  // When to look again

  state.on(["clicks", "segments", "pending", "classes", "truth"], () => {
    gather();
    arrange();
  });
  state.on(["predictions"], gatherPredicted);
  state.on(["predictions", "activations", "video", "videos"], arrange);
  state.on(["selection"], () => mark("moving"));
  state.on(["playhead"], () => {
    const time = state.get("playhead");
    // Paging, not sliding: what one looks at stays still.
    if (state.get("playing") && (time > view.end || time < view.start)) view.set(time - view.span * 0.05, view.span);
    box.setAttribute("aria-valuenow", time.toFixed(3));
    box.setAttribute("aria-valuetext", exactTime(time));
    mark("moving", "map");
  });
  state.on(["duration"], () => {
    const all = view.whole;
    view.duration = state.get("duration");
    box.setAttribute("aria-valuemax", view.duration.toFixed(3));
    if (all || view.end > view.duration) view.fit();
    mark("still", "moving", "map");
  });
  state.listen("opened", ({ video, time }) => {
    thumbs.open(video);
    view.duration = video.duration ?? 0;
    view.fit();
    if (time) view.reveal(time);
  });
  state.listen("theme", () => {
    scene.colours = readColours(place);
    mark("still", "moving", "map");
  });
  place.addEventListener("focusin", () => mark("moving"));
  place.addEventListener("focusout", () => mark("moving"));
  new ResizeObserver(arrange).observe(box);

  return {
    /** Bring a moment, in s, into sight. */
    reveal: (time) => view.reveal(time),
    /** Bring a stretch, in s, into sight. */
    show: (start, end) => view.show(start, end),
    zoom,
    fit: () => view.fit(),
    /** handler({kind: "segment"|"prediction", id, start, end, item}) takes boundaries that were moved. */
    onEdit(handler) {
      does.onEdit(handler);
      scene.editable.prediction = true;
    },
    redraw: () => mark("still", "moving", "map"),
    view,
  };
}
