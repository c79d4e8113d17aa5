/** The page "Train": what will be learned from, one big button, what runs now, what ran before. */
import { h } from "./dom.js";
import { mountJob } from "./train_job.js";
import { mountLessons } from "./train_lessons.js";
import { mountRuns } from "./train_runs.js";

const KEPT = "hrpro.train";
const BUSY = new Set(["queued", "running", "stopping"]);

/** @param {HTMLElement} root @param ctx see main.js */
export function mountTrain(root, ctx) {
  const { state, api, notify } = ctx;
  const lessons = h("section", { class: "panel-part", "aria-labelledby": "lessons-title" });
  const form = options();
  const button = h("button", { type: "button", class: "button primary train-button", "aria-describedby": "train-why" });
  const why = h("p", { id: "train-why", class: "train-why muted" });
  const job = h("section", { class: "panel-part", "aria-label": "Current job", hidden: true });
  const runs = h("section", { class: "panel-part", "aria-labelledby": "runs-title", hidden: true });
  const start = h("div", { class: "train-start" }, button, why, form.element);
  root.replaceChildren(start, job, lessons, runs);

  mountLessons(lessons, ctx);
  mountJob(job, ctx);
  mountRuns(runs, ctx);
  button.addEventListener("click", train);
  state.on(["jobs", "project", "videos", "connection"], show);
  state.on("jobs", announceEnds());
  show();

  function show() {
    const busy = state.get("jobs").some((one) => BUSY.has(one.state));
    const obstacle = busy ? "A job is running." : hindrance(state);
    button.disabled = obstacle !== null;
    button.textContent = state.get("project")?.runs?.some((one) => one.state === "done") ? "Train again" : "Train";
    why.textContent = obstacle ?? "Learns from the clicks, then finds the actions in every video.";
    // While a job runs, it is what matters.
    root.prepend(...(busy ? [job, start] : [start, job]));
  }

  async function train() {
    button.disabled = true;
    try {
      const made = await api.post("/api/jobs", { kind: "train", options: form.read() });
      const others = state.get("jobs").filter((one) => one.id !== made.id);
      state.set("jobs", [made, ...others]);
    } catch (error) {
      notify(error.message, { kind: "error", key: "train" });
      show();
    }
  }

  /** Jobs that end while the page is open are told, wherever its reader is. */
  function announceEnds() {
    let before = new Map();
    return () => {
      const jobs = state.get("jobs");
      for (const one of jobs) {
        if (!BUSY.has(before.get(one.id))) continue;
        if (one.state === "done") {
          const action = { label: "Review", run: () => ctx.showTab("review") };
          const text = one.kind === "train" ? "Training is done." : "New predictions are there.";
          notify(text, { kind: "good", seconds: 15, key: "job", action });
        } else if (one.state === "failed") {
          notify(one.error ?? "The job failed.", { kind: "error", key: "job" });
        }
      }
      before = new Map(jobs.map((one) => [one.id, one.state]));
    };
  }
}

/** Why one cannot train now, in a sentence, or null. */
function hindrance(state) {
  if (state.get("connection") === "lost") return "No connection to the studio.";
  const videos = state.get("videos");
  if (videos.length === 0) return "There is no video in this project.";
  if (videos.every((one) => !one.clicks)) return "Place at least one click of each class first: number keys on the page Click.";
  const can = state.get("project")?.can?.train;
  return typeof can === "string" ? can : null;
}

/** The folded settings; what was chosen last is kept in this browser. */
function options() {
  const backbone = h("input", { id: "train-backbone", list: "train-backbones", autocomplete: "off", spellcheck: "false" });
  const known = h(
    "datalist",
    { id: "train-backbones" },
    h("option", { value: "classic" }, "no weights needed"),
    h("option", { value: "i3d" }, "needs weights"),
    h("option", { value: "hub:" }, "a model of transformers"),
  );
  const weights = h("input", { id: "train-weights", autocomplete: "off", spellcheck: "false", placeholder: "file or folder in the project" });
  const flow = h(
    "select",
    { id: "train-flow" },
    h("option", { value: "" }, "TV-L1 where it is there, as published: up to a minute for each second of video"),
    h("option", { value: "dis" }, "DIS: under a second for each second of video"),
  );
  const precision = h(
    "select",
    { id: "train-precision" },
    h("option", { value: "" }, "fp32 on a CPU"),
    h("option", { value: "bf16" }, "bf16: much faster on a CPU that has it, about 1 % off"),
  );
  const seed = h("input", { id: "train-seed", type: "number", min: "0", step: "1", value: "0" });
  const quick = h("input", { id: "train-quick", type: "checkbox" });
  const field = (input, label, hint) =>
    h("div", { class: "field" }, h("label", { for: input.id }, label), input, hint && h("p", { class: "muted" }, hint));
  const ofFlow = field(flow, "Optical flow", "Features made with one do not mix with those of the other.");
  const ofPrecision = field(precision, "Precision", "Features of bf16 do not mix with others either.");
  const element = h(
    "details",
    { class: "fold" },
    h("summary", {}, "Options"),
    field(backbone, "Backbone", "How videos become features: classic, i3d or hub:NAME."),
    known,
    field(weights, "Weights of the backbone", "A path inside the project's folder."),
    ofFlow,
    ofPrecision,
    field(seed, "Seed"),
    h("label", { class: "check", for: quick.id }, quick, " Quick look: a much shorter training"),
  );
  restore();
  backbone.addEventListener("input", fit);
  element.addEventListener("change", () => {
    const ofBackbone = { backbone: backbone.value, weights: weights.value, flow: flow.value, precision: precision.value };
    localStorage.setItem(KEPT, JSON.stringify({ ...ofBackbone, seed: seed.value, quick: quick.checked }));
  });

  function restore() {
    let held = {};
    try {
      held = JSON.parse(localStorage.getItem(KEPT) ?? "{}") ?? {};
    } catch {
      localStorage.removeItem(KEPT);
    }
    backbone.value = held.backbone ?? "classic";
    weights.value = held.weights ?? "";
    flow.value = held.flow === "dis" ? "dis" : "";
    precision.value = held.precision === "bf16" ? "bf16" : "";
    seed.value = held.seed ?? "0";
    quick.checked = held.quick === true;
    fit();
  }

  function fit() {
    const name = backbone.value.trim();
    ofFlow.hidden = name !== "i3d"; // the others have none to choose
    ofPrecision.hidden = name !== "i3d" && !name.startsWith("hub:");
  }

  function read() {
    const given = { backbone: backbone.value.trim() || "classic", seed: Math.max(0, Math.trunc(Number(seed.value) || 0)) };
    if (weights.value.trim()) given.weights = weights.value.trim();
    if (!ofFlow.hidden && flow.value) given.flow = flow.value;
    if (!ofPrecision.hidden && precision.value) given.precision = precision.value;
    if (quick.checked) given.quick = true;
    return given;
  }

  return { element, read };
}
