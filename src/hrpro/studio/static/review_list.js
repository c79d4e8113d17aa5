/** The list of predictions to review, one row each: class, time, video, and how uncertain. */
import { shortTime, spokenTime } from "./clock.js";
import { h } from "./dom.js";
import { classesById } from "./things.js";

/** @param {(id: string) => void} choose */
export function createList({ state }, queue, choose) {
  const list = h("ul", { class: "review-list", role: "listbox", "aria-label": "Predicted segments", tabindex: "0" });
  const more = h("button", { type: "button", class: "button more", onclick: () => queue.more() }, "Show more");
  const none = h("p", { class: "muted review-none" });
  const element = h("div", { class: "review-scroll" }, none, list, more);
  const rows = new Map();
  list.addEventListener("click", (event) => {
    const row = event.target.closest("[role=option]");
    if (row) choose(row.dataset.id);
  });

  function show() {
    const classes = classesById(state);
    const names = new Map(state.get("videos").map((one) => [one.id, one.name]));
    const wanted = queue.items.map((item) => rowOf(item, classes.get(item.class), names.get(item.video) ?? item.video));
    // Rows that stay keep their elements, so that focus and scrolling stay.
    if (wanted.length !== list.children.length || wanted.some((row, index) => row !== list.children[index])) {
      list.replaceChildren(...wanted);
    }
    const kept = new Set(queue.items.map((one) => one.id));
    for (const id of rows.keys()) if (!kept.has(id)) rows.delete(id);
    mark();
    more.hidden = queue.items.length >= queue.total;
    list.hidden = queue.items.length === 0;
  }

  function rowOf(item, one, video) {
    const said = `${one?.name ?? item.label} from ${spokenTime(item.start)} to ${spokenTime(item.end)} in ${video}`;
    const print = JSON.stringify([said, one?.color, item.verdict, item.uncertainty]);
    const held = rows.get(item.id);
    if (held?.print === print) return held.row;
    const dot = h("span", { class: "class-dot", "aria-hidden": "true" });
    dot.style.background = one?.color ?? "";
    const doubt = h("span", { class: "doubt", "aria-hidden": "true" }, h("span", { class: "doubt-bar" }));
    doubt.firstChild.style.width = `${100 * item.uncertainty}%`;
    const row = h(
      "li",
      {
        role: "option",
        class: `review-row ${item.verdict ?? ""}`,
        id: `review-${item.id.replaceAll(/\s/g, "_")}`,
        "data-id": item.id,
        "aria-label": `${said}, ${Math.round(100 * item.uncertainty)} % uncertain${item.verdict ? `, ${item.verdict}` : ""}`,
      },
      dot,
      h("span", { class: "review-name" }, one?.name ?? item.label),
      h("span", { class: "time review-time" }, `${shortTime(item.start)}–${shortTime(item.end)}`),
      h("span", { class: "review-video muted", title: video }, video),
      doubt,
    );
    rows.set(item.id, { print, row });
    return row;
  }

  function mark() {
    let chosen = null;
    for (const [id, { row }] of rows) {
      const selected = id === queue.at;
      row.setAttribute("aria-selected", String(selected));
      if (selected) chosen = row;
    }
    if (chosen) {
      list.setAttribute("aria-activedescendant", chosen.id);
      chosen.scrollIntoView({ block: "nearest" });
    } else list.removeAttribute("aria-activedescendant");
  }

  return { element, show, say: (text) => ((none.textContent = text), (none.hidden = !text)) };
}
