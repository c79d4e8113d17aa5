/** What a verdict on a prediction does, as operations of one request: it is stored whole or not at all. */
import { shownClicks, shownSegments } from "./things.js";

export const TOLD =
  "Accepting keeps the segment as verified and, where nobody has clicked in it, adds a click at its surest moment, from which the next training learns.";

/**
 * The facts that verdicts on one video need: its clicks, verified segments, verdicts and activations, from the
 * page if it shows that video, else from the server.
 */
export async function factsOf({ state, api }, video, run) {
  const held = state.get("activations");
  const open = state.get("video") === video;
  const [stored, activations] = await Promise.all([
    open ? null : api.get("/api/video", { id: video }),
    open && held?.run === run ? held : api.get("/api/activations", { video, run }).catch(() => null),
  ]);
  const about = state.get("videos").find((one) => one.id === video);
  return {
    clicks: stored ? stored.clicks : shownClicks(state).filter((one) => !one.leaving),
    segments: stored ? stored.segments : shownSegments(state).filter((one) => !one.leaving),
    verdicts: stored ? stored.verdicts : [...state.get("verdicts").values()],
    names: new Map(state.get("classes").map((one) => [one.id, one.name])),
    duration: about?.duration ?? null,
    activations,
  };
}

/** draft: {start, end, class} as corrected, or null to accept it as it stands. @returns ops */
export function acceptance(item, draft, facts, newId) {
  const wanted = draft ?? item;
  const segment = { start: Math.max(0, wanted.start), end: inside(wanted.end, facts.duration), class: wanted.class };
  const verdict = draft ? "corrected" : "accepted";
  const held = madeOf(item, facts) ?? matching(wanted, facts);
  const ops = [judge(item, verdict, facts)];
  if (held && !draft && held.prediction !== item.id) return ops; // verified before, perhaps with better boundaries
  const came = held && clickOf(item, held, facts);
  const stray = came && (came.class !== segment.class || !within(came.time, segment)) ? came : null;
  if (held) ops.push({ op: "edit_segment", id: held.id, version: held.version, ...segment });
  else ops.push({ op: "add_segment", id: newId(), video: item.video, ...segment, origin: verdict, prediction: item.id });
  if (stray) ops.push({ op: "delete_click", id: stray.id, version: stray.version });
  const others = { clicks: facts.clicks.filter((click) => click !== stray) };
  return ops.concat(clickFor(item.video, segment, others, momentOf(item, segment, facts), newId));
}

/** A click at that time, unless the segment has one of its class. */
function clickFor(video, segment, { clicks }, time, newId) {
  const there = clicks.some((click) => click.class === segment.class && within(click.time, segment));
  return there ? [] : [{ op: "add_click", id: newId(), video, time, class: segment.class }];
}

/** wanted: {video, start, end, class} of an action that no prediction shows. @returns ops */
export function missed(wanted, facts, newId) {
  const segment = { start: Math.max(0, wanted.start), end: inside(wanted.end, facts.duration), class: wanted.class };
  const ops = [{ op: "add_segment", id: newId(), video: wanted.video, ...segment, origin: "drawn" }];
  return ops.concat(clickFor(wanted.video, segment, facts, surest(segment, facts), newId));
}

/** Rejecting what counts as accepted takes its segment away, and the click that came with it. */
export function rejection(item, facts) {
  const ops = [judge(item, "rejected", facts)];
  const held = madeOf(item, facts) ?? (item.verdict ? matching(item, facts) : undefined);
  if (!held) return ops;
  ops.push({ op: "delete_segment", id: held.id, version: held.version });
  const click = clickOf(item, held, facts);
  if (click) ops.push({ op: "delete_click", id: click.id, version: click.version });
  return ops;
}

const madeOf = (item, { segments }) => segments.find((one) => one.prediction === item.id);

/** A verified segment of the same action, from an earlier run or by hand. */
const matching = (wanted, { segments }) =>
  segments.find((one) => one.class === wanted.class && tiou(one, wanted) >= SAME);

/** The click that came with a verified segment. */
function clickOf(item, held, facts) {
  const moment = momentOf(item, held, facts);
  return facts.clicks.find((one) => one.class === held.class && Math.abs(one.time - moment) < 1e-6);
}

function judge(item, verdict, facts) {
  const version = facts.verdicts.find((one) => one.id === item.id)?.version ?? 0;
  return { op: "judge", id: item.id, video: item.video, run: item.run, verdict, version };
}

/** As the model told it, unless boundaries or class are others now. */
function momentOf(item, segment, facts) {
  const told = item.moment !== undefined && segment.class === item.class && within(item.moment, segment);
  return told ? item.moment : surest(segment, facts);
}

/** The moment in the segment at which its class is most active, in s; its middle where that is not known. */
export function surest(segment, { activations, names }) {
  const middle = (segment.start + segment.end) / 2;
  const curve = activations?.activation[activations.classes.indexOf(names.get(segment.class))];
  if (!curve) return rounded(middle);
  const moment = (index) => activations.offset + (index + 0.5) * activations.stride;
  const first = Math.max(0, Math.ceil((segment.start - activations.offset) / activations.stride - 0.5));
  let best = -1;
  for (let index = first; index < curve.length && moment(index) <= segment.end; index++) {
    // Of equals the one nearest the middle, where a click says most.
    const better = best < 0 || curve[index] > curve[best];
    const nearer = best >= 0 && curve[index] === curve[best] && Math.abs(moment(index) - middle) < Math.abs(moment(best) - middle);
    if (better || nearer) best = index;
  }
  return rounded(best < 0 ? middle : moment(best));
}

const SAME = 0.5; // as of the server's worklist
function tiou(one, other) {
  const shared = Math.min(one.end, other.end) - Math.max(one.start, other.start);
  return shared > 0 ? shared / (Math.max(one.end, other.end) - Math.min(one.start, other.start)) : 0;
}
const within = (time, { start, end }) => time >= start && time <= end;
const inside = (time, duration) => (duration ? Math.min(time, duration) : time);
const rounded = (time) => Math.round(time * 1e6) / 1e6;
