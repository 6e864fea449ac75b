/**
 * Puts the example programs into README.md, below their marks `<!-- example: examples/x.ts -->`; with `--check`,
 * fails if they differ.
 */
import { readFileSync } from "node:fs";
import { update } from "./update.ts";

const example = /(<!-- example: (\S+) -->\n)```ts\n(?:.*\n)*?```\n/g;

const readme = readFileSync("README.md", "utf8").replaceAll(
  example,
  (_, mark: string, file: string) => `${mark}\`\`\`ts\n${readFileSync(file, "utf8")}\`\`\`\n`,
);

update("README.md", readme);
