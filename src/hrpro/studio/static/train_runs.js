/** The trainings so far, newest first: look at one's predictions, or predict anew with it. */
import { spokenTime } from "./clock.js";
import { h } from "./dom.js";

/** @param {HTMLElement} root */
export function mountRuns(root, ctx) {
  const { state, api, notify } = ctx;
  const list = h("ul", { class: "runs" });
  root.replaceChildren(h("h2", { id: "runs-title" }, "Trainings so far"), list);
  const unfolded = new Set(); // ids of runs whose doubted clicks are shown, whatever comes meanwhile
  state.on(["project", "predictions", "jobs"], show);
  show();

  function show() {
    const runs = [...(state.get("project")?.runs ?? [])].reverse();
    root.hidden = runs.length === 0;
    const busy = state.get("jobs").some((one) => ["queued", "running", "stopping"].includes(one.state));
    list.replaceChildren(...runs.map((run) => row(run, busy)));
  }

  function row(run, busy) {
    const looked = state.get("predictions")?.run === run.id;
    const facts = [when(run.finished), `${run.classes?.length ?? 0} classes`];
    if (typeof run.map === "number") facts.push(`mAP ${(100 * run.map).toFixed(1)} on verified videos`);
    const finished = run.state === "done";
    const look = () => ctx.open(state.get("video"), { run: run.id, time: state.get("playhead") });
    return h(
      "li",
      { class: "run", "aria-current": looked ? "true" : null },
      h("div", { class: "run-facts" }, h("b", {}, `Run ${run.id}`), h("span", { class: "muted" }, facts.filter(Boolean).join(" · "))),
      finished
        ? h("div", { class: "run-actions" }, [
            h("button", { type: "button", class: "button", "aria-pressed": String(looked), "aria-label": `Show run ${run.id}`, onclick: look }, looked ? "Shown" : "Show"),
            h("button", { type: "button", class: "button", disabled: busy, "aria-label": `Predict again with run ${run.id}`, onclick: () => predict(run) }, "Predict"),
          ])
        : h("span", { class: "badge warn" }, run.state),
      run.doubted?.length ? doubts(run.id, run.doubted) : null,
    );
  }

  /** Clicks that the training found hard to believe: slips among them are to be moved, relabelled or deleted. */
  function doubts(run, clicks) {
    const name = (id) => state.get("videos").find((one) => one.id === id)?.name ?? id;
    const look = (one) => ctx.open(one.video, { time: one.time }).then(() => ctx.showTab("click"));
    const row = (one) =>
      h("li", {}, h("button", { type: "button", class: "link", onclick: () => look(one) }, `${one.label} at ${spokenTime(one.time)}, ${name(one.video)}`));
    const words = clicks.length === 1 ? "1 click may be a slip" : `${clicks.length} clicks may be slips`;
    // By the press, not by what comes of it: a fold that is drawn anew before that would be closed again.
    const note = ({ currentTarget }) => (currentTarget.parentElement.open ? unfolded.delete(run) : unfolded.add(run));
    return h("details", { class: "fold run-doubts", open: unfolded.has(run) }, h("summary", { onclick: note }, words), h("ul", {}, clicks.map(row)));
  }

  async function predict(run) {
    try {
      const made = await api.post("/api/jobs", { kind: "predict", options: { run: run.id } });
      state.set("jobs", [made, ...state.get("jobs").filter((one) => one.id !== made.id)]);
    } catch (error) {
      notify(error.message, { kind: "error", key: "train" });
    }
  }
}

/** A moment as this reader writes it; the server's times are ISO 8601 or seconds of the epoch. */
function when(moment) {
  if (moment === null || moment === undefined) return null;
  const date = new Date(typeof moment === "number" ? 1000 * moment : moment);
  return Number.isNaN(date.getTime()) ? null : date.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}
