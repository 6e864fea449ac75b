/** Writes the lists of error pages and of decisions, `README.md` in their folders; with `--check`, fails if they differ. */
import { readdirSync, readFileSync } from "node:fs";
import { errorCodes } from "../packages/once-again/src/core/error-codes.ts";
import { update } from "../test/support/update.ts";

const errors = Object.entries(errorCodes)
  .sort(([one], [other]) => (one < other ? -1 : 1))
  .map(([code, meaning]) => `- [${code}](${code}.md): ${meaning}\n`);
update(
  "docs/errors/README.md",
  `# Errors

Every error is a \`OnceAgainError\` with one of these codes. A server that answers with one says so in its \`type\`.

${errors.join("")}`,
);

const decisions = readdirSync("docs/decisions")
  .filter((file) => file !== "README.md")
  .map((file) => {
    const [heading = ""] = readFileSync(`docs/decisions/${file}`, "utf8").split("\n", 1);
    return `- ${file.slice(0, "2026-11-24".length)}: [${heading.replace("# ", "")}](${file})\n`;
  });
update(
  "docs/decisions/README.md",
  `# Decisions

What a reader could wonder about, and why it is so. One page each.

${decisions.join("")}`,
);
