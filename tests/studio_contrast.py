"""What of a page is too faint to be read or found: WCAG 2.2 AA, by the colours that the browser computed.

Text 4.5:1, large text 3:1 (1.4.3); symbols of buttons without words, outlines of fields, marks in the colour
of a class, and focus rings 3:1 (1.4.11, 2.4.13). What lies over the film is judged on black and on white.
Left out, as there: what is disabled, and what shows nothing.
"""

from __future__ import annotations

from typing import Any

# A canvas reads every notation of a colour, color-mix() and light-dark() too.
MEASURE = """() => {
  const pen = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const read = (colour) => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = pen.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = ([r, g, b, a], under) => [r, g, b].map((value, n) => value * a + under[n] * (1 - a));
  const light = (rgb) => {
    const [r, g, b] = rgb.map((value) => value / 255)
      .map((value) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ratio = (one, other) => {
    const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const style = (part) => getComputedStyle(part);
  /* What is seen behind a part, or in it with its own ground: once for each ground there may be. */
  const grounds = (part) => {
    const layers = [];
    let solid = null;
    for (let at = part; at && !solid; at = at.parentElement) {
      const colour = read(style(at).backgroundColor);
      if (at.matches(".screen") && !part.closest(".no-picture")) solid = [[0, 0, 0], [255, 255, 255]];
      else if (colour[3] === 1) solid = [colour.slice(0, 3)];
      else if (colour[3] > 0) layers.unshift(colour);
    }
    solid ??= [[255, 255, 255]];
    return solid.map((ground) => layers.reduce((under, layer) => over(layer, under), ground));
  };
  const opacity = (part) => {
    let all = 1;
    for (let at = part; at; at = at.parentElement) all *= Number(style(at).opacity);
    return all;
  };
  /* The least contrast of a colour with what is behind it. */
  const contrast = (colour, part, around) => {
    const [r, g, b, a] = read(colour);
    const seen = (ground) => over([r, g, b, a * opacity(part)], ground);
    return Math.min(...grounds(around).map((ground) => ratio(seen(ground), ground)));
  };
  const shown = (part) => part.checkVisibility({visibilityProperty: true, opacityProperty: true}) &&
    part.getClientRects().length > 0 && !part.closest(".unseen, .reach, .skip, [inert]");
  const idle = (part) => part.closest(":disabled, [aria-disabled=true]");
  const say = (what, found, least, part) =>
    `${what} ${found.toFixed(2)} (at least ${least}): ${part.outerHTML.slice(0, 140)}`;
  return {ratio, read, grounds, contrast, style, shown, idle, say};
}"""

_FADED = """async () => {
  const ends = (one) => one.effect?.getComputedTiming().endTime !== Infinity;
  const finite = () => document.getAnimations().filter((one) => one.playState === "running" && ends(one));
  while (finite().length) await Promise.allSettled(finite().map((one) => one.finished));
}"""

_FAINT = """() => {
  const {contrast, style, shown, idle, say} = (SCRIPT)();
  const faint = [];
  const check = (what, found, least, part) => found < least && faint.push(say(what, found, least, part));
  for (const part of document.body.querySelectorAll("*")) {
    if (!shown(part) || idle(part)) continue;
    const own = [...part.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const drawn = "[type=checkbox], [type=radio], [type=range], [type=color]";  // by the browser itself
    const value = part.matches(`select, input:not(${drawn})`);
    const {color, fontSize, fontWeight} = style(part);
    const size = parseFloat(fontSize);
    const least = size >= 24 || (size >= 18.66 && Number(fontWeight) >= 700) ? 3 : 4.5;
    if ((own || value) && !part.matches("option")) check("text", contrast(color, part, part), least, part);
    if (part.placeholder && !part.value) {
      check("placeholder", contrast(getComputedStyle(part, "::placeholder").color, part, part), least, part);
    }
    if (part.matches(".dot, .class-dot, .bars-bar")) {  // of any colour, hence known by their outlines
      const {backgroundColor, boxShadow} = style(part);
      const [outline] = boxShadow.match(/^\\w+\\([^)]*\\)/) ?? [backgroundColor];
      const room = part.parentElement;
      const seen = [backgroundColor, outline].map((one) => contrast(one, room, room));
      check("mark", Math.max(...seen), 3, part);
    }
    if (part.matches("button svg")) check("symbol", contrast(color, part, part), 3, part.parentElement);
    const field = value || part.matches("textarea, .button");
    const plain = style(part).borderTopColor;
    if (field && Number.parseFloat(style(part).borderTopWidth) > 0) {
      // By its outline or by its ground; a choice that shows neither is known by its text, as a link is.
      const outline = contrast(plain, part, part.parentElement);
      const ground = contrast(style(part).backgroundColor, part, part.parentElement);
      const bare = part.matches("select") && outline === 1 && ground === 1;
      if (!bare) check("outline", Math.max(outline, ground), 3, part);
    }
  }
  return faint;
}""".replace("SCRIPT", MEASURE)

_RINGS = """() => {
  const {contrast, style, shown, idle, say} = (SCRIPT)();
  const reached = "button, input, select, textarea, a[href], summary, [tabindex='0']";
  const faint = [];
  let rings = 0;
  for (const part of [...document.querySelectorAll(reached)].filter((part) => shown(part) && !idle(part))) {
    part.focus();
    for (const change of part.getAnimations()) change.finish();  // of its colours, however short
    if (document.activeElement !== part) continue;
    rings += 1;
    const {outlineStyle, outlineWidth, outlineColor, outlineOffset} = style(part);
    const none = outlineStyle === "none" || parseFloat(outlineWidth) < 2;
    const inside = parseFloat(outlineOffset) < 0;
    const found = none ? 1 : contrast(outlineColor, part.parentElement, inside ? part : part.parentElement);
    if (found < 3) faint.push(say("focus ring", found, 3, part));
  }
  document.activeElement?.blur();
  return {faint, rings};
}""".replace("SCRIPT", MEASURE)


def faint(page: Any) -> list[str]:
    """Text, symbols and outlines on show that are too faint, when what fades in or out has done so."""
    page.evaluate(_FADED)
    return page.evaluate(_FAINT)


def faint_rings(page: Any) -> list[str]:
    """Focus rings, as the keyboard shows them, that are none or too faint."""
    page.keyboard.press("Tab")  # from now on focus is shown as the keyboard's
    found = page.evaluate(_RINGS)
    assert found["rings"], "nothing could be focused"
    return found["faint"]
