/**
 * The server's events, followed for as long as the page lives: EventSource, opened again from the last revision.
 *
 * We reopen it ourselves, since a browser gives up for good when a restarting server answers with an error.
 */
const WAITS_MS = [200, 500, 1000, 2000, 3000];

/** handlers: {change(Change), job(Job), proxy({id, state, done, message}), hello({revision}, again: boolean)} */
export function openStream(state, revision, handlers) {
  let last = revision;
  let failures = 0;
  let opened = false;
  let source = null;

  function open() {
    source = new EventSource(`/api/stream?since=${last}`);
    source.addEventListener("hello", (event) => {
      failures = 0;
      state.set("connection", "online");
      handlers.hello(JSON.parse(event.data), opened);
      opened = true;
    });
    source.addEventListener("change", (event) => {
      const change = JSON.parse(event.data);
      last = Math.max(last, change.revision);
      handlers.change(change);
    });
    source.addEventListener("job", (event) => handlers.job(JSON.parse(event.data)));
    source.addEventListener("proxy", (event) => handlers.proxy(JSON.parse(event.data)));
    source.addEventListener("error", () => {
      source.close();
      state.set("connection", "lost");
      setTimeout(open, WAITS_MS[Math.min(failures++, WAITS_MS.length - 1)]);
    });
  }

  // A page that leaves must not hold one of the browser's few connections open.
  window.addEventListener("pagehide", () => source?.close());
  window.addEventListener("pageshow", (event) => event.persisted && open());
  open();
}
