/** Messages: a toast to be seen, the live region to be heard. */
import { h, iconButton } from "./dom.js";

/**
 * @returns {(text: string, options?: {kind?: "info"|"good"|"error", seconds?: number, key?: string,
 *   passing?: boolean, action?: {label: string, run: Function}}) => () => void} shows a message; the answer takes it away.
 *   A message with the same `key` as one on show takes its place. What is `passing` goes with the next edit, which
 *   is what its Undo would then take back.
 */
export function createNotify(state) {
  const place = document.getElementById("toasts");
  const shown = new Map();

  return (text, { kind = "info", seconds = kind === "error" ? 12 : 5, key = text, passing, action } = {}) => {
    shown.get(key)?.();
    const close = () => {
      clearTimeout(timer);
      off?.();
      toast.remove();
      if (shown.get(key) === close) shown.delete(key);
    };
    const off = passing && state.listen("edit", close);
    const toast = h("div", { class: `toast ${kind}` }, h("span", {}, text));
    if (action) {
      const run = () => {
        close();
        action.run();
      };
      toast.append(h("button", { type: "button", class: "toast-action", onclick: run }, action.label));
    }
    toast.append(iconButton("close", "Dismiss message", close, { class: "small" }));
    place.append(toast);
    while (place.children.length > 3) place.firstChild.remove();
    shown.set(key, close);
    let timer = setTimeout(close, seconds * 1000);
    toast.addEventListener("pointerenter", () => clearTimeout(timer));
    toast.addEventListener("pointerleave", () => (timer = setTimeout(close, 2500)));
    announce(text);
    return close;
  };
}

/** Say something to a screen reader, once things have settled. */
export function announce(text) {
  const region = document.getElementById("announcer");
  region.textContent = region.textContent === text ? `${text} ` : text;
}
