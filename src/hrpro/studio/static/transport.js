/** The row of buttons below the picture: steps, play, speed, sound, and the exact time. */
import { exactTime, shortTime } from "./clock.js";
import { h, iconButton, setIcon } from "./dom.js";
import { SPEEDS } from "./player.js";

export function mountTransport(stage, ctx, player) {
  const { state } = ctx;
  const near = (way) => () => ctx.clicking.neighbour(way);
  const play = iconButton("play", "Play", player.toggle, { class: "play", title: "Play or pause (space)" });
  const sound = iconButton("sound", "Mute", mute, { "aria-pressed": "false" });
  const time = h("output", { class: "time now-time", "aria-label": "Playhead" });
  const length = h("span", { class: "time muted" });
  const speed = h(
    "select",
    { "aria-label": "Speed", title: "Speed (J, K, L; < and >)", onchange: () => player.setRate(Number(speed.value)) },
    SPEEDS.map((value) => h("option", { value: String(value) }, `${value}×`)),
  );
  const go = h("input", { class: "go-to time", "aria-label": "Go to time", placeholder: "Go to time", inputmode: "decimal", onchange: jump });

  stage.append(
    h(
      "div",
      { class: "transport", role: "group", "aria-label": "Playback" },
      h("div", { class: "times" }, time, h("span", { class: "muted", "aria-hidden": "true" }, "/"), length),
      h(
        "div",
        { class: "group" },
        iconButton("click-back", "Previous click", near(-1), { title: "Previous click ([)" }),
        iconButton("frame-back", "One frame back", () => player.step(-1), { title: "One frame back (,)" }),
        play,
        iconButton("frame-next", "One frame on", () => player.step(1), { title: "One frame on (.)" }),
        iconButton("click-next", "Next click", near(1), { title: "Next click (])" }),
      ),
      h("div", { class: "group end" }, go, speed, sound),
    ),
  );

  function mute() {
    player.element.muted = !player.element.muted;
    sound.setAttribute("aria-pressed", String(player.element.muted));
    setIcon(sound, player.element.muted ? "mute" : "sound");
  }

  function jump() {
    const seconds = readTime(go.value);
    if (seconds === null) ctx.notify("A time is written as 75, 1:15 or 0:01:15.250.", { kind: "error" });
    else player.seek(seconds);
    go.value = "";
  }

  state.on("playhead", () => (time.value = exactTime(state.get("playhead"))));
  state.on("duration", () => (length.textContent = shortTime(state.get("duration"))));
  state.on("video", () => {
    const video = state.get("videos").find((one) => one.id === state.get("video"));
    sound.hidden = !video?.media;
  });
  state.on(["playing", "rate"], () => {
    const playing = state.get("playing");
    setIcon(play, playing ? "pause" : "play");
    play.setAttribute("aria-label", playing ? "Pause" : "Play");
    const rate = state.get("rate");
    speed.value = String(SPEEDS.reduce((best, one) => (Math.abs(one - rate) < Math.abs(best - rate) ? one : best)));
  });
  speed.value = "1";
  time.value = exactTime(0);
}

/** "1:02:03.5", "62:03", "75" -> s; null where it is no time. */
export function readTime(text) {
  const words = text.trim().replace(",", ".").split(":");
  if (!text.trim() || words.length > 3 || words.some((word) => !/^\d+(\.\d*)?$/.test(word))) return null;
  return words.reduce((seconds, word) => seconds * 60 + Number(word), 0);
}
