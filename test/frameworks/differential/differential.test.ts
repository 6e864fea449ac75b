import { execFile } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

test("a caller first gets what there would be without once-again, and then the same, but for written lists", async () => {
  const child = fileURLToPath(new URL("differential-child.ts", import.meta.url));
  const { code, stdout } = await new Promise<{ code: unknown; stdout: string }>((resolve) => {
    execFile(process.execPath, ["--conditions=@once-again/source", child], (error, stdout) =>
      resolve({ code: error?.code ?? 0, stdout }),
    );
  });
  expect(stdout).toMatch(/^\d+ applications, \d+ handlers, 0 faults\n$/);
  expect(code).toBe(0);
});
