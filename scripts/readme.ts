/**
 * Puts the example programs into README.md, the home of the site, that of `@once-again/testing`, the concepts and the guides, below their marks `<!-- example: examples/x.ts -->`; with
 * `--check`, fails if they differ.
 */
import { readdirSync, readFileSync } from "node:fs";
import { update } from "../test/support/update.ts";

const example = /(<!-- example: (\S+) -->\n)\n?```(\w+)\n(?:.*\n)*?```\n/g;

for (const page of [
  "README.md",
  "docs/home.md",
  "docs/concepts.md",
  "packages/testing/README.md",
  ...readdirSync("docs/guides").map((name) => `docs/guides/${name}`),
]) {
  const text = readFileSync(page, "utf8").replaceAll(
    example,
    (_, mark: string, file: string, language: string) =>
      `${mark}\n\`\`\`${language}\n${readFileSync(file, "utf8")}\`\`\`\n`,
  );
  update(page, text);
}
