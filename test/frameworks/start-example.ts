import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { transform } from "esbuild";
import { onTestFinished } from "vitest";
import { serverPort } from "../support/servers/server-port.ts";
import { until } from "../support/until.ts";

/** A program that Node runs as it is: decorators are compiled, as Nest's own tools do. */
async function runnable(file: string): Promise<string> {
  if (!file.includes("nest")) return file;
  const tsconfigRaw = { compilerOptions: { experimentalDecorators: true } };
  const { code } = await transform(readFileSync(file, "utf8"), {
    loader: "ts",
    format: "esm",
    target: "es2024",
    tsconfigRaw,
  });
  // Beside its source, where it finds the packages.
  const compiled = file.replace(".ts", `-${process.pid}.mjs`);
  await writeFile(compiled, code);
  onTestFinished(() => rm(compiled));
  return compiled;
}

/** Runs an example with a port for its server, until the running test ends. */
export async function runExample(
  file: string,
  port: number,
  environment: Record<string, string>,
  errors: "inherit" | "pipe" = "inherit",
): Promise<ChildProcess> {
  const program = await runnable(file);
  const child = spawn(process.execPath, ["--conditions=@once-again/source", program], {
    env: { ...process.env, PORT: String(port), ...environment },
    stdio: ["ignore", "pipe", errors],
  });
  onTestFinished(() => ended(child));
  return child;
}

/** Starts an example that listens, until the running test ends. @returns its address. */
export async function startExample(file: string, environment: Record<string, string>): Promise<string> {
  const port = await serverPort();
  const child = await runExample(file, port, environment);
  await once(child.stdout!, "data");
  return `http://127.0.0.1:${port}`;
}

async function ended(child: ChildProcess): Promise<void> {
  child.kill();
  await until(() => child.exitCode !== null || child.signalCode !== null);
}
