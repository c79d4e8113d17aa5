/** Small helpers for the page's elements. Text goes in as text nodes only, so no name can become markup. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Make an element: h("button", {class: "icon-button", type: "button", "aria-label": "Play", onclick: fn}, "text").
 * Values of `on...` are listeners; true sets an empty attribute; false, null and undefined set none.
 */
export function h(tag, props = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** One of the page's symbols: icon("play"). */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** A button that shows only a symbol: iconButton("play", "Play", fn, {title: "Play (space)"}). */
export function iconButton(name, label, onclick, props = {}) {
  const { class: more = "", ...rest } = props;
  const given = { type: "button", class: `icon-button ${more}`.trim(), "aria-label": label, title: label, onclick };
  return h("button", { ...given, ...rest }, icon(name));
}

/**
 * Call `commit` when something is chosen in a select: at once by the pointer; by keys, which walk through all that
 * lies between, on Enter or on leaving; Esc takes it back.
 */
export function chosen(select, commit) {
  let walking = false;
  let before = select.value;
  const arrive = () => {
    const did = walking;
    walking = false;
    if (did) commit();
    return did;
  };
  select.addEventListener("focus", () => (before = select.value));
  select.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && arrive()) event.preventDefault();
    else if (event.key === "Escape" && walking) {
      walking = false;
      select.value = before;
    } else if (/^(Arrow|Home|End|Page|.$)/.test(event.key)) walking = true;
  });
  select.addEventListener("pointerdown", () => (walking = false));
  select.addEventListener("change", () => walking || commit());
  select.addEventListener("blur", arrive);
}

export function setIcon(button, name) {
  button.querySelector("use").setAttribute("href", `#i-${name}`);
}

/** Whether keys typed now belong to a field and not to the studio. */
export function typing(target) {
  if (!(target instanceof Element)) return false;
  if (target.closest("[contenteditable], select, textarea, dialog")) return true;
  return target.matches("input") && !["checkbox", "radio", "range", "button", "color"].includes(target.type);
}
