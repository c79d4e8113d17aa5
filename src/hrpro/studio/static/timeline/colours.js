/** The page's colours for a canvas, which cannot read light-dark() by itself. */

export const VEIL = 0.22; // of muted over sunken: the ground that the attention curve makes
const LEAST = 3.05; // contrast of a mark with its ground: 3 by WCAG 1.4.11, and room for rounding
const NAMES = ["text", "muted", "line", "edge", "surface", "sunken", "accent", "hover", "bg"];

/** @returns {Record<string, string>} the tokens of tokens.css as the canvas understands them */
export function readColours(element) {
  const probe = document.createElement("i");
  probe.hidden = true;
  element.append(probe);
  const found = {};
  for (const name of NAMES) {
    probe.style.color = `var(--${name})`;
    found[name] = getComputedStyle(probe).color;
  }
  found.font = getComputedStyle(document.body).fontFamily;
  found.veiled = mixed(numbers(found.sunken), numbers(found.muted), VEIL);
  found.strong = { sunken: new Map(), veiled: new Map() };
  probe.remove();
  return found;
}

/** Black or white, whichever reads better on a "#rrggbb". */
export function inkOn(color) {
  return light(numbers(color)) > 0.179 ? "#000" : "#fff";
}

/**
 * A class's colour as it can be seen on a ground, "sunken" or "veiled": itself, or as little of the page's text
 * mixed in as gives 3:1. Thin lines are drawn with it, and the outlines of what is filled with the colour itself.
 */
export function strong(color, colours, ground = "sunken") {
  const known = colours.strong[ground];
  if (!known.has(color)) known.set(color, strengthened(color, numbers(colours[ground]), numbers(colours.text)));
  return known.get(color);
}

function strengthened(color, ground, text) {
  for (let part = 0; part < 1; part += 0.05) {
    const found = mixed(numbers(color), text, part);
    if (contrast(numbers(found), ground) >= LEAST) return part ? found : color;
  }
  return mixed(text, text, 1);
}

/** [r, g, b] of "#rrggbb" or "rgb(r, g, b)". */
function numbers(color) {
  if (color[0] === "#") return [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  return color.match(/[\d.]+/g).slice(0, 3).map(Number);
}

function mixed(one, other, part) {
  return `rgb(${one.map((value, at) => Math.round(value * (1 - part) + other[at] * part)).join(", ")})`;
}

function light(rgb) {
  const [r, g, b] = rgb.map((part) => {
    const value = part / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(one, other) {
  const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
  return (high + 0.05) / (low + 0.05);
}
