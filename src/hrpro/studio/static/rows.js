/**
 * A list of any length: only the rows in sight are in the page, one of them can be reached by Tab, arrows walk on.
 *
 * createRows(place, {label, row(item) -> element, keydown(event, item), height()}) -> {show(items, selectedId)}
 * A row's element must be an <li> whose first button is the one to focus.
 */
import { h } from "./dom.js";

const SPARE = 8; // rows beyond either edge

export function createRows(place, { label, row, keydown, height, focused }) {
  const list = h("ul", { class: "rows-list", "aria-label": label });
  place.append(list);
  let items = [];
  let active = 0;
  let drawn = new Map();

  const button = (index) => drawn.get(items[index]?.id)?.element.querySelector("button");

  function show(more, selected) {
    const had = list.contains(document.activeElement);
    const id = items[active]?.id;
    items = more;
    const at = items.findIndex((one) => one.id === (selected ?? id));
    active = Math.min(Math.max(0, at < 0 ? active : at), Math.max(0, items.length - 1));
    if (at >= 0 && selected) into(active);
    draw();
    if (had && !list.contains(document.activeElement)) button(active)?.focus({ preventScroll: true });
  }

  function draw() {
    const tall = height();
    list.style.height = `${items.length * tall}px`;
    const first = Math.max(0, Math.floor(place.scrollTop / tall) - SPARE);
    const last = Math.min(items.length, Math.ceil((place.scrollTop + place.clientHeight) / tall) + SPARE);
    const next = new Map();
    for (const index of new Set([...range(first, last), ...(items.length ? [active] : [])])) {
      const item = items[index];
      const known = drawn.get(item.id);
      const element = known?.item === item ? known.element : row(item);
      if (known && known.element !== element) known.element.replaceWith(element);
      element.style.transform = `translateY(${index * tall}px)`;
      element.setAttribute("aria-setsize", String(items.length));
      element.setAttribute("aria-posinset", String(index + 1));
      element.querySelector("button").tabIndex = index === active ? 0 : -1;
      next.set(item.id, { item, element, index });
    }
    for (const [id, { element }] of drawn) if (next.get(id)?.element !== element) element.remove();
    drawn = next;
    // In the page in the order of the list, or a screen reader would read them as they happened to appear.
    let before = null;
    for (const { element } of [...next.values()].sort((a, b) => a.index - b.index)) {
      const wanted = before ? before.nextSibling : list.firstChild;
      if (wanted !== element) list.insertBefore(element, wanted);
      before = element;
    }
  }

  function into(index) {
    const tall = height();
    if (index * tall < place.scrollTop) place.scrollTop = index * tall;
    else if ((index + 1) * tall > place.scrollTop + place.clientHeight) place.scrollTop = (index + 1) * tall - place.clientHeight;
  }

  function walk(to) {
    active = Math.min(Math.max(0, to), items.length - 1);
    into(active);
    draw();
    button(active)?.focus({ preventScroll: true });
  }

  list.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(place.clientHeight / height()) - 1);
    const to = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + page, PageUp: active - page, Home: 0, End: items.length - 1 }[event.key];
    if (to !== undefined) {
      event.preventDefault();
      walk(to);
    } else if (items[active]) keydown?.(event, items[active]);
  });
  list.addEventListener("focusin", (event) => {
    const found = [...drawn.values()].find(({ element }) => element.contains(event.target));
    if (!found) return;
    active = found.index;
    for (const { element, index } of drawn.values()) element.querySelector("button").tabIndex = index === active ? 0 : -1;
    focused?.(found.item);
  });
  place.addEventListener("scroll", draw, { passive: true });
  new ResizeObserver(draw).observe(place);
  return { show };
}

function range(first, last) {
  return Array.from({ length: Math.max(0, last - first) }, (_, index) => first + index);
}
