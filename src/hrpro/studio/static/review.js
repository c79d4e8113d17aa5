/** The page "Review": predictions one by one, the most uncertain first; a verdict is one key. */
import { spokenTime } from "./clock.js";
import { h } from "./dom.js";
import { mountBulk } from "./review_bulk.js";
import { createCard } from "./review_card.js";
import { createList } from "./review_list.js";
import { mountMissed } from "./review_missed.js";
import { acceptance, factsOf, rejection, TOLD } from "./review_ops.js";
import { createQueue } from "./review_queue.js";
import { className } from "./things.js";

const SORTS = { uncertainty: "Uncertain first", class: "By class", score: "By score", time: "By time" };

/** @param {HTMLElement} root @param ctx see main.js */
export function mountReview(root, ctx) {
  const { state, api, notify } = ctx;
  const queue = createQueue(ctx, show);
  const card = createCard(ctx, { accept, reject, play, edited });
  const list = createList(ctx, queue, (id) => go(id));
  const meter = h("progress", { max: "1", value: "0", "aria-label": "Reviewed" });
  const left = h("p", { class: "review-left", role: "status" });
  const sort = choice("Order", Object.entries(SORTS), (value) => queue.set("sort", value));
  const which = choice("Class", [["", "All classes"]], (value) => queue.set("class", value));
  const here = h("input", { type: "checkbox", id: "review-here", onchange: () => queue.set("here", here.checked) });
  const done = h("input", { type: "checkbox", id: "review-done", onchange: () => queue.set("verdict", done.checked ? "all" : "open") });
  const checks = [h("label", { class: "check", for: here.id }, here, "This video"), h("label", { class: "check", for: done.id }, done, "Reviewed too")];
  const tools = h("div", { class: "review-tools" }, sort, which, checks);
  const bulk = h("section", { class: "review-bulk", "aria-label": "Accept the certain ones" });
  const gap = h("section", { class: "review-missed", "aria-label": "A missed action" });
  root.replaceChildren(h("div", { class: "review-head" }, left, meter, tools), card.element, list.element, h("div", { class: "review-folds" }, bulk, gap));
  mountBulk(bulk, ctx, queue);
  const missed = mountMissed(gap, ctx);
  let opening = null; // the prediction whose video is on its way
  let awaited = null; // the prediction to be played once it is there
  let acting = Promise.resolve(); // verdicts are given faster than they are stored: one after the other

  state.on("classes", fill);
  state.on(["classes", "videos"], show);
  fill();
  // A verdict is for what is outlined: a prediction chosen on the timeline is the card's too.
  state.on("selection", () => {
    const chosen = state.get("selection");
    if (state.get("tab") === "review" && chosen?.kind === "prediction" && chosen.id !== queue.at) go(chosen.id, { quiet: true });
  });
  state.on("project", () => queue.loaded && queue.read());
  ctx.timeline.onEdit?.((edit) => {
    const { kind, id, item, start, end } = edit;
    if (kind === "segment") return ctx.clicking.store({ op: "edit_segment", id, version: item.version || undefined, start, end });
    if (id !== queue.at) go(id, { quiet: true });
    card.edit({ start, end });
  });
  ctx.keys?.add(keys());

  function fill() {
    const all = [{ id: "", name: "All classes" }, ...state.get("classes")];
    which.replaceChildren(...all.map((one) => h("option", { value: one.id }, one.name)));
    which.value = queue.filter.class;
  }

  function show() {
    card.show(queue.current());
    list.show();
    counts();
  }

  function counts() {
    const some = queue.all > 0;
    for (const part of [tools, meter, bulk]) part.hidden = !some;
    left.textContent = some ? `${queue.left} of ${queue.all} left to review` : "";
    meter.value = some ? 1 - queue.left / queue.all : 0;
    list.say(emptiness(some));
  }

  function emptiness(some) {
    if (!queue.loaded) return "";
    if (!some) return "No predictions yet. Train first: they appear here by themselves.";
    if (queue.items.length) return queue.at === null ? `Choose one, or press ↓. ${TOLD}` : "";
    if (queue.left === 0) return "All is reviewed. Train again to learn from it.";
    return `Nothing ${queue.filter.class ? "of this class " : ""}is left ${queue.filter.here ? "in this video" : "here"}.`;
  }

  /** Show a prediction: its video, its place on the timeline, its first picture. */
  async function go(id, { quiet = false } = {}) {
    queue.select(id);
    const item = queue.current();
    if (!item || quiet) return;
    const seen = card.draft(id) ?? item;
    const other = state.get("video") !== item.video || (state.get("predictions") && state.get("predictions").run !== item.run);
    if (other) {
      opening = id;
      await ctx.open(item.video, { time: seen.start, run: item.run });
      if (opening === id) opening = null;
    }
    const played = awaited === id;
    if (played) awaited = null;
    const chosen = state.get("selection")?.id ?? id; // by hand, while the predictions came
    if (queue.at !== id || state.get("video") !== item.video || (other && chosen !== id)) return; // something else was asked for
    if (card.draft(id)) edited(item, card.draft(id));
    ctx.player.pause();
    ctx.player.seek(seen.start);
    state.set("selection", { kind: "prediction", id });
    ctx.timeline.show(seen.start, seen.end);
    if (played) play();
  }

  function move(count) {
    if (queue.step(count)) return go(queue.at);
    if (count > 0 && queue.items.length && queue.items.length < queue.total) return queue.more().then(() => move(count));
    ctx.announce?.("No more segments that way");
  }

  function play() {
    const item = queue.current();
    if (!item) return;
    const seen = card.draft() ?? item;
    if (opening !== item.id && state.get("video") === item.video) return ctx.player.playRange(seen.start, seen.end);
    awaited = item.id;
    if (opening !== item.id) go(item.id);
  }

  function accept() {
    return judge("Accepted", (item, draft, facts) => acceptance(item, draft, facts, api.newId));
  }

  function reject() {
    return judge("Rejected", (item, _, facts) => rejection(item, facts));
  }

  function judge(word, operations) {
    const item = queue.current();
    if (!item) return move(1);
    const draft = card.draft(item.id);
    if (word === "Accepted" && !(draft ?? item).class) {
      notify(`The class ${item.label} has been deleted: choose another first.`, { kind: "error", key: "review" });
      return card.relabel();
    }
    acting = acting.then(async () => {
      if (queue.at !== item.id && item.verdict === null && queue.place(item.id) < 0) return;
      try {
        const facts = await factsOf(ctx, item.video, item.run);
        const { revision } = await api.ops(operations(item, draft, facts));
        card.forget(item.id);
        const name = className(state, draft?.class ?? item.class);
        // What was asked for meanwhile would have to be undone first.
        const undo = state.get("pending").length ? undefined : { label: "Undo", run: () => ctx.clicking.history("undo", revision).then(() => queue.read()) };
        notify(`${draft && word === "Accepted" ? "Corrected" : word}: ${name} at ${spokenTime(item.start)}`, { kind: "good", key: "review", seconds: 4, passing: true, action: undo });
        leave(item);
      } catch (error) {
        // Refusals by the store are told by the banner; this is for what could not even be asked.
        if (!error.code) notify(`The verdict could not be stored: ${error.message}`, { kind: "error", key: "review" });
        queue.read();
      }
    });
    return acting;
  }

  /** A judged prediction goes from the list of open ones, and the next takes its place. */
  function leave(item) {
    const place = queue.place(item.id); // by its id: the list may have been read anew meanwhile
    const open = queue.filter.verdict === "open";
    if (open && place >= 0) {
      queue.items = queue.items.filter((one) => one.id !== item.id);
      queue.total -= 1;
      queue.left -= 1;
    }
    if (queue.at !== item.id) return show();
    const next = queue.items[open ? place : place + 1] ?? (open ? queue.items.at(-1) : null);
    if (next) go(next.id);
    else if (open) queue.select(null);
    else show();
  }

  /** The timeline shows what was dragged or typed, not yet stored. */
  function edited(item, draft) {
    const held = state.get("predictions");
    if (!held) return;
    const seen = draft ?? item;
    const items = held.items.map((one) => (one.id === item.id ? { ...one, start: seen.start, end: seen.end, class: seen.class } : one));
    state.set("predictions", { ...held, items });
  }

  function keys() {
    const reviewing = () => state.get("tab") === "review";
    const chosen = () => reviewing() && queue.current() !== null;
    const key = (names, label, run, shown, when = chosen) => ({ group: "Reviewing", keys: names.split(" "), label, run, show: shown, when });
    const edge = (which) => () => card.edit({ [which]: state.get("playhead") });
    return [
      key("arrowdown", "Next segment", () => move(1), "↓", reviewing),
      key("arrowup", "Previous segment", () => move(-1), "↑", reviewing),
      key("enter", "Play the segment once", play, "Enter"),
      key("a", "Accept, as it stands or as edited", accept, "A"),
      key("r", "Reject", reject, "R"),
      key("c", "Choose another class", card.relabel, "C"),
      key("m", "A missed action starts here; again: it ends here", missed.mark, "M", reviewing),
      key("shift+arrowleft", "Start a tenth of a second earlier", () => card.nudge("start", -1), "Shift ←"),
      key("shift+arrowright", "Start a tenth of a second later", () => card.nudge("start", 1), "Shift →"),
      key("ctrl+shift+arrowleft", "End a tenth of a second earlier", () => card.nudge("end", -1), "Ctrl Shift ←"),
      key("ctrl+shift+arrowright", "End a tenth of a second later", () => card.nudge("end", 1), "Ctrl Shift →"),
      key("i", "Start at the playhead", edge("start"), "I"),
      key("o", "End at the playhead", edge("end"), "O"),
    ];
  }
}

function choice(name, options, chosen) {
  const field = h("select", { "aria-label": name, onchange: () => chosen(field.value) }, options.map(([value, text]) => h("option", { value }, text)));
  return field;
}
