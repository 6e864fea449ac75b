import { existsSync, readFileSync, writeFileSync } from "node:fs";

/** Writes a generated file; with `--check` on the command line, says instead whether it is up to date (exit code 1). */
export function update(file: string, content: string): void {
  const current = existsSync(file) ? readFileSync(file, "utf8") : undefined;
  if (current === content) return;
  if (!process.argv.includes("--check")) {
    writeFileSync(file, content);
    return;
  }
  console.error(`${file} is not up to date. Run npm run generate.`);
  process.exitCode = 1;
}
