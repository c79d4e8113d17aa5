/** The job that runs, or the last one if it did not end well: stages, time left, curves, stop and resume. */
import { lineChart, setProgress } from "./charts.js";
import { h } from "./dom.js";

const STAGES = {
  train: ["extract", "snippet", "instance", "calibrate", "predict"],
  predict: ["extract", "predict"],
};
const NAMES = {
  extract: "Read videos",
  snippet: "Learn moments",
  instance: "Learn segments",
  calibrate: "Find the threshold",
  predict: "Find actions",
};
const TITLES = { train: "Training", predict: "Prediction" };
const SAID = {
  queued: "waits for its turn",
  running: "is running",
  stopping: "is stopping",
  stopped: "is stopped",
  failed: "failed",
};
const LOG_EVERY_MS = 1500;

/** @param {HTMLElement} root */
export function mountJob(root, { state, api, notify }) {
  const title = h("h2", { id: "job-title" });
  const stages = h("ol", { class: "job-stages", "aria-label": "Stages" });
  const meter = h("progress", { max: "1", "aria-labelledby": "job-title" });
  const told = h("p", { class: "job-told" });
  const left = h("p", { class: "job-left muted" });
  const fault = h("p", { class: "fault", role: "alert", hidden: true });
  const charts = { snippet: lineChart("Loss, moments"), instance: lineChart("Loss, segments") };
  const stop = h("button", { type: "button", class: "button", onclick: () => ask("stop") }, "Stop");
  const resume = h("button", { type: "button", class: "button", onclick: () => ask("resume") }, "Resume");
  const line = h("div", { class: "job-line" }, h("div", {}, told, left), h("div", { class: "job-actions" }, stop, resume));
  root.replaceChildren(title, stages, meter, line, fault, charts.snippet.element, charts.instance.element);
  let shown = null;
  let asked = 0;
  let timer = null;

  state.on(["jobs", "tab"], show);
  show();

  function show() {
    const job = state.get("jobs").find((one) => SAID[one.state] && one === current(state.get("jobs"))) ?? null;
    root.hidden = job === null;
    if (!job) return;
    const active = ["queued", "running", "stopping"].includes(job.state);
    title.textContent = `${TITLES[job.kind] ?? "Job"} ${SAID[job.state]}`;
    showStages(job, active);
    setProgress(meter, job.total > 0 ? job.done / job.total : active ? null : 0);
    meter.hidden = job.state === "failed";
    told.textContent = job.message || (job.stage ? NAMES[job.stage] : job.state === "running" ? "Getting ready" : "");
    left.textContent = active && job.seconds_left !== null ? `${timeLeft(job.seconds_left)} left` : "";
    fault.hidden = !job.error;
    fault.textContent = job.error ?? "";
    stop.hidden = !active;
    stop.disabled = job.state === "stopping";
    resume.hidden = active;
    resume.textContent = job.state === "failed" ? "Try again" : "Resume";
    if (job.kind === "train" && state.get("tab") === "train") curves(job);
  }

  function showStages(job, active) {
    const order = STAGES[job.kind] ?? [];
    const at = order.indexOf(job.stage);
    const marks = order.map((stage, index) => {
      const how = index < at ? "past" : index === at && active ? "now" : "next";
      return h("li", { class: how, "aria-current": how === "now" ? "step" : null }, NAMES[stage]);
    });
    stages.replaceChildren(...marks);
  }

  /** Read the log, at most every second and a half, and once more after the last news. */
  function curves(job) {
    if (shown !== job.id) {
      shown = job.id;
      for (const chart of Object.values(charts)) chart.show([]);
    }
    const wait = Math.max(0, asked + LOG_EVERY_MS - Date.now());
    timer ??= setTimeout(async () => {
      timer = null;
      asked = Date.now();
      const log = await api.get(`/api/jobs/${job.id}/log`).catch(() => null);
      if (!log || shown !== job.id) return;
      for (const [stage, chart] of Object.entries(charts)) {
        chart.show(curvesOf(log.rows.filter((row) => row.stage === stage)));
      }
    }, wait);
  }

  async function ask(what) {
    const job = current(state.get("jobs"));
    try {
      const now = await api.post(`/api/jobs/${job.id}/${what}`);
      state.set("jobs", state.get("jobs").map((one) => (one.id === now.id ? now : one)));
    } catch (error) {
      notify(error.message, { kind: "error", key: "job" });
    }
  }
}

/** A line per network: stage 1 trains several, one after the other. */
function curvesOf(rows) {
  const lines = new Map();
  for (const row of rows) {
    const member = row.member ?? 0;
    if (!lines.has(member)) lines.set(member, []);
    lines.get(member).push([row.step, row.loss]);
  }
  return [...lines.values()];
}

/** What runs or waits; if nothing does, the newest. */
function current(jobs) {
  const order = ["running", "stopping", "queued"];
  const busy = jobs.filter((one) => order.includes(one.state));
  if (busy.length) return busy.sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state))[0];
  return [...jobs].sort((a, b) => (a.created < b.created ? 1 : -1))[0];
}

/** 134 -> "about 2 min": no false precision. */
export function timeLeft(seconds) {
  if (seconds < 10) return "a few seconds";
  if (seconds < 55) return `about ${Math.ceil(seconds / 10) * 10} s`;
  if (seconds < 90 * 60) return `about ${Math.round(seconds / 60) || 1} min`;
  return `about ${(seconds / 3600).toFixed(1)} h`;
}
