/** What lies under the mouse, in words. */
import { exactTime } from "../clock.js";
import { h } from "../dom.js";
import { className } from "../things.js";

export function createTip(box, state) {
  const tip = h("div", { class: "tip", hidden: true, "aria-hidden": "true" });
  box.append(tip);

  function words({ kind, item }) {
    if (kind === "click") return [className(state, item.class), exactTime(item.time), item.pending ? "not stored yet" : ""];
    const extent = `${exactTime(item.start)} – ${exactTime(item.end)}`;
    if (kind === "truth") return [item.label, extent, "ground truth"];
    if (kind === "segment") return [className(state, item.class), extent, item.pending ? "not stored yet" : "verified"];
    return [className(state, item.class), extent, `score ${Math.round(item.score * 100)} %${item.verdict ? `, ${item.verdict}` : ""}`];
  }

  return {
    show(found, x, y) {
      tip.hidden = !found?.item;
      if (tip.hidden) return;
      const [name, when, more] = words(found);
      tip.replaceChildren(h("strong", {}, name), h("span", { class: "time" }, when), more ? h("span", { class: "muted" }, more) : "");
      const left = Math.min(Math.max(4, x - tip.offsetWidth / 2), box.clientWidth - tip.offsetWidth - 4);
      tip.style.left = `${left}px`;
      tip.style.top = `${y > 60 ? y - tip.offsetHeight - 12 : y + 18}px`;
    },
  };
}
