/** The clicks of the open video as a list: walk with arrows, Enter goes there, left and right move by a frame. */
import { exactTime, spokenTime } from "./clock.js";
import { h, iconButton } from "./dom.js";
import { createRows } from "./rows.js";
import { classesById, className, shownClicks } from "./things.js";

export function mountClicks(place, ctx) {
  const { state, clicking, player } = ctx;
  const total = h("span", { class: "muted time" });
  const box = h("div", { class: "rows" });
  const none = h("p", { class: "empty" }, "No clicks in this video yet.");
  place.append(h("div", { class: "section-head" }, h("h2", { id: "clicks-title" }, "Clicks"), total), none, box);

  const rows = createRows(box, { label: "Clicks of this video", row, keydown, height: () => (matchMedia("(pointer: coarse)").matches ? 42 : 32) });

  function row(click) {
    const name = className(state, click.class);
    const dot = h("i", { class: "dot" });
    dot.style.background = classesById(state).get(click.class)?.color ?? "#888";
    const spoken = `Click ${name} at ${spokenTime(click.time)}${click.pending ? ", not stored yet" : ""}`;
    return h(
      "li",
      { class: ["row", click.pending && "pending", click.leaving && "leaving", click.id === chosen() && "selected"].filter(Boolean).join(" ") },
      h("button", { type: "button", class: "row-main", "aria-label": spoken, "aria-current": click.id === chosen() ? "true" : null, onclick: () => clicking.select(click.id) }, dot, h("span", { class: "row-name" }, name), h("span", { class: "time row-time" }, exactTime(click.time))),
      iconButton("trash", `Delete ${name} at ${spokenTime(click.time)}`, () => clicking.remove(click.id), { class: "small row-delete", tabindex: "-1" }),
    );
  }

  function keydown(event, click) {
    const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (way) {
      event.preventDefault();
      const time = player.frameFrom(click.time, way * (event.shiftKey ? 10 : 1));
      state.set("selection", { kind: "click", id: click.id });
      clicking.move(click.id, time);
      player.seek(time);
    } else if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      clicking.remove(click.id);
    }
  }

  const chosen = () => (state.get("selection")?.kind === "click" ? state.get("selection").id : null);
  let before = [];

  /** Rows are kept as long as their click is the same object; what is drawn differently must be another one. */
  function draw(keys) {
    const clicks = shownClicks(state);
    const fresh = keys.has("selection") || keys.has("classes");
    const shown = fresh ? clicks.map((one) => (one.id === chosen() || one.id === before || keys.has("classes") ? { ...one } : one)) : clicks;
    before = chosen();
    total.textContent = clicks.length ? String(clicks.length) : "";
    none.hidden = clicks.length > 0;
    box.hidden = clicks.length === 0;
    rows.show(shown, keys.has("selection") ? chosen() : null);
  }
  state.on(["clicks", "pending", "classes", "selection", "tab"], draw);
}
