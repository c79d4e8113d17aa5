/** Every key of the studio in one table: what it does, when, and how the help lists it. */
import { typing } from "./dom.js";
import { shownClicks } from "./things.js";

/**
 * @typedef {{keys: string[], label: string, group: string, show?: string, run: (event: KeyboardEvent) => void,
 *   when?: () => boolean}} Binding   keys: "ctrl+shift+z", "arrowleft", "shift+1"; show: as the help writes it
 */

/** @returns {{add: (bindings: Binding[]) => () => void, list: () => Binding[]}} */
export function mountKeys(ctx) {
  const { state, player, clicking, timeline } = ctx;
  const bindings = [];

  const add = (more) => {
    bindings.unshift(...more); // a panel's own keys come before the general ones
    return () => more.forEach((one) => bindings.splice(bindings.indexOf(one), 1));
  };
  const chosen = () => (state.get("selection")?.kind === "click" ? state.get("selection").id : null);
  const hasClick = () => chosen() !== null;
  const segment = () => (state.get("selection")?.kind === "segment" ? state.get("selection").id : null);
  const remove = () => (hasClick() ? clicking.remove(chosen()) : clicking.store({ op: "delete_segment", id: segment() }));
  const classOf = (digit) => state.get("classes").find((one) => one.key === digit);
  const nudge = (count) => () => {
    const click = shownClicks(state).find((one) => one.id === chosen());
    if (!click) return;
    const time = player.frameFrom(click.time, count);
    clicking.move(click.id, time);
    player.seek(time);
  };
  const digits = [..."123456789"];
  const go = (seconds) => () => player.seek(state.get("playhead") + seconds);
  const B = (group, keys, label, run, more = {}) => ({ group, keys: keys.split(" "), label, run, ...more });

  add([
    B("Playing", "space", "Play or pause", player.toggle, { show: "Space" }),
    B("Playing", "l", "Play; again: twice as fast, to 4×", () => player.shuttle(1)),
    B("Playing", "k", "Stop", player.pause),
    B("Playing", "j", "Play backwards; again: faster", () => player.shuttle(-1)),
    B("Playing", ", arrowleft", "One frame back", () => player.step(-1), { show: ", or ←" }),
    B("Playing", ". arrowright", "One frame on", () => player.step(1), { show: ". or →" }),
    B("Playing", "shift+arrowleft", "One second back", go(-1), { show: "Shift ←" }),
    B("Playing", "shift+arrowright", "One second on", go(1), { show: "Shift →" }),
    B("Playing", "<", "Slower", () => player.faster(-1), { show: "<" }),
    B("Playing", ">", "Faster", () => player.faster(1), { show: ">" }),
    B("Playing", "home", "To the beginning", () => player.seek(0), { show: "Home" }),
    B("Playing", "end", "To the end", () => player.seek(state.get("duration")), { show: "End" }),
    B("Clicking", digits.join(" "), "Place a click of the class with that key", (event) => {
      const one = classOf(digit(event));
      if (one) clicking.place(one.id);
      else ctx.notify(`No class has the key ${digit(event)} yet.`, { key: "click", seconds: 3 });
    }, { show: "1 – 9" }),
    B("Clicking", digits.map((one) => `shift+${one}`).join(" "), "Give the selected click that class", (event) => {
      const one = classOf(digit(event));
      if (one && chosen()) clicking.relabel(chosen(), one.id);
    }, { show: "Shift 1 – 9" }),
    B("Clicking", "[", "Previous click", () => clicking.neighbour(-1)),
    B("Clicking", "]", "Next click", () => clicking.neighbour(1)),
    B("Clicking", "alt+arrowleft", "Move the selected click one frame back", nudge(-1), { show: "Alt ←", when: hasClick }),
    B("Clicking", "alt+arrowright", "Move the selected click one frame on", nudge(1), { show: "Alt →", when: hasClick }),
    B("Clicking", "delete backspace", "Delete the selected click or verified segment", remove, { show: "Delete", when: () => hasClick() || segment() !== null }),
    B("Clicking", "ctrl+z", "Undo", () => clicking.history("undo"), { show: "Ctrl Z" }),
    B("Clicking", "ctrl+shift+z ctrl+y", "Redo", () => clicking.history("redo"), { show: "Ctrl Shift Z" }),
    B("Getting around", "n", "Next video", () => ctx.nextVideo(1)),
    B("Getting around", "shift+n", "Previous video", () => ctx.nextVideo(-1), { show: "Shift N" }),
    B("Getting around", "+ =", "Zoom in on the timeline", () => timeline.zoom(2), { show: "+" }),
    B("Getting around", "-", "Zoom out", () => timeline.zoom(0.5)),
    B("Getting around", "0", "Show the whole recording", () => timeline.fit()),
    B("Getting around", "/", "Filter the videos", () => document.getElementById("video-filter").focus()),
    B("Getting around", "escape", "Select nothing; close", () => state.set("selection", null), { show: "Esc" }),
    B("Getting around", "?", "This help", () => ctx.help(), { show: "?" }),
  ]);

  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
    if (typing(event.target)) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const names = namesOf(event);
    if (ownKeys(event.target).includes(names[0])) return;
    const bound = (name) => bindings.find((one) => one.keys.includes(name) && (!one.when || one.when()));
    const binding = names.map(bound).find(Boolean);
    if (!binding) return;
    event.preventDefault();
    binding.run(event);
  });

  // A button that a mouse pressed must not keep the space key to itself.
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("button");
    if (button && event.detail > 0 && document.activeElement === button && !button.closest("dialog")) button.blur();
  });

  return { add, list: () => [...bindings] };
}

/** Keys that the focused element itself answers to. */
function ownKeys(target) {
  if (!(target instanceof Element)) return [];
  if (target.closest("button, a[href], summary, [role=button], [role=option]")) return ["space", "enter"];
  if (target.matches("input[type=range], input[type=radio]")) {
    return ["arrowleft", "arrowright", "arrowup", "arrowdown", "home", "end"];
  }
  if (target.matches("input")) return ["space", "enter"];
  return [];
}

const digit = (event) => (/^[1-9]$/.test(event.key) ? event.key : event.code.replace(/^(Digit|Numpad)/, ""));


/** What an event may be called: by its character, and for digits by its place (AZERTY, Shift). */
function namesOf(event) {
  const other = event.getModifierState("AltGraph"); // makes characters, as Shift does
  const control = (event.ctrlKey || event.metaKey) && !other ? "ctrl+" : "";
  const held = `${control}${event.altKey && !other ? "alt+" : ""}`;
  const shift = event.shiftKey ? "shift+" : "";
  const key = event.key === " " ? "space" : event.key.toLowerCase();
  const sign = /^[^a-z0-9]$/.test(key) && !control; // "?" is "?", whatever has to be held for it
  const names = [sign ? held + key : held + shift + key];
  if (/^(Digit|Numpad)[1-9]$/.test(event.code)) names.push(held + shift + digit(event));
  return names;
}
