/** The head of the page: project, whether all is stored, undo and redo, export, colours, help. */
import { h } from "./dom.js";
import { openDialog, showHelp } from "./help.js";

const THEMES = ["system", "light", "dark"];
const FORMATS = [
  ["seconds", "CSV in seconds", "video_id, timestamp, label"],
  ["segments", "CSV of segments", "video, start, end, label"],
  ["activitynet", "ActivityNet JSON", "segments"],
  ["lacp", "HR-Pro / LACP CSV", "clicks in frames"],
  ["sfnet", "SF-Net text", "clicks"],
  ["via", "VIA 3 project", "clicks, segments"],
  ["label-studio", "Label Studio", "clicks, segments"],
  ["elan", "ELAN .eaf", "clicks, segments"],
  ["boris", "BORIS events", "clicks, segments"],
  ["soccernet", "SoccerNet spotting", "clicks"],
  ["fiftyone", "FiftyOne", "segments"],
  ["audacity", "Audacity labels", "clicks, segments"],
  ["webvtt", "WebVTT subtitles", "to look at"],
  ["srt", "SRT subtitles", "to look at"],
];

const SCORED = { activitynet: "activitynet-results" }; // the form of ActivityNet's that has scores
const CLICKS_ONLY = ["seconds", "lacp", "sfnet", "soccernet"];

export function mountBar(ctx) {
  const { state, clicking } = ctx;
  const at = (id) => document.getElementById(id);

  at("undo").addEventListener("click", () => clicking.history("undo"));
  at("redo").addEventListener("click", () => clicking.history("redo"));
  at("help").addEventListener("click", () => ctx.help());
  at("export").addEventListener("click", () => showExport(ctx));
  ctx.help = () => showHelp(ctx.keys);

  const theme = at("theme");
  const paint = (name) => {
    if (name === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = name;
    const words = { system: "as the system", light: "light", dark: "dark" }[name];
    theme.setAttribute("aria-label", `Colours: ${words}`);
    theme.title = `Colours: ${words}`;
    state.emit("theme", name);
  };
  let chosen = THEMES.includes(localStorage.getItem("hrpro.theme")) ? localStorage.getItem("hrpro.theme") : "system";
  theme.addEventListener("click", () => {
    chosen = THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length];
    localStorage.setItem("hrpro.theme", chosen);
    paint(chosen);
    ctx.announce(theme.title);
  });
  paint(chosen);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => state.emit("theme", chosen));

  state.on("project", () => {
    at("project-name").textContent = state.get("project").name;
    at("project-name").title = state.get("project").path ?? "";
    document.title = `${state.get("project").name} – hrpro studio`;
  });
  state.on(["pending", "connection"], () => {
    const waiting = state.get("pending").length;
    const lost = state.get("connection") === "lost";
    const edits = waiting === 1 ? "1 edit waits" : `${waiting} edits wait`;
    at("saved").className = `saved ${lost ? "lost" : waiting ? "waiting" : ""}`;
    const text = lost ? (waiting ? `Offline: ${edits}` : "Offline") : waiting ? "Storing …" : "All stored";
    if (at("saved").textContent !== text) at("saved").textContent = text;
  });
}

function showExport(ctx) {
  const told = h("div", { class: "export-told", role: "status" });
  const what = h("select", { class: "export-what", "aria-label": "What to export", onchange: () => say() });
  /** The project may still be read, and a training may end meanwhile. */
  const offer = () => {
    const runs = (ctx.state.get("project")?.runs ?? []).filter((run) => run.state === "done").reverse();
    const chosen = what.value;
    what.replaceChildren(h("option", { value: "" }, "Clicks and verified segments"), ...runs.map((run) => h("option", { value: run.id }, `What run ${run.id} found`)));
    what.value = chosen;
    what.hidden = runs.length === 0;
  };
  const row = ([format, name, note]) =>
    h(
      "li",
      {},
      h("button", { type: "button", class: "export-row", onclick: () => save(what.value && SCORED[format] ? SCORED[format] : format, what.value, told) }, h("strong", {}, name), h("span", { class: "muted" }, note)),
    );
  const all = h("p", { class: "muted" });
  const say = () => {
    all.textContent = what.value
      ? "The predicted actions of every video, with their scores, without those that were rejected."
      : "All clicks and verified segments of the project, as they are stored now.";
    told.replaceChildren();
    list.replaceChildren(...FORMATS.filter(([format]) => !what.value || !CLICKS_ONLY.includes(format)).map(row));
  };
  const list = h("ul", { class: "export-list" });
  offer();
  say();
  const dialog = openDialog("Export", [what, all, told, list], { narrow: true });
  dialog.addEventListener("close", ctx.state.on("project", offer));
}

/**
 * Fetched first: what a format cannot hold is told here, not in a file that was not asked for. And told in the dialog,
 * which stays: a message would lie behind it, and be gone before one has read what is missing.
 */
async function save(format, run, told) {
  const show = (...lines) => {
    told.replaceChildren(...lines.map(([kind, words]) => h("p", { class: kind }, words)));
    told.scrollIntoView({ block: "nearest" });
  };
  const fault = (words) => show(["fault", words]);
  const answer = await fetch(`/api/export?${new URLSearchParams(run ? { format, run } : { format })}`, { cache: "no-store" }).catch(() => null);
  if (!answer?.ok) return fault((await answer?.json().catch(() => null))?.message ?? "The server did not answer.");
  const content = await answer.blob().catch(() => null);
  if (!content) return fault("The connection broke off: nothing was saved.");
  const header = (name) => answer.headers.get(name) ?? "";
  const sentence = (words) => `${words[0].toUpperCase()}${words.slice(1)}.`;
  const name = /filename\*=UTF-8''([^;]+)/.exec(header("content-disposition"))?.[1] ?? format;
  const link = h("a", { href: URL.createObjectURL(content), download: decodeURIComponent(name) });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
  const remarks = JSON.parse(decodeURIComponent(header("x-hrpro-remarks") || "[]"));
  show(["done", `Exported ${link.download}`], ...remarks.map((words) => ["warning", sentence(words)]));
}
