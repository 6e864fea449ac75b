const secondsOf = { s: 1, m: 60, h: 3600 } as const;

/**
 * Alert rules in which all time passes faster: ranges, offsets, `for`, and the ages that are compared. What is a share or a rate stays.
 *
 * @param speed 15 makes 20 s of 5 min.
 */
export function fasterRules(rules: string, speed: number): string {
  if (speed === 1) return rules;
  const faster = (count: string, unit: string): string =>
    `${Math.max(2, Math.round((Number(count) * secondsOf[unit as keyof typeof secondsOf]) / speed))}s`;
  return rules
    .replaceAll(/\[(\d+)([smh])\]/g, (_, count: string, unit: string) => `[${faster(count, unit)}]`)
    .replaceAll(/\boffset (\d+)([smh])\b/g, (_, count: string, unit: string) => `offset ${faster(count, unit)}`)
    .replaceAll(/\bfor: (\d+)([smh])\b/g, (_, count: string, unit: string) => `for: ${faster(count, unit)}`)
    .replaceAll(/> (300|3600)$/gm, (_, age: string) => `> ${Number(age) / speed}`);
}
