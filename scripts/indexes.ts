/** Writes the lists of error pages and of decisions, `README.md` in their folders; with `--check`, fails if they differ. */
import { readFileSync } from "node:fs";
import { errorCodes } from "../packages/once-again/src/core/error-codes.ts";
import { update } from "../test/support/update.ts";
import { decisionTopics } from "./decisions.ts";

const errors = Object.entries(errorCodes)
  .sort(([one], [other]) => (one < other ? -1 : 1))
  .map(([code, meaning]) => `- [${code}](${code}.md): ${meaning}\n`);
update(
  "docs/errors/README.md",
  `# Errors

Every error is a \`OnceAgainError\` with one of these codes. A server that answers with one says so in its \`type\`.

${errors.join("")}`,
);

const decisions = Object.entries(decisionTopics).map(([topic, names]) => {
  const pages = names.map((name) => {
    const headings = readFileSync(`docs/decisions/${name}.md`, "utf8").matchAll(
      /^(##?) (.*)\n(?:\n_(\d{4}-\d\d-\d\d))?/gm,
    );
    const [page, ...sections] = headings;
    const dated = sections.map(([, , title = "", date = ""]) => `  - ${title} (${date})\n`);
    return `- [${page?.[2]}](${name}.md)\n${dated.join("")}`;
  });
  return `## ${topic}\n\n${pages.join("")}`;
});
update(
  "docs/decisions/README.md",
  `# Decisions

Questions that a reader may ask, and the reasons behind the answers. A page is a subject, and each section a decision with its date.

${decisions.join("\n")}`,
);
