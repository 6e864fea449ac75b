import type { z } from "zod";
import type { ConfigProblem } from "./config-problem.ts";
import type { Path, YamlSource } from "./yaml-source.ts";

/** The problems that a schema found in a part of a file, in words, with their places. */
export function configProblems(
  source: Pick<YamlSource, "problemAt" | "problemAtName">,
  issues: readonly z.core.$ZodIssue[],
  within: Path = [],
  secrets: ReadonlySet<unknown> = new Set(),
): ConfigProblem[] {
  return issues.flatMap((issue) => {
    const path: Path = [...within, ...(issue.path as (string | number)[])];
    if (issue.code === "unrecognized_keys") {
      const messages = issue.message.split("\n");
      return issue.keys.map((name, at) => source.problemAtName(path, name, `${nameOf(path) || "It"} ${messages[at]}`));
    }
    const name = nameOf(path) || "It";
    if (issue.code === "custom" && issue.params?.["isSentence"]) return [source.problemAt(path, issue.message)];
    const message =
      issue.input === undefined
        ? `${name} is missing: it must be ${issue.message}.`
        : `${name} must be ${issue.message}${secrets.has(issue.input) ? "" : shown(issue.input)}.`;
    return [source.problemAt(path, message)];
  });
}

/** `routes[0].onUnknown` */
export function nameOf(path: Path): string {
  const parts = path.map((part) => {
    if (typeof part === "number") return `[${part}]`;
    return /^[\w-]+$/.test(part) ? `.${part}` : `[${JSON.stringify(part)}]`;
  });
  return parts.join("").replace(/^\./, "");
}

/** The value as it is written, unless it may hold a secret, as URLs do, or is long. */
function shown(input: unknown): string {
  if (Array.isArray(input)) return ", but it is a list";
  if (typeof input === "object" && input !== null) return ", but it is a mapping";
  const text = JSON.stringify(input) ?? "nothing";
  return text.length > 80 || text.includes("://") ? "" : `, but it is ${text}`;
}
