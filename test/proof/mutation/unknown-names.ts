import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import { compilerOptions } from "../../../scripts/compiler-options.ts";
import type { Mutant } from "./mutant.ts";
import { mutated } from "./workshop.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** The errors of TypeScript for a variable, or a property, that is not there. */
const unknownName = new Set([2304, 2552, 2339, 2551]);

/**
 * Finds the mutants that use a variable or a property that their file has no more: they throw where the guard was, and whatever
 * notices that says nothing about the guard.
 *
 * @returns what TypeScript says of each.
 * @throws StaleMutant for one with a text that is not there.
 */
export function unknownNames(mutants: readonly Mutant[]): ReadonlyMap<Mutant, string> {
  const options = compilerOptions();
  let current: { path: string; text: string } | undefined;
  let version = 0;
  const textOf = (path: string): string | undefined => (path === current?.path ? current.text : ts.sys.readFile(path));
  const service = ts.createLanguageService({
    ...ts.sys,
    useCaseSensitiveFileNames: () => ts.sys.useCaseSensitiveFileNames,
    getCompilationSettings: () => options,
    getCurrentDirectory: () => root,
    getDefaultLibFileName: ts.getDefaultLibFilePath,
    getScriptFileNames: () => [...new Set(mutants.map(({ file }) => join(root, file)))],
    getScriptSnapshot: (path) => {
      const text = textOf(path);
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
    },
    getScriptVersion: (path) => (path === current?.path ? String(version) : "0"),
  });
  const found = new Map<Mutant, string>();
  for (const mutant of mutants) {
    const path = join(root, mutant.file);
    current = { path, text: mutated(readFileSync(path, "utf8"), mutant) };
    version += 1;
    const problem = service.getSemanticDiagnostics(path).find(({ code }) => unknownName.has(code));
    if (problem !== undefined) found.set(mutant, ts.flattenDiagnosticMessageText(problem.messageText, " "));
  }
  return found;
}
