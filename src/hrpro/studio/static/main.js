/**
 * The page's wiring: makes the parts, hands them one context, opens the project, follows its changes.
 *
 * ctx = {
 *   state     see state.js           api       see api.js (get, post, ops, undo, redo, newId)
 *   player    {seek(s), step(frames), play(), pause(), toggle(), playRange(start, end), setRate(x), element}
 *   timeline  {reveal(s), show(start, end), onEdit(handler), redraw()}; handler({kind: "segment"|"prediction", id,
 *             start, end, item}) is called when a boundary was dragged; without one, segments are stored directly
 *   notify(text, {kind, seconds, key, action: {label, run}})     announce(text)
 *   open(videoId, {time, run}) => Promise    showTab("click"|"train"|"review")
 *   keys.add([{keys: ["a"], group: "Reviewing", label, run, when}]) => off     help()
 * }
 */
import { createApi, newId } from "./api.js";
import { mountBanner } from "./banner.js";
import { mountClasses } from "./classes.js";
import { createClicking } from "./clicking.js";
import { mountClicks } from "./clicks.js";
import { mountBar } from "./bar.js";
import { mountHint } from "./hint.js";
import { mountKeys } from "./keys.js";
import { mountNext } from "./next.js";
import { announce, createNotify } from "./notify.js";
import { createPlayer } from "./player.js";
import { createProject } from "./project.js";
import { mountReview } from "./review.js";
import { createState } from "./state.js";
import { mountTabs } from "./tabs.js";
import { createTimeline } from "./timeline/timeline.js";
import { mountTrain } from "./train.js";
import { mountVideos } from "./videos.js";

const at = (id) => document.getElementById(id);

const state = createState();
const api = { ...createApi(state), newId };
const ctx = { state, api, notify: createNotify(state), announce };
Object.assign(ctx, createProject(ctx));
ctx.player = createPlayer(at("stage"), ctx);
ctx.clicking = createClicking(ctx);
ctx.timeline = createTimeline(at("timeline"), ctx);
ctx.showTab = mountTabs(ctx);
ctx.keys = mountKeys(ctx);

mountBar(ctx);
mountBanner(at("banner"), ctx);
mountVideos(ctx);
mountHint(at("hint"), ctx);
mountClasses(at("classes"), ctx);
mountClicks(at("clicks"), ctx);
mountTrain(at("panel-train"), ctx);
mountReview(at("panel-review"), ctx);
mountNext(at("panel-next"), ctx);

state.on("project", () => document.body.classList.add("opened"));
ctx.start();
