/** An action that no prediction shows: marked at its start and again at its end, it is a verified segment and a click. */
import { spokenTime } from "./clock.js";
import { h } from "./dom.js";
import { factsOf, missed } from "./review_ops.js";
import { classesById } from "./things.js";

const SHORTEST = 0.05; // s

/** @param {HTMLElement} root @returns {{mark: Function}} mark: where it starts; the second time, where it ends */
export function mountMissed(root, ctx) {
  const { state, api, notify } = ctx;
  const which = h("select", { "aria-label": "Class of the missed action", onchange: () => state.set("activeClass", which.value) });
  const button = h("button", { type: "button", class: "button", onclick: mark });
  const cancel = h("button", { type: "button", class: "link", onclick: () => begin(null) }, "Cancel");
  const words = h("p", { class: "muted", role: "status" });
  const fold = h("details", { class: "fold" }, h("summary", {}, "Missed one?"), h("div", { class: "missed-tools" }, which, button, cancel), words);
  root.replaceChildren(fold);
  let start = null; // {video, time}

  state.on(["classes", "activeClass"], fill);
  state.on("video", () => start && start.video !== state.get("video") && begin(null));
  fill();
  begin(null);

  function fill() {
    const classes = state.get("classes");
    root.hidden = classes.length === 0;
    which.replaceChildren(...classes.map((one) => h("option", { value: one.id }, one.name)));
    which.value = state.get("activeClass") ?? classes[0]?.id ?? "";
  }

  function begin(at) {
    start = at;
    button.replaceChildren(h("kbd", { "aria-hidden": "true" }, "M"), at ? "Ends here" : "Starts here");
    cancel.hidden = !at;
    if (at) requestAnimationFrame(() => fold.scrollIntoView({ block: "nearest" }));
    words.textContent = at ? `From ${spokenTime(at.time)} on: go to where it ends.` : "";
  }

  async function mark() {
    const video = state.get("video");
    const time = state.get("playhead");
    if (!video || !which.value) return;
    fold.open = true;
    if (!start) return begin({ video, time });
    const [first, last] = [Math.min(start.time, time), Math.max(start.time, time)];
    if (last - first < SHORTEST) return notify("It must end after it starts: go to where it ends first.", { kind: "error", key: "review" });
    const one = classesById(state).get(which.value);
    begin(null);
    try {
      const facts = await factsOf(ctx, video, state.get("activations")?.run);
      const { revision } = await api.ops(missed({ video, start: first, end: last, class: one.id }, facts, api.newId));
      const undo = { label: "Undo", run: () => ctx.clicking.history("undo", revision) };
      const text = `Verified: ${one.name} from ${spokenTime(first)} to ${spokenTime(last)}`;
      notify(text, { kind: "good", key: "review", seconds: 4, passing: true, action: state.get("pending").length ? undefined : undo });
    } catch (error) {
      if (!error.code) notify(`It could not be stored: ${error.message}`, { kind: "error", key: "review" });
    }
  }

  return { mark };
}
