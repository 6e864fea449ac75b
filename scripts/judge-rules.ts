/** Writes the table of violations into docs/guides/judging.md; with `--check`, fails if it differs. */
import { readFileSync } from "node:fs";
import { violations } from "../packages/tools/src/judge/index.ts";
import { update } from "../test/support/update.ts";
import { markdownTable } from "./markdown-table.ts";

const page = "docs/guides/judging.md";
const rows = Object.entries(violations).map(([name, { rule, by }]) => [`\`${rule}\``, by, `\`${name}\``]);
const table = markdownTable(["rule", "is broken by", "`violation` in JSON"], rows).join("\n");
update(
  page,
  readFileSync(page, "utf8").replace(/(<!-- rules -->\n\n)(?:\|.*\n)+/, (_, mark: string) => `${mark}${table}\n`),
);
