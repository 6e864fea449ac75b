import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Compiles and links a small program in C that uses these headers.
 *
 * @throws Error with what the compiler says where a header or a library is missing.
 */
export function attemptToCompile(compiler: string, headers: readonly string[], ...libraries: readonly string[]): void {
  const folder = mkdtempSync(join(tmpdir(), "once-again-c-"));
  try {
    const source = join(folder, "main.c");
    writeFileSync(
      source,
      [...headers.map((header) => `#include <${header}>`), "int main(void) { return 0; }\n"].join("\n"),
    );
    execFileSync(compiler, [source, "-o", join(folder, "main"), ...libraries], { stdio: "pipe" });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
