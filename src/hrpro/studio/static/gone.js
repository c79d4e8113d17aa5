/** A video whose file is not there any more: what was clicked in it can be given to the file that it is now. */
import { h } from "./dom.js";

/** @returns {HTMLElement|string} the form; nothing where there is no video to give it to */
export function goneForm(video, { state, api, notify, open, reload }) {
  const others = state.get("videos").filter((one) => !one.gone && !one.problem);
  if (!others.length) return "";
  const choice = h("select", { "aria-label": "What it is called now" }, h("option", { value: "" }, "choose a video"), others.map((one) => h("option", { value: one.id }, one.name)));
  const press = h("button", { class: "button", type: "submit" }, "Move them there");
  api.get("/api/video", { id: video.id }).then(({ renamed }) => renamed && !choice.value && (choice.value = renamed), () => {});

  async function move(event) {
    event.preventDefault();
    const to = choice.value;
    if (!to) return choice.focus();
    press.disabled = true;
    try {
      const { changed, revision } = await api.ops({ op: "move_video", id: video.id, video: to, version: 0 });
      const undo = () => api.undo(revision).then(() => reload(), () => {});
      await reload();
      await open(to);
      const count = changed.filter((one) => one.value && one.kind !== "verdict").length;
      notify(`${count === 1 ? "1 click or segment is" : `${count} clicks and segments are`} of ${to} now`, { kind: "good", seconds: 8, passing: true, action: { label: "Undo", run: undo } });
    } catch {
      press.disabled = false; // banner.js tells why
    }
  }

  return h("form", { class: "gone", onsubmit: move }, h("p", {}, "Was it renamed or moved? What was clicked in it can be given to what it is now."), choice, press);
}
