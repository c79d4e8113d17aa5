/** Which stretch of the recording is in sight: seconds to pixels and back, zoom around a point, pan. */

const SHORTEST = 0.4; // s in sight at the strongest zoom

/** @param changed called when the stretch has changed */
export function createView(changed) {
  const view = {
    start: 0, // s
    span: 1, // s
    width: 1, // px
    duration: 0, // s
    x: (time) => ((time - view.start) / view.span) * view.width,
    time: (x) => view.start + (x / view.width) * view.span,
    get end() {
      return view.start + view.span;
    },
    /** Pixels of a second. */
    get scale() {
      return view.width / view.span;
    },
    get whole() {
      return view.span >= view.duration - 1e-6;
    },
    set(start, span) {
      const longest = Math.max(view.duration, SHORTEST);
      const next = Math.min(longest, Math.max(SHORTEST, span));
      const first = Math.min(Math.max(0, start), Math.max(0, longest - next));
      if (first === view.start && next === view.span) return;
      view.start = first;
      view.span = next;
      changed();
    },
    pan: (pixels) => view.set(view.start + (pixels / view.width) * view.span, view.span),
    /** factor > 1: closer; what lies under pixel x stays there */
    zoom(factor, x = view.width / 2) {
      const time = view.time(x);
      const span = Math.min(Math.max(view.duration, SHORTEST), Math.max(SHORTEST, view.span / factor));
      view.set(time - (x / view.width) * span, span);
    },
    fit: () => view.set(0, view.duration),
    /** Bring a moment into sight, without moving when it is there already. */
    reveal(time, margin = 0.06) {
      const edge = margin * view.span;
      if (time < view.start + edge && view.start > 0) view.set(time - view.span * 0.2, view.span);
      else if (time > view.end - edge && view.end < view.duration) view.set(time - view.span * 0.8, view.span);
    },
    /** Bring a stretch into sight with room around it. */
    show(start, end) {
      const span = Math.max((end - start) * 2, 4);
      if (start >= view.start && end <= view.end && view.span <= span * 4) return;
      view.set((start + end - span) / 2, span);
    },
  };
  return view;
}
