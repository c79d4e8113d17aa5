/** What went wrong with storing: the connection is lost, or the server refused an edit (a conflict, a mistake). */
import { newId } from "./queue.js";
import { spokenTime } from "./clock.js";
import { className } from "./things.js";

const PATIENCE_MS = 1200; // a short gap needs no alarm

export function mountBanner(banner, { state, api, notify }) {
  let timer = null;
  state.on("connection", () => {
    clearTimeout(timer);
    if (state.get("connection") === "lost") timer = setTimeout(show, PATIENCE_MS);
    else banner.hidden = true;
  });

  function show() {
    // A server that wants a token has another one each time it starts.
    banner.textContent =
      "No connection to the studio’s server. Edits wait here and are stored as soon as it is back. " +
      "If it has been started again and printed a new address, open that one in this tab.";
    banner.hidden = false;
  }

  let moved = false;
  window.addEventListener("beforeunload", (event) => {
    if (state.get("pending").length && !moved) event.preventDefault();
  });
  // Another project is open at this address now: the page of that one, while edits of this one wait in the tab.
  state.listen("moved", () => {
    moved = true;
    location.reload();
  });

  state.listen("refused", ({ entry, error }) => {
    if (error.code === "nothing") return;
    if (error.code !== "conflict") return notify(error.message, { kind: "error" });
    state.set("conflict", { message: error.message, current: error.current, mine: entry.ops ?? null });
    const again = entry.ops?.length === 1 && error.current?.value ? entry.ops[0] : null;
    notify(`Not stored: somebody else changed this meanwhile. ${theirs(error.current)}`.trim(), {
      kind: "error",
      seconds: 30,
      key: `conflict ${error.current?.id ?? newId()}`,
      action: again && { label: "Use mine", run: () => api.ops({ ...again, version: error.current.value.version }).catch(() => {}) },
    });
  });

  /** In words, what the other one's edit has made of the thing. */
  function theirs(current) {
    if (!current) return "";
    const value = current.value;
    if (!value) return "It was deleted.";
    if (current.kind === "click") return `It is now ${className(state, value.class)} at ${spokenTime(value.time)}.`;
    if (current.kind === "class") return `It is now called ${value.name}.`;
    if (current.kind === "segment") {
      return `It is now ${className(state, value.class)} from ${spokenTime(value.start)} to ${spokenTime(value.end)}.`;
    }
    return `It is now ${value.verdict}.`;
  }
}
