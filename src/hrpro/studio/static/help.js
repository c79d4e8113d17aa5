/** The help: every key, by group, as the table of keys has it. */
import { h, iconButton } from "./dom.js";

export function showHelp(keys) {
  const groups = grouped(keys.list());
  const sections = [...groups].map(([name, bindings]) =>
    h(
      "section",
      {},
      h("h3", {}, name),
      h(
        "dl",
        {},
        bindings.map((one) =>
          h("div", {}, h("dt", {}, h("kbd", {}, one.show ?? one.keys[0].toUpperCase())), h("dd", {}, one.label)),
        ),
      ),
    ),
  );
  const mouse = h(
    "section",
    {},
    h("h3", {}, "Timeline with mouse or fingers"),
    h(
      "dl",
      {},
      [
        ["Wheel, pinch", "Zoom around the pointer"],
        ["Shift wheel", "Move along"],
        ["Drag the ground", "Move along"],
        ["Drag the ruler", "Move the playhead"],
        ["Drag a click", "Move it; Esc takes it back"],
        ["Drag a segment’s edge", "Change where it begins or ends"],
      ].map(([what, does]) => h("div", {}, h("dt", {}, what), h("dd", {}, does))),
    ),
  );
  openDialog("Help and keys", [
    h("p", { class: "muted" }, "One click inside each action is enough. Near its middle is best; the model finds where it begins and ends."),
    h("div", { class: "key-groups" }, sections, mouse),
  ]);
}

/** A dialog with a title and a way out; gone from the page when closed. @returns {HTMLDialogElement} */
export function openDialog(title, content, { narrow = false } = {}) {
  const dialog = h("dialog", { "aria-label": title, class: narrow ? "narrow" : null });
  const close = iconButton("close", "Close", () => dialog.close());
  dialog.append(h("div", { class: "dialog-head" }, h("h2", {}, title), close), h("div", { class: "dialog-body" }, content));
  dialog.addEventListener("close", () => dialog.remove());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

function grouped(bindings) {
  const groups = new Map(["Playing", "Clicking", "Reviewing", "Getting around"].map((name) => [name, []]));
  for (const one of bindings) groups.set(one.group, [...(groups.get(one.group) ?? []), one]);
  return groups;
}
