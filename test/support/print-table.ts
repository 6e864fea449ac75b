/** Prints rows for people: what is no whole number has three digits. */
export function printTable(rows: readonly object[]): void {
  const shown = (value: unknown): unknown =>
    typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(3)) : value;
  const cells = (row: object) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, shown(value)]));
  console.table(rows.map(cells));
}
