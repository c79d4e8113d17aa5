/** What one does with clicks, from keys, buttons, timeline and list alike: place, move, relabel, delete, walk. */
import { newId } from "./queue.js";
import { spokenTime } from "./clock.js";
import { classesById, className, shownClicks } from "./things.js";

const SAME_PLACE = 0.01; // s: two clicks of a class so near are one press too many

export function createClicking(ctx) {
  const { state, api, notify, announce } = ctx;
  const all = () => shownClicks(state).filter((one) => !one.leaving);
  const find = (id) => all().find((one) => one.id === id);
  const exact = (time) => Math.round(time * 1e6) / 1e6;

  /** Store edits; what the server refuses is told by banner.js. */
  const store = (...ops) => api.ops(...ops).catch(() => null);

  function place(classId) {
    const video = state.get("video");
    const one = classesById(state).get(classId);
    if (!video || !one) return;
    const time = exact(state.get("playhead"));
    if (all().some((click) => click.class === classId && Math.abs(click.time - time) < SAME_PLACE)) {
      return notify(`There is a click ${one.name} at this moment already.`, { key: "click" });
    }
    const id = newId();
    state.set("activeClass", classId);
    state.set("selection", { kind: "click", id });
    ctx.player.flash(one.color, one.name);
    api
      .ops({ op: "add_click", id, video, time, class: classId })
      .then(() => {
        const undo = () => (find(id) ? remove(id) : null);
        notify(`${one.name} at ${spokenTime(time)}`, { kind: "good", seconds: 4, key: "click", action: { label: "Undo", run: undo } });
      })
      .catch(() => {});
  }

  /** version: the one that was seen when a long movement began */
  function move(id, time, version) {
    const click = find(id);
    if (!click || exact(time) === click.time) return;
    store({ op: "move_click", id, time: exact(time), ...(version ? { version } : {}) });
    announce(`${className(state, click.class)} moved to ${spokenTime(time)}`);
  }

  function relabel(id, classId) {
    const click = find(id);
    if (click && click.class !== classId) store({ op: "relabel_click", id, class: classId });
  }

  function remove(id) {
    const click = find(id);
    if (!click) return;
    const others = all().filter((one) => one.id !== id);
    const next = others.find((one) => one.time >= click.time) ?? others.at(-1);
    state.set("selection", next ? { kind: "click", id: next.id } : null);
    const stored = api.ops({ op: "delete_click", id });
    const words = `Deleted ${className(state, click.class)} at ${spokenTime(click.time)}`;
    const undo = () => stored.then(({ revision }) => history("undo", revision), () => {});
    const unsay = notify(words, { key: "click", passing: true, action: { label: "Undo", run: undo } });
    stored.catch(unsay); // banner.js tells why it is still there
  }

  /** Select the click before or after the playhead and go there. */
  function neighbour(way) {
    const time = state.get("playhead");
    const chosen = state.get("selection");
    const clicks = all();
    const at = clicks.findIndex((one) => one.id === chosen?.id && Math.abs(one.time - time) < 1e-3);
    const beyond = (one) => (way > 0 ? one.time > time + 1e-3 : one.time < time - 1e-3);
    const next = at >= 0 ? clicks[at + way] : way > 0 ? clicks.find(beyond) : clicks.findLast(beyond);
    if (!next) return announce(way > 0 ? "No click after this one" : "No click before this one");
    select(next.id);
  }

  function select(id) {
    const click = find(id);
    if (!click) return;
    state.set("selection", { kind: "click", id });
    ctx.player.pause();
    ctx.player.seek(click.time);
    ctx.timeline.reveal(click.time);
    announce(`${className(state, click.class)} at ${spokenTime(click.time)}`);
  }

  /** which: "undo" or "redo". of: the revision of the only edit that is to be undone; see api.js */
  async function history(which, of) {
    try {
      const { label, changed } = await api[which](of);
      const word = which === "undo" ? "Undone" : "Redone";
      notify(`${word}: ${label}`, { key: "click", seconds: 3 });
      showChanged(changed);
    } catch (error) {
      if (error.code === "nothing") notify(`There is nothing to ${which}.`, { key: "click", seconds: 3 });
    }
  }

  /** Bring into sight what an undo changed, if it lies in the open video. */
  function showChanged(changed) {
    const click = changed.find((one) => one.kind === "click" && one.value?.video === state.get("video"));
    if (!click) return;
    state.set("selection", { kind: "click", id: click.id });
    ctx.timeline.reveal(click.value.time);
  }

  return { all, find, place, move, relabel, remove, neighbour, select, history, store };
}
