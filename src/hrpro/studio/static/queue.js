/**
 * The queue of edits: one request at a time, in order, sent again with the same id until the server has answered.
 *
 * What waits is in state "pending" ([{request, kind, ops, of}]) and, by project, in sessionStorage: a reload loses
 * nothing, and a studio of another project at the same address is not sent it.
 * An op without `version` gets the one the user saw; if an edit of the same thing of ours waits before it, the one
 * that this leaves behind. Anyone else's change in between is therefore a conflict, never overwritten.
 */
import { applyChange } from "./things.js";

const KEPT = "hrpro.queue";
const WAITS_MS = [300, 700, 1500, 3000, 5000];
const PLACES = { click: "clicks", segment: "segments", judge: "verdicts", class: "classes" };

/** An answer of the server that says no: status, code ("conflict", "invalid", "nothing"), current (Change). */
export class Refused extends Error {
  constructor(status, body) {
    super(body?.message ?? `The server answered ${status}.`);
    this.status = status;
    this.code = body?.error ?? "refused";
    this.current = body?.current ?? null;
  }
}

export const newId = () => {
  // crypto.randomUUID is missing where the page is not served from loopback or over TLS.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
};

/** @param send (path, body) => Promise<object>; throws Refused for an answer that says no, others for no answer */
export function createQueue(state, send) {
  const promises = new Map();
  const left = new Map(); // id of a thing -> version that our last stored edit left behind
  let busy = false;
  const place = () => `${KEPT}.${state.get("project").id}`;

  function put(kind, ops, of) {
    const entry = { request: newId(), kind, ops: ops?.map((op) => seen(op)), of };
    const promise = new Promise((resolve, reject) => promises.set(entry.request, { resolve, reject }));
    state.emit("edit", entry);
    promise.catch(() => {}); // those who care hold the promise; a refusal is shown by `refused` in any case
    keep([...state.get("pending"), entry]);
    work();
    return promise;
  }

  function seen(op) {
    if (op.op.startsWith("add_") || op.version !== undefined) return op;
    const ours = state.get("pending").some((one) => one.ops?.some((other) => other.id === op.id));
    return { ...op, version: ours ? "after" : heldVersion(op) };
  }

  function heldVersion(op) {
    const held = state.get(PLACES[op.op.replace(/^un/, "").replace(/^.*_/, "")]);
    const thing = Array.isArray(held) ? held.find((one) => one.id === op.id) : held.get(op.id);
    return Math.max(thing?.version ?? 0, 0);
  }

  async function work() {
    if (busy) return;
    busy = true;
    while (state.get("pending").length) {
      const entry = state.get("pending")[0];
      try {
        settle(entry, "resolve", await stubborn(entry));
      } catch (error) {
        settle(entry, "reject", error);
      }
    }
    busy = false;
  }

  async function stubborn(entry) {
    const ops = entry.ops?.map((op) =>
      op.version === "after" ? { ...op, version: left.get(op.id) ?? heldVersion(op) } : op,
    );
    const body = { request: entry.request, ops, of: entry.of }; // what is undefined is not sent
    for (let attempt = 0; ; attempt++) {
      try {
        return await send(`/api/${entry.kind}`, body);
      } catch (error) {
        // 401: a server begun anew has a new token, which the person has yet to bring.
        if (error instanceof Refused && error.code === "project") {
          state.emit("moved");
          return new Promise(() => {}); // it waits on, in sessionStorage
        }
        if (error instanceof Refused && error.status < 500 && ![401, 429].includes(error.status)) throw error;
        state.emit("unsent", { attempt });
        await pause(WAITS_MS[Math.min(attempt, WAITS_MS.length - 1)]);
      }
    }
  }

  /** Wait, but not when the connection is back sooner. */
  function pause(milliseconds) {
    return new Promise((resolve) => {
      const off = state.on("connection", () => state.get("connection") === "online" && done());
      const timer = setTimeout(done, milliseconds);
      function done() {
        clearTimeout(timer);
        off();
        resolve();
      }
    });
  }

  function settle(entry, how, result) {
    if (how === "resolve") {
      for (const change of result.changed) {
        if (change.value) left.set(change.id, change.value.version);
        applyChange(state, change);
      }
    } else {
      if (result.current) applyChange(state, result.current);
      state.emit("refused", { entry, error: result });
    }
    keep(state.get("pending").filter((one) => one !== entry));
    promises.get(entry.request)?.[how](result);
    promises.delete(entry.request);
  }

  function keep(pending) {
    state.set("pending", pending);
    try {
      sessionStorage.setItem(place(), JSON.stringify(pending));
    } catch {
      // A full or forbidden storage costs only the survival of a reload while offline.
    }
  }

  function resume() {
    if (!busy && !state.get("pending").length) state.set("pending", kept(place()));
    work();
    const others = Object.keys(sessionStorage).filter((key) => key.startsWith(`${KEPT}.`) && key !== place());
    return others.reduce((sum, key) => sum + kept(key).length, 0);
  }

  function kept(key) {
    try {
      const pending = JSON.parse(sessionStorage.getItem(key) ?? "[]");
      if (Array.isArray(pending)) return pending;
    } catch {
      // Not ours, or cut off.
    }
    sessionStorage.removeItem(key);
    return [];
  }

  return { put, resume };
}
