/** The first steps, shown until they are done: name a class, click, train. */
import { h, icon, iconButton } from "./dom.js";

const ENOUGH = 5; // clicks after which nobody needs to be told how

export function mountHint(place, { state }) {
  const steps = [
    ["Name what you look for", "Type a class below, such as “jump”, and press Enter."],
    ["Click when it happens", "Play, and press the class’s number once inside each action. Missing one is fine."],
    ["Press Train", "After a few clicks in some videos, open the Train tab."],
  ];
  const items = steps.map(([title, text]) =>
    h("li", {}, h("span", { class: "step-mark" }, icon("check")), h("div", {}, h("strong", {}, title), h("p", {}, text))),
  );
  const close = iconButton("close", "Hide first steps", () => {
    localStorage.setItem("hrpro.hint", "seen");
    show();
  }, { class: "small" });
  place.append(h("div", { class: "section-head" }, h("h2", {}, "First steps"), close), h("ol", {}, items));

  function show() {
    if (!state.get("project")) return;
    const clicks = state.get("videos").reduce((sum, one) => sum + one.clicks, 0);
    const done = [state.get("classes").length > 0, clicks + state.get("clicks").size >= ENOUGH, state.get("jobs").length > 0];
    const next = done.indexOf(false);
    items.forEach((item, index) => {
      item.className = done[index] ? "done" : index === next ? "next" : "";
      if (index === next) item.setAttribute("aria-current", "step");
      else item.removeAttribute("aria-current");
    });
    place.hidden = (done[0] && done[1]) || localStorage.getItem("hrpro.hint") === "seen";
  }
  state.on(["project", "videos", "classes", "clicks", "jobs"], show);
}
