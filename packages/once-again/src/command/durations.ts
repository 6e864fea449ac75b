const units = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1000],
] as const;

const unitsMs = new Map<string, number>([...units, ["ms", 1]]);

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

/** The milliseconds of a length of time such as `250ms`, `1.5s`, `2d 3h`; undefined when the text is no such length. */
export function readDuration(text: string): number | undefined {
  if (!/^\d+(?:\.\d+)?(?:ms|[smhd])(?: ?\d+(?:\.\d+)?(?:ms|[smhd]))*$/.test(text)) return undefined;
  const parts = text.matchAll(/(?<![\d.])(\d+(?:\.\d+)?)(ms|[smhd])/g);
  return [...parts].reduce((sum, [, count, unit]) => sum + Number(count) * unitsMs.get(unit!)!, 0);
}
