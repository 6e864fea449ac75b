import { execFile } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import type { Consumer } from "./consumer.ts";

const compiler = fileURLToPath(new URL("../../node_modules/typescript/bin/tsc", import.meta.url));

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
} as const;

/** TypeScript's complaints about a consumer's files: empty, when all is well. */
export async function complaints(consumer: Consumer, files: readonly string[], options: object): Promise<string> {
  const compilerOptions = { ...strictest, ...options };
  const config = await consumer.write("tsconfig.json", JSON.stringify({ compilerOptions, files }));
  return new Promise((resolve) => {
    execFile(process.execPath, [compiler, "-p", config], (_error, stdout, stderr) => resolve(stdout + stderr));
  });
}
