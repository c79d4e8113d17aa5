/** Times as people read them. */

/** 3723.5 -> "1:02:03.500" (h:mm:ss.mmm) */
export function exactTime(seconds) {
  const milliseconds = Math.max(0, Math.round(seconds * 1000));
  const [h, m, s, rest] = [milliseconds / 3.6e6, (milliseconds / 6e4) % 60, (milliseconds / 1000) % 60, milliseconds % 1000];
  return `${Math.floor(h)}:${two(m)}:${two(s)}.${String(rest).padStart(3, "0")}`;
}

/** 3723.5 -> "1:02:03", 63 -> "1:03": lengths and rulers, where milliseconds would be noise. */
export function shortTime(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** 12.4 -> "12.4 s", 63.2 -> "1 min 3.2 s": to be heard. */
export function spokenTime(seconds) {
  const tenths = Math.round(seconds * 10);
  const [h, m, s] = [Math.floor(tenths / 36000), Math.floor(tenths / 600) % 60, (tenths % 600) / 10];
  return [h && `${h} h`, m && `${m} min`, (s || (!h && !m)) && `${s} s`].filter(Boolean).join(" ");
}

const two = (value) => String(Math.floor(value)).padStart(2, "0");
