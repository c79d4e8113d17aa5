/** The page's colours for a canvas, which cannot read light-dark() by itself. */

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
  probe.remove();
  return found;
}

/** Black or white, whichever reads better on a "#rrggbb". */
export function inkOn(color) {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const value = parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000" : "#fff";
}
