import type { ConfigProblem } from "./config-problem.ts";
import { nameOf } from "./config-problems.ts";
import type { Path } from "./yaml-source.ts";

/** A document with the values of the environment in the places of its variables. */
export interface ExpandedDocument {
  readonly value: unknown;
  /** Texts that have something of the environment in them: never shown, since each may be a secret. */
  readonly secrets: ReadonlySet<unknown>;
  readonly problems: readonly ConfigProblem[];
}

/** The parts of `$${` and `${NAME}`, `${NAME:-default}`, `${NAME-default}`, as Docker Compose has them. */
const reference =
  /\$\$\{|\$\{(?:(?<name>[A-Za-z_]\w*)(?:(?<orEmpty>:)?-(?<fallback>[^{}]*))?\}|(?<malformed>[^}]*\}?))/g;

/**
 * Puts the environment's values in the places of the variables in a document's texts. A variable that is not set, or is
 * empty, and has no default is a problem. `$${` stands for `${`. Names of settings are taken as they are.
 *
 * @param problemAt the problem of the text at a path.
 * @param isReplaced whether something else counts more than the text at a path, so that its variables don't count.
 */
export function expandVariables(
  document: unknown,
  environment: Readonly<Record<string, string | undefined>>,
  problemAt: (path: Path, message: string) => ConfigProblem,
  isReplaced: (path: Path) => boolean,
): ExpandedDocument {
  const problems: ConfigProblem[] = [];
  const secrets = new Set<unknown>();
  const expandText = (text: string, path: Path): string => {
    const expanded = text.replaceAll(reference, (found, ...groups) => {
      const { name, orEmpty, fallback, malformed } = groups.at(-1) as Record<string, string | undefined>;
      if (found === "$${") return "${";
      const refuse = (message: string): string => {
        problems.push(problemAt(path, `${nameOf(path) || "It"} ${message}`));
        return "";
      };
      if (name === undefined || malformed !== undefined) {
        return refuse(`has a variable that can't be read: write \${NAME}, \${NAME:-default}, or $\${ for a plain \${.`);
      }
      const value = environment[name];
      if (fallback !== undefined) return value === undefined || (orEmpty && value === "") ? fallback : value;
      if (value) return value;
      const state = value === undefined ? "not set" : "empty";
      return refuse(`needs the variable ${name}, which is ${state}. Set it, or give a default: \${${name}:-default}.`);
    });
    if (expanded !== text) secrets.add(expanded);
    return expanded;
  };
  const expand = (value: unknown, path: Path): unknown => {
    if (typeof value === "string") return isReplaced(path) ? value : expandText(value, path);
    if (Array.isArray(value)) return value.map((item, at) => expand(item, [...path, at]));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, expand(item, [...path, name])]));
  };
  return { value: expand(document, []), secrets, problems };
}
