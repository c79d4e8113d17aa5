/**
 * The pictures of a video as points in time: exact where the server knows each one's time (/api/frames),
 * else at an even rate. A recording without pictures steps by its own rate, or by a tenth of a second.
 */

const CLOSE = 5e-4; // s: a click stored to the millisecond still means the picture it was made on
const NO_RATE = 10; // Hz, for recordings that tell none

export function createFrames({ api, state }) {
  let times = null;
  let exactRate = null; // Hz

  /** Ask for the exact times of a video's pictures; until they are here, and without them, the rate serves. */
  async function load(video) {
    times = exactRate = null;
    if (!video.media) return;
    const found = await api.get("/api/frames", { id: video.id }).catch(() => null);
    if (state.get("video") !== video.id || !found) return;
    times = found.times?.length ? found.times : null;
    exactRate = found.fps;
  }

  const rate = () => exactRate || state.get("fps") || NO_RATE;

  /** Number of the picture on show at `time`. */
  function at(time) {
    if (!times) return Math.floor((time + CLOSE) * rate());
    let low = 0;
    let high = times.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (times[middle] <= time + CLOSE) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }

  /** s, when picture `index` begins; beyond the ends, of the first or last one. */
  function start(index) {
    const last = times ? times.length - 1 : Math.max(0, Math.ceil(state.get("duration") * rate() - CLOSE) - 1);
    const inside = Math.min(Math.max(0, index), last);
    return times ? times[inside] : inside / rate();
  }

  return {
    load,
    /** Begin of the picture `count` ahead (negative: back) of the one at `time`; s */
    step: (time, count) => start(at(time) + count),
    /** A moment well inside the picture at `time`: where a player must be sent to show just that one; s */
    inside(time) {
      const index = at(time);
      const next = times ? times[index + 1] : (index + 1) / rate();
      return next === undefined ? Math.max(start(index), time) : (Math.max(start(index), 0) + next) / 2;
    },
    /** s, length of the picture at `time` */
    length: (time) => Math.max(1e-3, times?.[at(time) + 1] - times?.[at(time)] || 1 / rate()),
  };
}
