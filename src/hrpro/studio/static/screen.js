/** What is on show: the video, or why there is none; over it the flash of a click and what is predicted just now. */
import { h, icon } from "./dom.js";
import { exactTime } from "./clock.js";
import { goneForm } from "./gone.js";
import { className, classesById, shownSegments } from "./things.js";

export function createScreen(stage, ctx) {
  const { state, api, notify } = ctx;
  const element = h("video", { class: "picture", playsinline: true, preload: "auto", tabindex: "-1", "aria-label": "Video" });
  element.disablePictureInPicture = true;
  const clock = h("p", { class: "big-time time", "aria-hidden": "true" });
  const note = h("div", { class: "no-picture" });
  const now = h("ul", { class: "now", "aria-label": "At the playhead" });
  const spark = h("div", { class: "flash", "aria-hidden": "true" });
  stage.append(h("div", { class: "screen" }, element, note, now, spark));
  const making = h("progress", { max: "1", "aria-label": "Copy" });
  let ready = false;

  function show(video) {
    ready = Boolean(video.media) && video.playable === "yes";
    element.hidden = !ready;
    note.hidden = ready;
    element.removeAttribute("src");
    if (ready) element.src = video.media;
    else element.load();
    if (!ready) explain(video);
  }

  function explain(video) {
    const title = (text) => h("p", { class: "no-picture-title" }, text);
    if (video.playable === "making") {
      const words = "The original file stays as it is; the copy is made once. You can look at the timeline meanwhile.";
      note.replaceChildren(icon("film"), title("Making a copy that every browser can play …"), making, h("p", {}, words));
    } else if (video.gone) note.replaceChildren(icon("film"), title(video.problem), goneForm(video, ctx));
    else if (video.playable === "proxy") copy(video);
    else if (!video.media && !video.problem && !video.thumbs) {
      const words = "Play, step and click as with a video: the clock moves through the recording.";
      note.replaceChildren(icon("wave"), title("A recording without video"), clock, h("p", {}, words));
    } else {
      const again = h("button", { type: "button", class: "button", onclick: () => copy(video) }, "Make a playable copy");
      note.replaceChildren(icon("film"), title("The file cannot be shown here"), h("p", {}, video.problem ?? ""), video.thumbs ? again : "");
    }
  }

  /** Every browser plays the copy; asked for as soon as such a video is opened. */
  async function copy(video) {
    try {
      const { playable } = await api.post("/api/proxy", { id: video.id });
      making.value = 0;
      if (playable === "making") explain({ ...video, playable });
      else await again(video.id);
    } catch (error) {
      explain({ ...video, playable: "no", problem: error.message });
    }
  }

  /** The copy is ready, or has failed: look at the video anew. */
  async function again(id) {
    const found = await api.get("/api/video", { id }).catch((error) => notify(error.message, { kind: "error" }));
    if (!found?.video) return;
    state.set("videos", state.get("videos").map((one) => (one.id === id ? { ...one, ...found.video } : one)));
    if (state.get("video") === id) show(found.video);
  }

  state.listen("proxy", (news) => {
    if (news.state !== "making") return again(news.id);
    if (news.id === state.get("video")) making.value = news.done;
  });

  element.addEventListener("error", () => {
    if (!ready || !element.getAttribute("src")) return;
    ready = false;
    element.hidden = true;
    note.hidden = false;
    const video = state.get("videos").find((one) => one.id === state.get("video"));
    if (video) explain({ ...video, playable: "no", problem: "This browser does not know how to play it." });
  });

  state.on("playhead", () => {
    if (!ready) clock.textContent = exactTime(state.get("playhead"));
  });

  let told = "";
  state.on(["playhead", "predictions", "segments", "pending", "classes"], () => {
    const time = state.get("playhead");
    const inside = (one) => one.start <= time && time < one.end;
    const colours = classesById(state);
    const found = [
      ...shownSegments(state).filter(inside).map((one) => ["verified", one.class, ""]),
      ...(state.get("predictions")?.items ?? [])
        .filter((one) => inside(one) && one.verdict !== "rejected")
        .map((one) => ["predicted", one.class, `${Math.round(one.score * 100)} %`]),
    ].slice(0, 4);
    const words = JSON.stringify([found, [...colours.values()].map((one) => [one.name, one.color])]);
    if (words === told) return;
    told = words;
    now.replaceChildren(
      ...found.map(([kind, id, score]) => {
        const dot = h("i", { class: "dot" });
        dot.style.background = colours.get(id)?.color ?? "#888";
        return h("li", { class: kind }, dot, className(state, id), h("span", {}, kind === "verified" ? "verified" : score));
      }),
    );
  });

  return {
    element,
    show,
    /** Whether the element shows pictures; and whether it soon will. */
    playable: () => ready && element.readyState > 0,
    loading: () => ready && element.readyState === 0,
    /** Show for a moment that a click of this colour and name was placed. */
    flash(color, text) {
      spark.style.setProperty("--flash", color);
      spark.replaceChildren(h("span", {}, text));
      spark.classList.remove("on");
      void spark.offsetWidth; // starts the animation anew
      spark.classList.add("on");
    },
  };
}
