/** The lanes from top to bottom: only those that have something to show. */

const GAP = 4; // px between lanes
export const ROWS = 3; // rows of predicted segments, so that overlapping ones can be told apart
export const ROW = 11; // px

/** @returns {{height: number, lanes: {name: string, title: string, y: number, h: number}[], by: object}} */
export function layout({ thumbs, activations, predicted, verified, truth }) {
  const wanted = [
    ["ruler", "", 24, true],
    ["thumbs", "", 44, thumbs],
    ["clicks", "Clicks", 40, true],
    ["curves", "Activation", 46, activations],
    ["predicted", "Predicted", ROWS * ROW, predicted],
    ["verified", "Verified", 18, verified],
    ["truth", "Ground truth", 16, truth],
  ].filter(([, , , shown]) => shown);
  let y = 0;
  const lanes = wanted.map(([name, title, h]) => {
    const lane = { name, title, y, h };
    y += h + GAP;
    return lane;
  });
  return { height: y + 2, lanes, by: Object.fromEntries(lanes.map((lane) => [lane.name, lane])) };
}

/** Predicted segments in rows: the surest first, each in the first row with room; what finds none lies in the last. */
export function packed(items) {
  const rows = Array.from({ length: ROWS }, () => []);
  const placed = [...items]
    .sort((a, b) => b.score - a.score)
    .map((item) => {
      const free = rows.findIndex((row) => row.every((other) => other.end <= item.start || other.start >= item.end));
      const row = free < 0 ? ROWS - 1 : free;
      if (free >= 0) rows[row].push(item);
      return { item, row };
    });
  return placed.reverse(); // the surest are drawn last, on top
}
