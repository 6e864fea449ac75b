const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
] as const;

/** A length of time in its two largest units: `2d 3h`, `4m 10s`, `0s`. A negative one counts as none. */
export function formatDuration(ms: number): string {
  const first = units.findIndex(([, unitMs]) => ms >= unitMs);
  if (first < 0) return "0s";
  let leftMs = ms;
  const parts = units.slice(first, first + 2).map(([unit, unitMs]) => {
    const count = Math.floor(leftMs / unitMs);
    leftMs -= count * unitMs;
    return count === 0 ? "" : `${count}${unit}`;
  });
  return parts.filter(Boolean).join(" ");
}
