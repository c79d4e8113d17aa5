/**
 * Thumbnails along the timeline: at most one request per tile and a few at a time, nearest first, asked for only when
 * the view rests; what is here already, even of a coarser zoom, is shown at once.
 */

const STEPS = [0.5, 1, 2, 3, 5, 6, 10, 15, 20, 30, 60, 120, 300, 600, 1200, 1800];
const NARROW = 0.7; // of a picture's width, that a tile may be
const AT_ONCE = 3;
const KEPT = 300;
const REST_MS = 140;
const AGAIN_MS = [1000, 4000, 15_000, 60_000]; // after the first, second, ... time that a picture did not come

/** @param changed called when another picture has arrived */
export function createThumbs(changed) {
  let video = null;
  let pictures = new Map(); // time -> {image, ready}
  let failed = new Map(); // time -> how often it did not come
  let running = 0;
  let timer = null;
  let wanted = [];

  function open(next) {
    video = next;
    pictures = new Map();
    failed = new Map();
    wanted = [];
  }

  function draw(pen, lane, view, colours) {
    pen.fillStyle = colours.sunken;
    pen.fillRect(0, lane.y, view.width, lane.h);
    if (!video?.thumbs) return;
    const wide = lane.h * aspect();
    const step = STEPS.find((one) => one >= (video.thumb_step ?? 0) && one * view.scale >= NARROW * wide) ?? STEPS.at(-1);
    wanted = [];
    pen.save();
    pen.beginPath();
    pen.rect(0, lane.y, Math.min(view.width, view.x(view.duration)), lane.h);
    pen.clip();
    for (let index = Math.floor(view.start / step); index * step < Math.min(view.end, view.duration); index++) {
      const time = Number((index * step).toFixed(3));
      const held = pictures.get(time);
      if (!held) wanted.push(time);
      const picture = held?.ready ? held : nearest(time, step);
      if (!picture) continue;
      cover(pen, picture.image, view.x(time), lane.y, step * view.scale - 1, lane.h);
    }
    pen.restore();
    clearTimeout(timer);
    if (wanted.length) timer = setTimeout(load, REST_MS);
  }

  const aspect = () => (video.width && video.height ? Math.min(3, video.width / video.height) : 16 / 9);

  /** A picture that is here and lies within the tile. */
  function nearest(time, step) {
    for (const [at, one] of pictures) if (one.ready && at >= time && at < time + step) return one;
    return null;
  }

  function load() {
    while (running < AT_ONCE && wanted.length) {
      const middle = Math.floor(wanted.length / 2);
      fetchOne(wanted.splice(middle, 1)[0]);
    }
  }

  function fetchOne(time) {
    if (pictures.has(time)) return;
    const [mine, held, failures] = [video, pictures, failed];
    const image = new Image();
    const entry = { image, ready: false };
    held.set(time, entry);
    running++;
    image.src = `${mine.thumbs}&t=${time}&h=72`;
    image
      .decode()
      .then(() => {
        entry.ready = true;
        if (mine === video) changed();
      })
      .catch(() => {
        const before = failures.get(time) ?? 0;
        failures.set(time, before + 1);
        setTimeout(() => {
          if (held.get(time) === entry) held.delete(time);
          if (mine === video) changed();
        }, AGAIN_MS[Math.min(before, AGAIN_MS.length - 1)]);
      })
      .finally(() => {
        running--;
        if (held.size > KEPT) held.delete(held.keys().next().value);
        load();
      });
  }

  return { open, draw };
}

/** Fill the tile with the picture's middle, as object-fit: cover does. */
function cover(pen, image, x, y, w, h) {
  const scale = Math.max(w / image.naturalWidth, h / image.naturalHeight);
  const [sw, sh] = [w / scale, h / scale];
  pen.drawImage(image, (image.naturalWidth - sw) / 2, (image.naturalHeight - sh) / 2, sw, sh, x, y, w, h);
}
