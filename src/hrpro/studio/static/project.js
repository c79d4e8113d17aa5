/** Opening the project and its videos, and taking in what the server tells afterwards. */
import { ask, upToDate } from "./news.js";
import { applyChange } from "./things.js";

const COUNTS_LATER_MS = 3000; // one look at the counts for many changes of others

/** @returns {{start: Function, open: Function, reload: Function}} */
export function createProject({ state, api, notify }) {
  let opening = 0;
  let counts = null;
  let asked = 0; // looks at project and jobs, counted: an answer after that to a later one is not shown
  let shown = 0;
  let dismiss = null; // takes away the message about a video that could not be read
  const heard = new Map(); // id of a job -> looks begun when the last news of it came

  /** Read the project, open a video, follow the changes. */
  async function start() {
    try {
      const project = await reload();
      api.follow(project.revision, { change, job, hello, proxy: (news) => state.emit("proxy", news) });
      const others = api.resume();
      if (others) notify(waiting(others), { kind: "error", seconds: 60 });
      const wanted = new URLSearchParams(location.hash.slice(1));
      const videos = state.get("videos");
      const first = videos.find((one) => one.id === wanted.get("video")) ?? videos[0];
      if (first) await open(first.id, { time: Number(wanted.get("t")) || 0 });
    } catch (error) {
      notify(error.message, { kind: "error", seconds: 3600, key: "start", action: { label: "Try again", run: start } });
    }
  }

  const waiting = (count) =>
    `${count === 1 ? "An edit" : `${count} edits`} of another project, which was open in this tab, could not be stored ` +
    "yet. Start the studio on that project at this address again before you close the tab.";

  /** Read project and jobs. */
  async function reload() {
    const turn = ++asked;
    // The jobs first: of a training that they call done, the project then knows the run.
    const found = await api.get("/api/jobs").catch(() => null);
    const project = await look(turn);
    if (turn !== shown || !found) return project;
    const held = new Map(state.get("jobs").map((one) => [one.id, one]));
    state.set("jobs", found.jobs.map((one) => (isOld(one, turn) ? held.get(one.id) : one)));
    return project;
  }

  /** Read the project; where nothing of it is new, nobody is told that it is. */
  async function look(turn) {
    const project = await ask(state, () => api.get("/api/project"));
    const held = state.get("project");
    if (held && held.id !== project.id) {
      state.emit("moved");
      return new Promise(() => {});
    }
    if (turn < shown) return project;
    shown = turn;
    const { videos, revision, ...rest } = project;
    if (rest.hint && videos.length && rest.hint !== held?.hint) notify(rest.hint, { kind: "error", seconds: 60, key: "hint" });
    const classes = upToDate(state, "class", project.classes, revision);
    state.update({ videos, classes });
    if (JSON.stringify(rest) !== JSON.stringify(state.get("project"))) state.set("project", rest);
    if (!classes.some((one) => one.id === state.get("activeClass"))) state.set("activeClass", classes[0]?.id ?? null);
    return project;
  }

  /** Whether there was news of a job since a look at it began. */
  const isOld = (job, turn) => heard.has(job.id) && heard.get(job.id) >= turn;

  /** Show a video; options {time: s, run: id}. Resolves once its clicks are there. */
  async function open(id, { time = 0, run } = {}) {
    const video = state.get("videos").find((one) => one.id === id);
    if (!video) return notify(`There is no video ${id} in this project.`, { kind: "error" });
    if (state.get("video") === id && run === undefined) return state.emit("seek", time);
    const turn = ++opening;
    dismiss?.();
    dismiss = null;
    state.update({
      video: id,
      clicks: new Map(),
      segments: new Map(),
      verdicts: new Map(),
      truth: [],
      predictions: undefined, // on their way; null: there are none
      activations: undefined,
      selection: null,
      duration: video.duration ?? 0,
      fps: video.fps ?? null,
      playhead: time,
    });
    history.replaceState(null, "", `#${new URLSearchParams({ video: id })}`);
    state.emit("opened", { video, time });
    try {
      await details(id, () => turn === opening);
      await predicted(id, run, () => turn === opening);
    } catch (error) {
      if (turn !== opening) return;
      state.update({ predictions: null, activations: null }); // nothing is on its way any more
      const again = () => open(id, { time: state.get("playhead"), run: run ?? null });
      const text = `${video.name}: its clicks could not be read (${error.message})`;
      dismiss = notify(text, { kind: "error", seconds: 3600, action: { label: "Try again", run: again } });
    }
  }

  async function details(id, current) {
    const found = await ask(state, () => api.get("/api/video", { id }));
    if (!current()) return;
    const here = (value) => value.video === id;
    const stored = (kind, things) =>
      new Map(upToDate(state, kind, things, found.revision, here).map((one) => [one.id, one]));
    state.update({
      clicks: stored("click", found.clicks),
      segments: stored("segment", found.segments),
      verdicts: stored("verdict", found.verdicts),
      truth: found.truth,
    });
    state.emit("loaded", { video: id });
  }

  async function predicted(id, run, current) {
    const none = () => null;
    const runs = state.get("project").runs ?? [];
    const [predictions, activations] = await Promise.all(
      ["predictions", "activations"].map((what) => (runs.length ? api.get(`/api/${what}`, { video: id, run }).catch(none) : null)),
    );
    if (current()) state.update({ predictions, activations });
  }

  function change(news) {
    applyChange(state, news);
    if (news.kind === "class") return;
    counts ??= setTimeout(() => {
      counts = null;
      look(++asked).catch(() => {});
    }, COUNTS_LATER_MS);
  }

  async function job(news) {
    heard.set(news.id, asked);
    const known = state.get("jobs").filter((one) => one.id !== news.id);
    state.set("jobs", [...known, news].sort((a, b) => (a.created < b.created ? 1 : -1)));
    if (news.state !== "done") return;
    await reload().catch(() => {});
    if (state.get("video")) await predicted(state.get("video"), undefined, () => true);
  }

  /** The stream is there: whatever it could not send (a new database, jobs) is read anew. */
  async function hello(_, again) {
    if (!again) return missed();
    await reload().catch(() => {});
    const id = state.get("video");
    if (id) await details(id, () => state.get("video") === id).catch(() => {});
  }

  /** What became of the jobs between the first look at them and the stream. */
  async function missed() {
    const turn = ++asked;
    const found = await api.get("/api/jobs").catch(() => null);
    const known = new Map(state.get("jobs").map((one) => [one.id, one.state]));
    for (const one of found?.jobs ?? []) if (!isOld(one, turn) && known.get(one.id) !== one.state) await job(one);
  }

  return { start, open, reload };
}
