/**
 * What is to be reviewed, in the chosen order, read from the server in pages and kept in step with it.
 *
 * @typedef {{id: string, video: string, run: string, start: number, end: number, class: string, label: string,
 *   score: number, uncertainty: number, verdict: string|null}} Item
 */
const PAGE = 100;
const MOST = 500; // items that the server gives at once
const SOON_MS = 250;

/** @param {() => void} changed */
export function createQueue({ state, api, notify }, changed) {
  const filter = { sort: "uncertainty", class: "", verdict: "open", here: false };
  const queue = { filter, items: [], total: 0, left: 0, all: 0, at: null, loaded: false, set, more, read, select, step, current, place };
  let turn = 0;
  let timer = null;

  // Counts of the videos are new whenever anyone judged; verdicts, when it was in this video.
  state.on(["verdicts", "videos", "classes", "tab", "video"], (keys) => {
    if (state.get("tab") !== "review" || (keys.size === 1 && keys.has("video") && !filter.here)) return;
    clearTimeout(timer);
    timer = setTimeout(read, SOON_MS);
  });

  function set(name, value) {
    filter[name] = value;
    queue.at = null;
    return read();
  }

  /** Read again as many as are shown; the selected one stays, or the one that took its place. */
  async function read(count = Math.max(PAGE, queue.items.length)) {
    if (!(state.get("project")?.runs ?? []).length) {
      Object.assign(queue, { items: [], total: 0, left: 0, all: 0, at: null, loaded: true });
      return changed();
    }
    const mine = ++turn;
    try {
      const counted = (verdict) => api.get("/api/review", { verdict, limit: 0 }).then((answer) => answer.total);
      const [found, left, all] = await Promise.all([pages(count), counted("open"), counted("all")]);
      if (mine !== turn) return;
      const before = Math.max(0, place(queue.at));
      const kept = found.items.some((one) => one.id === queue.at);
      Object.assign(queue, { ...found, left, all, loaded: true });
      if (!kept && queue.at !== null) queue.at = found.items[Math.min(before, found.items.length - 1)]?.id ?? null;
      changed();
    } catch (error) {
      if (mine === turn && error.status) notify(error.message, { kind: "error", key: "review" });
    }
  }

  async function pages(count) {
    const { here, ...asked } = { ...filter, class: filter.class || undefined };
    if (here) asked.video = state.get("video");
    const items = [];
    for (;;) {
      const limit = Math.min(MOST, count - items.length);
      const page = await api.get("/api/review", { ...asked, limit, offset: items.length });
      items.push(...page.items);
      if (!page.items.length || items.length >= Math.min(count, page.total)) return { items, total: page.total };
    }
  }

  function more() {
    return read(queue.items.length + PAGE);
  }

  function current() {
    return queue.items.find((one) => one.id === queue.at) ?? null;
  }

  /** Index of an item in the list, -1 where it is not there. */
  function place(id) {
    return queue.items.findIndex((one) => one.id === id);
  }

  function select(id) {
    queue.at = id;
    changed();
  }

  /** Go `count` items on; returns whether there is one. */
  function step(count) {
    const at = place(queue.at);
    const next = queue.items[at < 0 ? 0 : at + count];
    if (next) select(next.id);
    return Boolean(next);
  }

  return queue;
}
