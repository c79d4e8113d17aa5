/**
 * The timeline for those who do not see or point: every click and segment, true ones too, as a button in an unseen list.
 * Up and down walk through them by time, Enter goes there, left and right move by a picture, Delete deletes.
 */
import { spokenTime } from "../clock.js";
import { h } from "../dom.js";
import { createRows } from "../rows.js";
import { className, shownClicks, shownSegments } from "../things.js";

/** @param does {select(kind, item), shift(kind, item, pictures, edge), remove(kind, item)} */
export function createReach(state, does) {
  const place = h("div", { class: "unseen reach" });
  const rows = createRows(place, { label: "Clicks and segments on the timeline", row, keydown, height: () => 1, focused: ({ kind, item }) => state.set("selection", kind === "truth" ? null : { kind, id: item.id }) });

  function row({ kind, item }) {
    return h("li", {}, h("button", { type: "button", onclick: () => does.select(kind, item) }, spoken(kind, item)));
  }

  function spoken(kind, item) {
    if (kind === "truth") return `True segment ${item.label} from ${spokenTime(item.start)} to ${spokenTime(item.end)}`;
    const name = className(state, item.class);
    if (kind === "click") return `Click ${name} at ${spokenTime(item.time)}${item.pending ? ", not stored yet" : ""}`;
    const extent = `${name} from ${spokenTime(item.start)} to ${spokenTime(item.end)}`;
    if (kind === "segment") return `Verified segment ${extent}`;
    return `Predicted segment ${extent}, score ${Math.round(item.score * 100)} percent${item.verdict ? `, ${item.verdict}` : ""}`;
  }

  function keydown(event, { kind, item }) {
    if (kind === "truth") return;
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (way) {
      event.preventDefault();
      does.shift(kind, item, way, event.shiftKey ? "end" : "start");
    } else if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      does.remove(kind, item);
    }
  }

  let known = new Map();

  /** An entry stays the same object as long as its thing does, so its button stays too. */
  function entry(kind, item, names, id = item.id) {
    const held = known.get(id);
    return held?.item === item && held.names === names ? held : { id, kind, item, names };
  }

  function show() {
    const names = state.get("classes");
    const begin = ({ item }) => item.time ?? item.start;
    const entries = [
      ...shownClicks(state).map((one) => entry("click", one, names)),
      ...shownSegments(state).map((one) => entry("segment", one, names)),
      ...(state.get("predictions")?.items ?? []).map((one) => entry("prediction", one, names)),
      ...state.get("truth").map((one, index) => entry("truth", one, null, `truth ${index}`)),
    ].sort((a, b) => begin(a) - begin(b));
    known = new Map(entries.map((one) => [one.id, one]));
    rows.show(entries, state.get("selection")?.id ?? null);
  }
  state.on(["clicks", "segments", "pending", "predictions", "classes", "truth"], show);
  return place;
}
