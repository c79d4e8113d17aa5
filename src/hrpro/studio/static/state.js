/**
 * The page's store: named values, and listeners that are told once per turn what changed.
 *
 * Keys (all replaced as a whole, never changed in place):
 *   project {name, path, kind, can, runs, version}   videos Video[]   classes Class[]   jobs Job[]
 *   video (id of the open one or null)   clicks Map(id -> Click)   segments Map(id -> Segment)
 *   verdicts Map(id -> Verdict)   truth [{start,end,label}]   predictions {run, min_score, items}|null (undefined: on their way)
 *   activations {run, stride, offset, window, classes, attention, activation}|null (the same)
 *   playhead s   playing bool   rate number   duration s   fps number|null   selection {kind, id}|null
 *   activeClass id|null   pending Waiting[] (see queue.js)   connection "online"|"lost"|"connecting"
 *   conflict {message, current, mine}|null   tab "click"|"train"|"review"
 * clicks, segments and verdicts are those of the open video, as the server has stored them; what is still on
 * its way is in `pending`; things.js puts both together for display.
 */

const START = {
  project: null,
  videos: [],
  classes: [],
  jobs: [],
  video: null,
  clicks: new Map(),
  segments: new Map(),
  verdicts: new Map(),
  truth: [],
  predictions: null,
  activations: null,
  playhead: 0,
  playing: false,
  rate: 1,
  duration: 0,
  fps: null,
  selection: null,
  activeClass: null,
  pending: [],
  connection: "connecting",
  conflict: null,
  tab: "click",
};

/** @returns {{get: Function, set: Function, update: Function, on: Function, emit: Function, listen: Function}} */
export function createState() {
  const values = { ...START };
  /** @type {Set<{keys: Set<string>, call: Function}>} */
  const listeners = new Set();
  /** @type {Map<string, Set<Function>>} */
  const events = new Map();
  let changed = new Set();

  function flush() {
    const keys = changed;
    changed = new Set();
    for (const listener of [...listeners]) {
      if ([...listener.keys].some((key) => keys.has(key))) listener.call(keys);
    }
  }

  return {
    /** The value under `key`; a key that does not exist is a mistake of the program. */
    get(key) {
      if (!(key in values)) throw new Error(`unknown state ${key}`);
      return values[key];
    },
    /** Replace a value; listeners hear of it at the end of this turn, once. */
    set(key, value) {
      if (!(key in values)) throw new Error(`unknown state ${key}`);
      if (Object.is(values[key], value)) return;
      values[key] = value;
      if (changed.size === 0) queueMicrotask(flush);
      changed.add(key);
    },
    /** Replace several at once: update({video: id, clicks: new Map()}). */
    update(entries) {
      for (const [key, value] of Object.entries(entries)) this.set(key, value);
    },
    /** Call `listener(changedKeys)` when one of `keys` (one name or several) changed. @returns {() => void} off */
    on(keys, listener) {
      const entry = { keys: new Set([].concat(keys)), call: listener };
      listeners.add(entry);
      return () => listeners.delete(entry);
    },
    /** Happenings that leave no value behind: emit("clicked", {id}). */
    emit(event, detail) {
      for (const listener of [...(events.get(event) ?? [])]) listener(detail);
    },
    /** Hear of a happening. @returns {() => void} off */
    listen(event, listener) {
      if (!events.has(event)) events.set(event, new Set());
      events.get(event).add(listener);
      return () => events.get(event).delete(listener);
    },
  };
}
