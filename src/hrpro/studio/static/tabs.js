/** The side's three pages: Click, Train, Review. Arrow keys move between the tabs, as tab lists do. */

const NAMES = ["click", "train", "review"];

/** @returns {(name: string) => void} shows one */
export function mountTabs({ state }) {
  const tabs = NAMES.map((name) => document.getElementById(`tab-${name}`));

  const show = (name) => state.set("tab", name);
  state.on("tab", () => {
    NAMES.forEach((name, index) => {
      const shown = state.get("tab") === name;
      tabs[index].setAttribute("aria-selected", String(shown));
      tabs[index].tabIndex = shown ? 0 : -1;
      document.getElementById(`page-${name}`).hidden = !shown;
    });
  });
  tabs.forEach((tab, index) => {
    tab.addEventListener("click", () => show(NAMES[index]));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      const next = (index + step + NAMES.length) % NAMES.length;
      show(NAMES[next]);
      tabs[next].focus();
    });
  });
  return show;
}
