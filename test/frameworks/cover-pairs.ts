/** The columns of a table, each with its values. */
export type Columns = Readonly<Record<string, readonly string[]>>;

/** One row of a table. */
export type Row<Table extends Columns> = { readonly [Name in keyof Table]: string };

/** All rows of a table, but for those that are impossible. */
export function everyRow<Table extends Columns>(
  columns: Table,
  isPossible: (row: Row<Table>) => boolean = () => true,
): Row<Table>[] {
  let rows: Record<string, string>[] = [{}];
  for (const [name, values] of Object.entries(columns)) {
    rows = rows.flatMap((row) => values.map((value) => ({ ...row, [name]: value })));
  }
  return (rows as Row<Table>[]).filter(isPossible);
}

/**
 * Those rows in which each value meets each value of every other column: most faults need no more, and the selection is much
 * smaller than the table.
 */
export function coverPairs<Table extends Columns>(table: readonly Row<Table>[]): Row<Table>[] {
  const rows = table.map((row) => ({ row, pairs: pairsIn(row) }));
  const missing = new Set(rows.flatMap(({ pairs }) => pairs));
  const chosen: Row<Table>[] = [];
  while (missing.size > 0) {
    let [best, bestCount] = [rows[0]!, 0];
    for (const candidate of rows) {
      const count = candidate.pairs.filter((pair) => missing.has(pair)).length;
      if (count > bestCount) [best, bestCount] = [candidate, count];
    }
    for (const pair of best.pairs) missing.delete(pair);
    chosen.push(best.row);
  }
  return chosen;
}

function pairsIn(row: Readonly<Record<string, string>>): string[] {
  const cells = Object.entries(row).map(([name, value]) => `${name}=${value}`);
  return cells.flatMap((cell, index) => cells.slice(index + 1).map((other) => `${cell} ${other}`));
}
