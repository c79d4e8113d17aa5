/** Clicks, segments, verdicts and classes: taking in the server's changes, and what is shown while some wait. */

import { isNews } from "./news.js";

const PLACES = { click: "clicks", segment: "segments", verdict: "verdicts" };

/** Take one Change of the server into the state, unless a later one of the same thing is known. */
export function applyChange(state, change) {
  if (!isNews(state, change)) return;
  if (change.kind === "class") return applyClass(state, change);
  const place = PLACES[change.kind];
  if (!place) return;
  const held = state.get(place);
  const here = change.value?.video === state.get("video"); // it may have been given to another
  if (!here && !held.has(change.id)) return;
  const next = new Map(held);
  if (here) next.set(change.id, change.value);
  else next.delete(change.id);
  state.set(place, next);
  if (change.kind === "verdict") applyVerdict(state, change);
}

/** The classes with those on their way to the server. */
export function shownClasses(state) {
  const waiting = state.get("pending").flatMap((one) => one.ops ?? []);
  return [...state.get("classes"), ...waiting.filter((op) => op.op === "add_class")];
}

/** Stored clicks with the waiting edits laid over them, by time; those not yet stored carry `pending: true`. */
export function shownClicks(state) {
  return shown(state, "clicks", CLICK_EDITS, (one) => one.time);
}

/** Verified segments likewise, by start. */
export function shownSegments(state) {
  return shown(state, "segments", SEGMENT_EDITS, (one) => one.start);
}

/** @returns {Map<string, object>} classes by id */
export function classesById(state) {
  return memo(state, "classesById", [state.get("classes")], (classes) => {
    return new Map(classes.map((one) => [one.id, one]));
  });
}

export function className(state, id) {
  return classesById(state).get(id)?.name ?? "unknown class";
}

const fields = ({ op, id, ...rest }) => ({ ...rest });
const CLICK_EDITS = {
  add_click: (op) => ({ id: op.id, author: "", version: 0, ...fields(op) }),
  move_click: (op, held) => ({ ...held, time: op.time }),
  relabel_click: (op, held) => ({ ...held, class: op.class }),
  delete_click: () => null,
};
const SEGMENT_EDITS = {
  add_segment: (op) => ({ id: op.id, version: 0, ...fields(op) }),
  edit_segment: (op, held) => ({ ...held, ...fields(op), version: held.version }),
  delete_segment: () => null,
};

function shown(state, place, edits, order) {
  return memo(state, place, [state.get(place), state.get("pending")], (stored, waiting) => {
    const things = new Map(stored);
    for (const op of waiting.flatMap((one) => one.ops ?? [])) {
      const edit = edits[op.op];
      if (!edit) continue;
      const held = things.get(op.id);
      if (!op.op.startsWith("add_") && !held) continue;
      if (op.op.startsWith("add_") && (held || op.video !== state.get("video"))) continue;
      const value = edit(op, held);
      if (value) things.set(op.id, { ...value, pending: true });
      else things.set(op.id, { ...held, pending: true, leaving: true });
    }
    return [...things.values()].sort((a, b) => order(a) - order(b) || (a.id < b.id ? -1 : 1));
  });
}

const memos = new WeakMap();

function memo(state, name, inputs, compute) {
  if (!memos.has(state)) memos.set(state, new Map());
  const held = memos.get(state).get(name);
  if (held && held.inputs.every((value, index) => value === inputs[index])) return held.value;
  const value = compute(...inputs);
  memos.get(state).set(name, { inputs, value });
  return value;
}

function applyClass(state, change) {
  const classes = state.get("classes");
  const known = classes.some((one) => one.id === change.id);
  if (!change.value) state.set("classes", classes.filter((one) => one.id !== change.id));
  else if (known) state.set("classes", classes.map((one) => (one.id === change.id ? change.value : one)));
  else state.set("classes", [...classes, change.value]);
}

function applyVerdict(state, change) {
  const predictions = state.get("predictions");
  if (!predictions) return;
  const items = predictions.items.map((one) =>
    one.id === change.id ? { ...one, verdict: change.value?.verdict ?? null } : one,
  );
  state.set("predictions", { ...predictions, items });
}
