/** What lies under a pointer: a click, the edge or body of a segment, the ruler, a lane's ground. */
import { between, headY, RADIUS } from "./draw_clicks.js";
import { ROW } from "./layout.js";

const REACH = { mouse: 6, pen: 10, touch: 18 }; // px beyond a thing's own edge

/**
 * @param scene {view, plan, clicks, classes, segments, predicted, truth, editable: {prediction: boolean}}
 * @returns {{kind: string, id?: string, edge?: "start"|"end", item?: object}}
 */
export function hit(scene, x, y, pointer = "mouse") {
  const { view, plan } = scene;
  const lane = plan.lanes.find((one) => y >= one.y && y < one.y + one.h + 4) ?? plan.lanes.at(-1);
  const reach = REACH[pointer] ?? REACH.mouse;
  if (lane.name === "ruler") return { kind: "ruler" };
  if (lane.name === "clicks") return clickAt(scene, lane, x, y, reach) ?? { kind: "ground" };
  if (lane.name === "predicted") {
    const row = Math.floor((y - lane.y) / ROW);
    const near = scene.predicted.filter((one) => one.row === row).map((one) => one.item).reverse();
    return segmentAt(view, near, "prediction", x, reach, scene.editable.prediction) ?? { kind: "ground" };
  }
  if (lane.name === "verified") return segmentAt(view, scene.segments, "segment", x, reach, true) ?? { kind: "ground" };
  if (lane.name === "truth") return segmentAt(view, scene.truth, "truth", x, 0, false) ?? { kind: "ground" };
  return { kind: "ground" };
}

function clickAt(scene, lane, x, y, reach) {
  const { view } = scene;
  const wide = (RADIUS + reach) / view.scale;
  let best = null;
  for (const item of between(scene.clicks, view.time(x) - wide, view.time(x) + wide)) {
    if (item.leaving) continue;
    const dx = Math.abs(view.x(item.time) - x);
    const dy = Math.abs(headY(lane, scene.classes.get(item.class)?.place ?? 0) - y);
    // The stem can be taken as well as the head; the head of another one wins over a stem.
    const far = dx + (dy > RADIUS ? Math.min(dy, 12) / 4 : 0);
    if (dx <= (dy <= RADIUS + reach ? RADIUS + reach / 2 : reach) && (!best || far < best.far)) best = { far, item };
  }
  return best && { kind: "click", id: best.item.id, item: best.item };
}

function segmentAt(view, items, kind, x, reach, edges) {
  const time = view.time(x);
  const slack = reach / view.scale;
  let body = null;
  for (const item of items) {
    if (time < item.start - slack || time > item.end + slack) continue;
    const [left, right] = [Math.abs(view.x(item.start) - x), Math.abs(view.x(item.end) - x)];
    if (edges && Math.min(left, right) <= reach) return { kind, id: item.id, item, edge: left < right ? "start" : "end" };
    if (time >= item.start && time <= item.end) body ??= { kind, id: item.id, item };
  }
  return body;
}
