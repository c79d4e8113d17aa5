/** Talking to the server: plain requests, the queue of edits, the stream of changes. */
import { createQueue, newId, Refused } from "./queue.js";
import { openStream } from "./stream.js";

export { newId, Refused };

/** @param state of createState() */
export function createApi(state) {
  const client = clientId();
  const project = () => (state.get("project") ? { "X-Hrpro-Project": state.get("project").id } : {});

  async function request(path, options = {}) {
    const answer = await fetch(path, { credentials: "same-origin", cache: "no-store", ...options });
    const body = await answer.json().catch(() => null);
    if (!answer.ok) throw new Refused(answer.status, body);
    return body;
  }

  const get = (path, query = {}) => {
    const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
    const words = new URLSearchParams(given).toString();
    return request(words ? `${path}?${words}` : path);
  };
  const post = (path, body = {}) =>
    request(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", "X-Hrpro-Client": client, ...project() },
      body: JSON.stringify(body),
    });
  const queue = createQueue(state, post);

  return {
    client,
    /** GET of JSON; query values that are null or undefined are left out. Throws Refused for an answer that is no. */
    get,
    /** POST of JSON. Throws Refused. */
    post,
    /** Store edits (one transaction). Resolves to {revision, changed} once stored; rejects with Refused. */
    ops: (...ops) => queue.put("ops", ops.flat()),
    /** of: the revision an edit was answered with: nothing but that edit is taken back. Without it, the latest. */
    undo: (of) => queue.put("undo", undefined, of),
    redo: () => queue.put("redo"),
    /** Send what a reload had left waiting, of this project. @returns {number} edits that wait for others */
    resume: () => queue.resume(),
    /** Follow changes and jobs from `revision` on, for as long as the page lives. */
    follow: (revision, handlers) => openStream(state, revision, handlers),
  };
}

function clientId() {
  const kept = localStorage.getItem("hrpro.client");
  if (kept && /^[0-9a-f]{32}$/.test(kept)) return kept;
  const made = newId();
  localStorage.setItem("hrpro.client", made);
  return made;
}
