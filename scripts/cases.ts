/** Writes the cases of `once-again verify` into their guide; with `--check`, fails if they differ. */
import { readFileSync } from "node:fs";
import { conformanceCases, groups } from "../packages/tools/src/verify/index.ts";
import { update } from "../test/support/update.ts";

const page = "docs/guides/verifying.md";
const mark = "<!-- cases -->\n";

const ownRule = "once-again@0/docs/guides/verifying.md#";

const sections = Object.entries(groups).map(([letter, name]) => {
  const cases = conformanceCases
    .filter(({ id }) => id[0] === letter)
    .map(({ id, title, reason, rule }) => {
      const link = rule.includes(ownRule) ? "" : ` ([rule](${rule}))`;
      return `#### ${id}\n\n**${escaped(title)}.** ${escaped(reason)}${link}\n`;
    });
  return [`### ${name}\n`, ...cases].join("\n");
});

/** Characters that Markdown would take for its own. */
function escaped(text: string): string {
  return text.replaceAll(/[_*]/g, String.raw`\$&`);
}

const [before] = readFileSync(page, "utf8").split(mark);
update(page, `${before}${mark}\n${sections.join("\n")}`);
