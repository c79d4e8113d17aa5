/** Accepting all predictions that are certain enough, after a look at how many these are; one undo takes it back. */
import { h } from "./dom.js";
import { acceptance, factsOf } from "./review_ops.js";

const MOST = 300; // predictions in one request: three operations each, and the server takes a thousand
const SOON_MS = 200;

/** @param {HTMLElement} root */
export function mountBulk(root, ctx, queue) {
  const { state, api, notify } = ctx;
  const limit = h("input", { type: "range", id: "bulk-limit", min: "0", max: "100", step: "1", value: "20", oninput: count });
  const label = h("label", { for: limit.id });
  const button = h("button", { type: "button", class: "button", onclick: ask, disabled: true }, "Accept");
  root.replaceChildren(
    h("details", { class: "fold", ontoggle: count }, h("summary", {}, "Accept the certain ones"), label, limit, button),
  );
  const fold = root.firstChild;
  let found = [];
  let timer = null;
  state.on(["verdicts", "videos", "predictions", "tab"], count);

  function count() {
    label.textContent = `At most ${limit.value} % uncertain`;
    if (!fold.open || state.get("tab") !== "review") return;
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const asked = { sort: "uncertainty", class: queue.filter.class || undefined, verdict: "open" };
      found = await certain(asked, Number(limit.value) / 100).catch(() => []);
      button.disabled = found.length === 0;
      button.textContent = found.length ? `Accept ${found.length}…` : "None is that certain";
    }, SOON_MS);
  }

  /** All open ones of at most that uncertainty; the most uncertain come first, so the whole list is read. */
  async function certain(asked, most) {
    const items = [];
    for (;;) {
      const page = await api.get("/api/review", { ...asked, limit: 500, offset: items.length });
      items.push(...page.items);
      if (!page.items.length || items.length >= page.total) break;
    }
    return items.filter((one) => one.uncertainty <= most && one.class);
  }

  function ask() {
    const chosen = found;
    const videos = new Set(chosen.map((one) => one.video)).size;
    const per = new Map();
    for (const one of chosen) per.set(one.label, (per.get(one.label) ?? 0) + 1);
    const close = () => dialog.close();
    const dialog = h(
      "dialog",
      { class: "narrow", "aria-labelledby": "bulk-title" },
      h("div", { class: "dialog-head" }, h("h2", { id: "bulk-title" }, `Accept ${chosen.length} predictions?`)),
      h(
        "div",
        { class: "dialog-body" },
        h("p", {}, `They are at most ${limit.value} % uncertain and lie in ${videos} ${videos === 1 ? "video" : "videos"}:`),
        h("ul", { class: "bulk-classes" }, [...per].map(([name, number]) => h("li", {}, `${name}: ${number}`))),
        h("p", { class: "muted" }, "None of them has been looked at. Undo takes all of it back."),
        h(
          "div",
          { class: "dialog-actions" },
          h("button", { type: "button", class: "button", onclick: close }, "Cancel"),
          h("button", { type: "button", class: "button primary", onclick: () => (close(), accept(chosen)) }, `Accept ${chosen.length}`),
        ),
      ),
    );
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  async function accept(chosen) {
    button.disabled = true;
    const requests = chunks(await operations(chosen));
    const stored = []; // revisions
    // What was asked for meanwhile would have to be undone first.
    const offer = () => (state.get("pending").length || !stored.length ? undefined : { label: "Undo", run: () => undo(stored) });
    try {
      for (const items of requests) stored.push((await api.ops(items.flat())).revision);
      const text = `Accepted ${chosen.length} predictions.`;
      notify(text, { kind: "good", key: "review", seconds: 20, passing: true, action: offer() });
    } catch (error) {
      if (stored.length) notify(`Only a part was accepted: ${error.message}`, { kind: "error", key: "review", passing: true, action: offer() });
    }
    queue.read();
    count();
  }

  /** @returns a list of operations per prediction; clicks that one adds count for the next */
  async function operations(chosen) {
    const all = [];
    const facts = new Map();
    for (const item of chosen) {
      const place = `${item.run}\n${item.video}`;
      if (!facts.has(place)) facts.set(place, await factsOf(ctx, item.video, item.run));
      const ops = acceptance(item, null, facts.get(place), api.newId);
      facts.get(place).clicks = [...facts.get(place).clicks, ...ops.filter((op) => op.op === "add_click")];
      all.push(ops);
    }
    return all;
  }

  async function undo(revisions) {
    try {
      for (const revision of revisions.reverse()) await api.undo(revision);
      notify("Taken back.", { key: "review", seconds: 4 });
    } catch (error) {
      notify(error.message, { kind: "error", key: "review" });
    }
    queue.read();
    count();
  }
}

function chunks(all) {
  const parts = [];
  for (let first = 0; first < all.length; first += MOST) parts.push(all.slice(first, first + MOST));
  return parts;
}
