/**
 * The player: a video element, or a clock for recordings without video; both behind the same few verbs.
 *
 * state.playhead is the truth: while a video plays, it is the time of the picture on show (from the browser's
 * per-picture callback where there is one); when something seeks, it is what was asked for.
 */
import { createFrames } from "./frames.js";
import { createScreen } from "./screen.js";
import { mountTransport } from "./transport.js";

export const SPEEDS = [0.25, 0.5, 1, 1.5, 2, 3, 4];
const FASTEST = 4;

export function createPlayer(stage, ctx) {
  const { state } = ctx;
  const frames = createFrames(ctx);
  const screen = createScreen(stage, ctx);
  const element = screen.element;
  let direction = 0; // -1 reverse, 0 standing, 1 forward
  let until = Infinity; // where playRange stops, s
  let wanted = null; // a seek that waits for the one under way, s
  let before = 0; // time of the last tick, ms
  let turn = 0;

  const clamp = (time) => Math.min(Math.max(0, time), state.get("duration") || 0);
  const showing = () => screen.playable();

  function seek(time) {
    until = Infinity;
    place(clamp(time));
    if (direction === 1 && showing()) element.currentTime = state.get("playhead");
  }

  function place(time) {
    state.set("playhead", time);
    if (!showing() || (direction === 1 && !element.paused)) return;
    wanted = frames.inside(time);
    if (!element.seeking) send();
  }

  function send() {
    if (wanted === null) return;
    element.currentTime = wanted;
    wanted = null;
  }

  function step(count) {
    pause();
    place(clamp(frames.step(state.get("playhead"), count)));
  }

  function play(way = 1) {
    if (!state.get("video")) return;
    if (way === 1 && state.get("playhead") >= state.get("duration") - 0.05) place(0);
    direction = way;
    state.set("playing", true);
    begin();
  }

  /** Set the film going, or the clock; where the film still loads, this is called again when it has. */
  function begin() {
    turn++;
    if (direction === 1 && screen.loading()) return;
    if (direction === 1 && showing()) {
      element.playbackRate = state.get("rate");
      element.currentTime = frames.inside(state.get("playhead"));
      element.play().catch((error) => error.name === "AbortError" || stop());
    } else {
      element.pause();
    }
    before = performance.now();
    follow(turn);
  }

  function pause() {
    const was = direction;
    stop();
    // What is on show and what the playhead says must be the same picture.
    if (was === 1 && showing()) place(clamp(state.get("playhead")));
  }

  function stop() {
    turn++;
    direction = 0;
    until = Infinity;
    if (!element.paused) element.pause();
    state.set("playing", false);
  }

  /** Keep the playhead with the pictures (video, forward) or drive it by the clock. */
  function follow(mine) {
    if (mine !== turn || !direction) return;
    if (direction === 1 && showing()) {
      if (element.requestVideoFrameCallback) {
        element.requestVideoFrameCallback((_, picture) => shown(mine, picture.mediaTime));
      } else requestAnimationFrame(() => shown(mine, element.currentTime));
    } else requestAnimationFrame((now) => tick(mine, now));
  }

  function shown(mine, time) {
    if (mine !== turn) return;
    if (!element.seeking) { // else it is a picture of where the video was before
      state.set("playhead", clamp(time));
      if (time >= until) return pause();
    }
    follow(mine);
  }

  function tick(mine, now) {
    if (mine !== turn) return;
    const passed = ((now - before) / 1000) * state.get("rate") * direction;
    before = now;
    const time = clamp(state.get("playhead") + passed);
    place(time);
    if (time >= until || time === (direction === 1 ? state.get("duration") : 0)) return stop();
    follow(mine);
  }

  function setRate(rate) {
    state.set("rate", Math.min(FASTEST, Math.max(SPEEDS[0], rate)));
    element.playbackRate = state.get("rate");
  }

  element.addEventListener("seeked", send);
  element.addEventListener("ended", () => {
    if (direction === 1) {
      stop();
      state.set("playhead", state.get("duration"));
    }
  });
  element.addEventListener("loadedmetadata", () => {
    if (!state.get("duration") && Number.isFinite(element.duration)) state.set("duration", element.duration);
    place(state.get("playhead"));
    if (direction === 1) begin();
  });
  element.addEventListener("error", () => direction === 1 && !showing() && begin());
  state.listen("opened", ({ video }) => {
    stop();
    wanted = null;
    frames.load(video);
    screen.show(video);
  });
  state.listen("seek", seek);

  const player = {
    element,
    /** Go to a time in s. */
    seek,
    /** Go `count` pictures on (negative: back), and stand there. */
    step,
    play: () => play(1),
    pause,
    toggle: () => (direction ? pause() : play(1)),
    /** Play from start to end, in s, and stop. */
    playRange(start, end) {
      pause();
      place(clamp(start));
      play(1);
      until = end;
    },
    setRate,
    /** One of the SPEEDS up (1) or down (-1). */
    faster(way) {
      const next = way > 0 ? SPEEDS.find((one) => one > state.get("rate")) : SPEEDS.findLast((one) => one < state.get("rate"));
      if (next) setRate(next);
    },
    /** L and J: play that way; pressed again, twice as fast, up to 4x. */
    shuttle(way) {
      if (direction === way) setRate(state.get("rate") * 2);
      else {
        setRate(1);
        play(way);
      }
    },
    /** s, the length of one picture at the playhead */
    frameLength: () => frames.length(state.get("playhead")),
    /** Begin of the picture `count` ahead of the one at `time`, in s */
    frameFrom: (time, count) => clamp(frames.step(time, count)),
    flash: screen.flash,
  };
  mountTransport(stage, ctx, player);
  return player;
}
