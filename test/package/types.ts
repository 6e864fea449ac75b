import { execFile } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Consumer } from "./consumer.ts";

/** The compiler of this repository. */
const installed = fileURLToPath(new URL("../../node_modules/typescript/bin/tsc", import.meta.url));

/** As strict as a project can be, and the package's own declarations are looked into. */
const strictest = {
  noEmit: true,
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  noPropertyAccessFromIndexSignature: true,
  skipLibCheck: false,
  target: "es2024",
};

/** How projects have their imports resolved. */
export const resolutions = {
  nodenext: { module: "nodenext" },
  bundler: { module: "esnext", moduleResolution: "bundler" },
  node16: { module: "node16" },
} as const;

/** Only `strict`, as `tsc --init` and the frameworks' templates have it: all declarations are checked. */
export const plainStrict = {
  exactOptionalPropertyTypes: false,
  noUncheckedIndexedAccess: false,
  noPropertyAccessFromIndexSignature: false,
};

/**
 * TypeScript's complaints about a consumer's files: empty, when all is well.
 * @param compiler the path of another version's `tsc`.
 */
export async function complaints(
  consumer: Consumer,
  files: readonly string[],
  options: object,
  compiler = installed,
): Promise<string> {
  const compilerOptions = { ...strictest, ...options };
  const config = await consumer.write("tsconfig.json", JSON.stringify({ compilerOptions, files }));
  return new Promise((resolve) => {
    execFile(process.execPath, [compiler, "-p", config], (_error, stdout, stderr) => resolve(stdout + stderr));
  });
}
