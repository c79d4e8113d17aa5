/** The segment under review: class, start, end, how sure the model is; accept, reject, relabel, play. */
import { spokenTime } from "./clock.js";
import { h } from "./dom.js";
import { classesById } from "./things.js";

const STEP = 0.1; // s that a boundary moves at a press
const SHORTEST = 0.05; // s

/**
 * @param {{accept, reject, play, edited(draft|null)}} does
 * @returns {{element, show(item), draft(): object|null, edit(change), reset(), relabel()}}
 */
export function createCard({ state }, does) {
  const drafts = new Map(); // id of a prediction -> {start, end, class} as corrected, until judged or reset
  let item = null;

  const dot = h("span", { class: "class-dot", "aria-hidden": "true" });
  const title = h("h3", { id: "review-title" });
  const badge = h("span", { class: "badge" });
  const how = h("p", { class: "muted card-how" });
  const label = h("select", { id: "review-class", "aria-label": "Class", "aria-describedby": "review-class-hint", onchange: () => edit({ class: label.value }) });
  const start = timeField("Start", "start");
  const end = timeField("End", "end");
  const accept = h("button", { type: "button", class: "button good", onclick: () => does.accept() }, key("A"), "Accept");
  const reject = h("button", { type: "button", class: "button danger", onclick: () => does.reject() }, key("R"), "Reject");
  const play = h("button", { type: "button", class: "button", onclick: () => does.play() }, key("↵"), "Play");
  const undo = h("button", { type: "button", class: "link", onclick: reset }, "Back to the prediction");
  const element = h(
    "section",
    { class: "card", "aria-labelledby": "review-title", hidden: true },
    h("div", { class: "card-head" }, dot, title, badge),
    how,
    h("div", { class: "card-fields" }, label, start, h("span", { "aria-hidden": "true" }, "–"), end),
    h("p", { class: "card-hint muted", id: "review-class-hint" }, "The class's number or ↑ ↓ chooses, Esc leaves."),
    h("div", { class: "card-actions" }, accept, reject, play),
    undo,
  );
  label.addEventListener("keydown", (event) => {
    const one = state.get("classes").find((held) => held.key === event.key);
    if (!one) return;
    event.preventDefault();
    label.value = one.id;
    edit({ class: one.id });
    label.blur();
  });
  state.on("classes", () => item && show(item));

  function timeField(name, which) {
    const input = h("input", { type: "number", min: "0", step: String(STEP), class: "time", "aria-label": `${name}, seconds`, title: name });
    input.addEventListener("change", () => input.value !== "" && edit({ [which]: Number(input.value) }));
    return input;
  }

  function show(next) {
    item = next;
    element.hidden = item === null;
    if (!item) return;
    const draft = drafts.get(item.id);
    const seen = draft ?? item;
    const classes = state.get("classes");
    const one = classesById(state).get(seen.class);
    dot.style.background = one?.color ?? "";
    title.textContent = `${one?.name ?? item.label}, ${spokenTime(seen.end - seen.start)}`;
    badge.textContent = draft ? "edited" : (item.verdict ?? "");
    badge.className = `badge ${draft ? "accent" : item.verdict === "rejected" ? "bad" : "good"}`;
    badge.hidden = !badge.textContent;
    how.textContent = `${Math.round(100 * item.uncertainty)} % uncertain · score ${item.score.toFixed(2)}`;
    label.replaceChildren(...classes.map((held) => h("option", { value: held.id }, held.name)));
    label.value = seen.class;
    if (document.activeElement !== start) start.value = seen.start.toFixed(2);
    if (document.activeElement !== end) end.value = seen.end.toFixed(2);
    undo.hidden = !draft;
  }

  /** Change boundaries or class; what ends up as predicted is no correction. */
  function edit(change) {
    if (!item) return;
    const before = drafts.get(item.id) ?? item;
    const next = { start: before.start, end: before.end, class: before.class, ...change };
    const most = state.get("duration") || Infinity;
    if ("start" in change) next.start = Math.min(Math.max(0, next.start), next.end - SHORTEST);
    if ("end" in change) next.end = Math.max(Math.min(most, next.end), next.start + SHORTEST);
    const same = ["start", "end", "class"].every((name) => next[name] === item[name]);
    if (same) drafts.delete(item.id);
    else drafts.set(item.id, next);
    does.edited(item, drafts.get(item.id) ?? null);
    show(item);
  }

  function reset() {
    if (!item) return;
    drafts.delete(item.id);
    does.edited(item, null);
    show(item);
  }

  return {
    element,
    show,
    edit,
    reset,
    draft: (id = item?.id) => drafts.get(id) ?? null,
    forget: (id) => drafts.delete(id),
    /** Move a boundary ("start" or "end") by so many steps of a tenth of a second. */
    nudge: (which, steps) => item && edit({ [which]: rounded((drafts.get(item.id) ?? item)[which] + steps * STEP) }),
    /** Keys go to the list of classes. It stays closed: open, it would keep the number keys to itself. */
    relabel() {
      label.focus();
    },
  };
}

const key = (text) => h("kbd", { "aria-hidden": "true" }, text);
const rounded = (time) => Math.round(time * 1e6) / 1e6;
