/**
 * Rows with the names that our columns have. Options of drivers and libraries rename columns in what they return: the
 * `transform` of `postgres` (camel, pascal, kebab), the CamelCasePlugin of Kysely, `postProcessResponse` of Knex. All our names
 * are small letters with `_` between their words, so the words of another spelling say which one is meant.
 */
export function withOurNames(rows: readonly unknown[]): readonly unknown[] {
  const [first] = rows;
  if (typeof first !== "object" || first === null || Array.isArray(first)) return rows;
  const names = Object.keys(first);
  if (!names.some(isRenamed)) return rows;
  const originals = names.map((name) => [name, originalName(name)] as const);
  return rows.map((row) =>
    Object.fromEntries(originals.map(([name, original]) => [original, (row as Record<string, unknown>)[name]])),
  );
}

/** The name of a column of ours that is spelt in another way. */
export function originalName(name: string): string {
  const words = /[a-z]/.test(name) ? name.replaceAll(/(?<=[a-z0-9])(?=[A-Z])/g, "_") : name;
  return words.replaceAll("-", "_").toLowerCase();
}

function isRenamed(name: string): boolean {
  return /[A-Z-]/.test(name);
}
