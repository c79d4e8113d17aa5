/** "Next most useful video": which to click next, and why; one press opens it. */
import { h } from "./dom.js";

const SOON_MS = 1500; // many clicks, one question

/** @param {HTMLElement} root @param ctx see main.js */
export function mountNext(root, ctx) {
  const { state, api } = ctx;
  const name = h("span", { class: "next-name" });
  const why = h("span", { class: "next-why" });
  const button = h("button", { type: "button", class: "next-button", onclick: open }, h("span", { class: "next-title" }, "Click next"), name, why);
  let proposed = null;
  let timer = null;
  root.replaceChildren(button);
  root.hidden = true;

  state.on(["videos", "project", "video"], () => {
    clearTimeout(timer);
    timer = setTimeout(ask, proposed === null ? 0 : SOON_MS);
  });

  async function ask() {
    const answer = await api.get("/api/next", { limit: 2 }).catch(() => null);
    // The video on show is no proposal: it is open already.
    proposed = answer?.videos.find((one) => one.id !== state.get("video")) ?? null;
    root.hidden = proposed === null;
    if (!proposed) return;
    const video = state.get("videos").find((one) => one.id === proposed.id);
    name.textContent = video?.name ?? proposed.id;
    why.textContent = proposed.why;
    button.setAttribute("aria-label", `Open the next most useful video, ${name.textContent}: ${proposed.why}`);
  }

  async function open() {
    if (!proposed) return;
    ctx.showTab("click");
    await ctx.open(proposed.id);
    ask();
  }
}
