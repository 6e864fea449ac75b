import { readFileSync } from "node:fs";
import { update } from "../test/support/update.ts";

/** Where the goals of the benchmarks stand, and what became of them. */
export const goalsPage = "docs/decisions/performance.md";

/** Puts generated Markdown between the marks `<!-- name -->` and `<!-- /name -->` of a page. */
export function updateSection(name: string, markdown: string, page = "docs/performance.md"): void {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const text = readFileSync(page, "utf8");
  const [start, stop] = [text.indexOf(begin), text.indexOf(end)];
  if (start < 0 || stop < start) throw new Error(`${page} has no place for ${name}.`);
  update(page, `${text.slice(0, start + begin.length)}\n\n${markdown.trim()}\n\n${text.slice(stop)}`);
}

/** A table as the formatter of this repository writes it. The first column is text, the others are figures. */
export function markdownTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((_, column) => Math.max(4, ...[head, ...rows].map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join(" | ")} |`;
  const rule = widths.map((width, column) => (column === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  return [line(head), `| ${rule.join(" | ")} |`, ...rows.map(line)].join("\n");
}
