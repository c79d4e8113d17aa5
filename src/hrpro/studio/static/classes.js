/** The classes: press to place a click, colour and name and key changed on the spot, new ones by typing. */
import { chosen, h, icon, iconButton } from "./dom.js";
import { newId } from "./queue.js";
import { shownClasses } from "./things.js";

/** Colours that stay apart from each other and from both grounds; used in turn. */
export const COLOURS = ["#e0562b", "#2f80d8", "#1b9e6b", "#b455c8", "#c9930a", "#d6336c", "#0f9bb0", "#7a6ff0", "#7d8a17", "#8d5a3b"];

export function mountClasses(place, ctx) {
  const { state, api, clicking, notify } = ctx;
  const list = h("ul", { class: "class-list" });
  const name = h("input", { placeholder: "New class, then Enter", "aria-label": "New class", maxlength: "80", autocomplete: "off", spellcheck: "false" });
  const form = h("form", { class: "add-class", onsubmit: add }, name, h("button", { class: "button", type: "submit", "aria-label": "Add class" }, icon("plus"), "Add"));
  place.append(h("div", { class: "section-head" }, h("h2", { id: "classes-title" }, "Classes"), h("span", { class: "muted" }, "press to click")), list, form);
  let editing = null;

  function add(event) {
    event.preventDefault();
    const words = name.value.trim();
    if (!words) return;
    const classes = shownClasses(state);
    if (classes.some((one) => one.name === words)) return notify(`There is a class ${words} already.`, { kind: "error" });
    const id = newId();
    const color = COLOURS.find((one) => !classes.some((other) => other.color === one)) ?? COLOURS[classes.length % COLOURS.length];
    const op = { op: "add_class", id, name: words, color, key: "free" };
    name.value = "";
    api.ops(op).then(({ changed }) => {
      const { key } = changed[0].value;
      state.set("activeClass", id);
      ctx.announce(`Class ${words} added${key ? `, key ${key}` : ""}`);
    }, () => (name.value = words));
  }

  const edit = (one, fields) => clicking.store({ op: "edit_class", id: one.id, ...fields });

  function row(one) {
    const colour = h("input", { type: "color", value: one.color, "aria-label": `Colour of ${one.name}`, onchange: () => edit(one, { color: colour.value }) });
    const label = one.key ? `Place click ${one.name}, key ${one.key}` : `Place click ${one.name}`;
    const press = h(
      "button",
      { type: "button", class: "class-press", "aria-label": label, title: label, onclick: () => clicking.place(one.id) },
      h("span", { class: "class-name" }, one.name),
      h("span", { class: "class-count time" }, String(count(one.id))),
      one.key ? h("kbd", {}, one.key) : null,
    );
    const more = h("button", { type: "button", class: "icon-button class-more", "aria-label": `Edit ${one.name}`, title: `Edit ${one.name}`, "aria-expanded": String(editing === one.id), onclick: () => toggle(one.id) }, "⋯");
    const item = h("li", { class: state.get("activeClass") === one.id ? "active" : null }, h("div", { class: "class-row" }, h("label", { class: "swatch" }, colour), press, more));
    if (editing === one.id) item.append(editor(one));
    return item;
  }

  function editor(one) {
    const words = h("input", { value: one.name, "aria-label": `Name of ${one.name}`, maxlength: "80", onchange: rename, onkeydown: (event) => event.key === "Enter" && (rename(), toggle(one.id)) });
    let last = one.name;
    function rename() {
      const given = words.value.trim();
      if (!given || given === last) return; // Enter is followed by a change
      last = given;
      const other = state.get("classes").find((held) => held.name === given && held.id !== one.id);
      if (other) notify(`There is a class ${given} already.`, { kind: "error", action: { label: "Merge the two", run: () => merge(one, other.id) } });
      else edit(one, { name: given });
    }
    const key = h(
      "select",
      { "aria-label": `Key of ${one.name}` },
      h("option", { value: "" }, "no key"),
      [..."123456789"].map((digit) => h("option", { value: digit }, `key ${digit}`)),
    );
    key.value = one.key ?? "";
    chosen(key, () => key.value !== (one.key ?? "") && assign(one, key.value || null));
    const gone = iconButton("trash", `Delete class ${one.name}`, () => clicking.store({ op: "delete_class", id: one.id }));
    const others = state.get("classes").filter((held) => held.id !== one.id);
    const into = h(
      "select",
      { "aria-label": `Merge ${one.name} into` },
      h("option", { value: "" }, "merge into …"),
      others.map((held) => h("option", { value: held.id }, held.name)),
    );
    chosen(into, () => into.value && merge(one, into.value));
    return h("div", { class: "class-editor" }, words, key, gone, others.length ? into : null);
  }

  /** All that is of one class becomes of another; nothing is lost by a slip, as Undo parts them again. */
  async function merge(one, into) {
    const words = `${one.name} is merged into ${state.get("classes").find((held) => held.id === into)?.name}`;
    try {
      const { revision } = await api.ops({ op: "merge_class", id: one.id, into });
      if (state.get("activeClass") === one.id) state.set("activeClass", into);
      if (document.activeElement === document.body) list.querySelector(".class-press")?.focus(); // its row is gone
      notify(words, { kind: "good", seconds: 8, passing: true, action: { label: "Undo", run: () => clicking.history("undo", revision) } });
    } catch {
      // banner.js tells why.
    }
  }

  /** A key belongs to one class: whoever had it gives it up in the same transaction. */
  function assign(one, key) {
    const other = key && state.get("classes").find((held) => held.key === key && held.id !== one.id);
    const ops = [{ op: "edit_class", id: one.id, key }];
    if (other) ops.unshift({ op: "edit_class", id: other.id, key: null });
    clicking.store(...ops);
  }

  function toggle(id) {
    editing = editing === id ? null : id;
    draw();
    if (editing) list.querySelector(".class-editor input").select();
  }

  const count = (id) => [...state.get("clicks").values()].filter((click) => click.class === id).length;

  function draw() {
    const held = document.activeElement?.getAttribute("aria-label");
    const inside = list.contains(document.activeElement);
    list.replaceChildren(...state.get("classes").map(row));
    if (inside) [...list.querySelectorAll("[aria-label]")].find((one) => one.getAttribute("aria-label") === held)?.focus();
  }

  function recount() {
    const counts = new Map();
    for (const click of state.get("clicks").values()) counts.set(click.class, (counts.get(click.class) ?? 0) + 1);
    state.get("classes").forEach((one, index) => {
      const cell = list.children[index]?.querySelector(".class-count");
      if (cell) cell.textContent = String(counts.get(one.id) ?? 0);
      list.children[index]?.classList.toggle("active", state.get("activeClass") === one.id);
    });
  }

  state.on("classes", draw);
  state.on(["clicks", "activeClass"], recount);
}
