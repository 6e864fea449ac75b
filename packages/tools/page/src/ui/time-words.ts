const units: readonly (readonly [name: string, ms: number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
];

/** A time span in its largest whole unit: "3 h". */
export function span(ms: number): string {
  const [name, unitMs] = units.find(([, unit]) => Math.abs(ms) >= unit) ?? ["s", 1000];
  return `${Math.trunc(ms / unitMs)} ${name}`;
}

/** A time in UTC, as a person reads it: "2026-11-28 18:39:05 UTC". */
export const utc = (time: string): string => `${time.slice(0, 19).replace("T", " ")} UTC`;

export const since = (time: string): string => span(Date.now() - Date.parse(time));

/** How long something still has, or for how long it is over. */
export function until(time: string): string {
  const leftMs = Date.parse(time) - Date.now();
  return leftMs >= 0 ? `in ${span(leftMs)}` : `${span(-leftMs)} ago`;
}
