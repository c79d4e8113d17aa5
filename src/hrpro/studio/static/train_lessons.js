/** What a training would learn from: clicks per class, and what is too little, before time is spent on it. */
import { bars } from "./charts.js";
import { h } from "./dom.js";

const FEW = 5; // clicks of a class below which its examples hardly show what belongs to it
const NAMED = 3; // videos that a warning names before it counts

/** @param {HTMLElement} root */
export function mountLessons(root, { state }) {
  let stale = true;
  let reading = false;
  state.on(["tab", "videos", "classes"], (keys) => {
    stale ||= keys.has("videos") || keys.has("classes");
    if (stale && state.get("tab") === "train") read();
  });

  async function read() {
    if (reading) return;
    reading = true;
    stale = false;
    try {
      show(count(clicksOf(await (await fetch("/api/export?format=csv", { cache: "no-store" })).text())));
    } catch {
      stale = true; // no connection: the banner says so, and the next change reads again
    } finally {
      reading = false;
    }
    if (stale && state.get("connection") === "online") read();
  }

  function count(clicks) {
    const perClass = new Map(state.get("classes").map((one) => [one.name, 0]));
    for (const { label } of clicks) perClass.set(label, (perClass.get(label) ?? 0) + 1);
    const videos = new Set(clicks.map((one) => one.video)).size;
    return { clicks: clicks.length, perClass, videos, classes: [...perClass.values()].filter(Boolean).length };
  }

  function show({ clicks, classes, videos, perClass }) {
    const all = state.get("videos");
    const told =
      clicks === 0
        ? "There is no click yet."
        : `${many(clicks, "click")} of ${many(classes, "class", "classes")} in ${videos} of ${many(all.length, "video")}.`;
    const rows = state.get("classes").map(({ name, color }) => {
      const held = perClass.get(name);
      return { name, color, count: held, note: held === 0 ? "not learned" : held < FEW ? "few" : null };
    });
    root.replaceChildren(
      h("h2", { id: "lessons-title" }, "Learned from"),
      h("p", {}, told),
      ...(rows.length ? [bars(rows, "Clicks per class")] : []),
      ...warnings(rows, all).map((text) => h("p", { class: "warning" }, text)),
    );
  }

  function warnings(rows, videos) {
    const found = [];
    const few = rows.filter((row) => row.note === "few");
    if (few.length) {
      found.push(`${listed(few.map((row) => row.name))}: fewer than ${FEW} clicks. Some more, in other videos, help most.`);
    }
    const without = videos.filter((one) => !one.clicks && !one.problem);
    if (without.length && without.length < videos.length) {
      const verb = without.length === 1 ? "has" : "have";
      found.push(`${listed(without.map((one) => one.name))} ${verb} no click: nothing is learned there, actions are found all the same.`);
    }
    for (const one of videos.filter((video) => video.problem).slice(0, NAMED)) found.push(`${one.name}: ${one.problem}`);
    return found;
  }

}

const many = (number, one, more = `${one}s`) => `${number.toLocaleString("en")} ${number === 1 ? one : more}`;

function listed(names) {
  if (names.length <= NAMED) return names.join(", ");
  return `${names.slice(0, NAMED).join(", ")} and ${names.length - NAMED} more`;
}

/** Rows of the export `video_id,timestamp,label`, whose cells may be quoted. */
function clicksOf(table) {
  const [head, ...rows] = cells(table);
  const [video, label] = ["video_id", "label"].map((name) => head.indexOf(name));
  return rows.filter((row) => row.length > label).map((row) => ({ video: row[video], label: row[label] }));
}

/** CSV as RFC 4180 has it: a quote inside quotes is doubled, and quoted cells may hold commas and line ends. */
function cells(table) {
  const rows = [[]];
  for (const [, quoted, plain, end] of table.matchAll(/(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r?\n|$)/g)) {
    rows.at(-1).push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    if (end === "") break;
    if (end !== ",") rows.push([]);
  }
  return rows.filter((row) => row.length > 1 || row[0]);
}
