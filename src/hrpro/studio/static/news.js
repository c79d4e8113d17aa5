/**
 * The latest that is known of each thing. Answers and events overtake each other on their way here: the page keeps
 * which revision it knows of what, so that an older one never takes the place of a newer one.
 */
const known = new WeakMap();

/** @returns {{changes: Map<string, object>, read: object, newest: number}} */
function held(state) {
  if (!known.has(state)) known.set(state, { changes: new Map(), read: {}, newest: 0 });
  return known.get(state);
}

const name = (change) => `${change.kind} ${change.id}`;

/** Note a Change of the server. @returns {boolean} whether it is newer than all that is known of its thing */
export function isNews(state, change) {
  const { changes, read } = held(state);
  const before = Math.max(changes.get(name(change))?.revision ?? 0, read[change.kind] ?? 0);
  if (change.revision <= before) return false;
  changes.set(name(change), change);
  held(state).newest = Math.max(held(state).newest, change.revision);
  return true;
}

/**
 * All things of a kind that an answer of `revision` told, with what is known to have happened to them since.
 * @param fits (value) => boolean: whether a thing that the answer does not hold belongs to it
 */
export function upToDate(state, kind, things, revision, fits = () => true) {
  const { changes, read } = held(state);
  read[kind] = Math.max(read[kind] ?? 0, revision);
  held(state).newest = Math.max(held(state).newest, revision);
  const told = new Map(things.map((one) => [one.id, one]));
  for (const [key, change] of changes) {
    if (change.kind !== kind) continue;
    if (change.revision <= revision) changes.delete(key);
    else if (change.value === null) told.delete(change.id);
    else if (told.has(change.id) || fits(change.value)) told.set(change.id, change.value);
  }
  return [...told.values()];
}

/**
 * Ask the server for what stands in its database. An answer older than what was known when it was asked for comes
 * from another database, put in the place of the first: nothing known holds any more.
 */
export async function ask(state, get) {
  const before = held(state).newest;
  const found = await get();
  if (found.revision < Math.min(before, held(state).newest)) known.delete(state);
  return found;
}
