/** What people do to the things on the timeline, by pointer or by keyboard. */
import { spokenTime } from "../clock.js";
import { className } from "../things.js";

/** @param ctx see main.js @param view see view.js */
export function createActions(ctx, view) {
  const { state } = ctx;
  let edited = null; // who takes dragged boundaries
  let resume = false;

  function select(kind, item) {
    if (kind === "click") return ctx.clicking.select(item.id);
    state.set("selection", kind === "truth" ? null : { kind, id: item.id });
    ctx.player.pause();
    ctx.player.seek(item.start);
    view.reveal(item.start);
    ctx.announce(`${item.label ?? className(state, item.class)} from ${spokenTime(item.start)} to ${spokenTime(item.end)}`);
  }

  /** Move a click, or an edge of a segment, by so many pictures. */
  function shift(kind, item, pictures, edge) {
    const move = (time) => ctx.player.frameFrom(time, pictures);
    if (kind === "click") {
      const time = move(item.time);
      ctx.clicking.move(item.id, time);
      return ctx.player.seek(time);
    }
    const [start, end] = edge === "start" ? [move(item.start), item.end] : [item.start, move(item.end)];
    if (end > start) resized({ kind, id: item.id, item, start, end, edge, time: edge === "start" ? start : end });
  }

  function remove(kind, item) {
    if (kind === "click") ctx.clicking.remove(item.id);
    else if (kind === "segment") ctx.clicking.store({ op: "delete_segment", id: item.id });
  }

  function resized({ kind, id, item, start, end, edge, time }) {
    if (edited) edited({ kind, id, start, end, item });
    else if (kind === "segment") {
      ctx.clicking.store({ op: "edit_segment", id, ...(item.version ? { version: item.version } : {}), [edge]: edge === "start" ? start : end });
    }
    ctx.player.seek(time);
    ctx.announce(`${className(state, item.class)} from ${spokenTime(start)} to ${spokenTime(end)}`);
  }

  function moved({ id, item, time }) {
    ctx.clicking.move(id, time, item.version || undefined);
  }

  /** Drag the playhead; what played goes on playing where it is let go. */
  function scrub(time, phase) {
    if (phase === "start") {
      resume = state.get("playing");
      ctx.player.pause();
    }
    if (time !== null) ctx.player.seek(Math.min(Math.max(0, time), view.duration));
    if (phase === "end" && resume) ctx.player.play();
  }

  function tap(found, time) {
    if (found.kind === "ground" || found.kind === "truth") {
      state.set("selection", null);
      return ctx.player.seek(time);
    }
    select(found.kind, found.item);
  }

  return { select, shift, remove, resized, moved, scrub, tap, onEdit: (handler) => (edited = handler) };
}
