import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { gatewayCommand } from "./command.ts";

const packageFile = new URL("../../package.json", import.meta.url);

/** The command of this package: `npx @once-again/gateway`, or `once-again-gateway` where it is installed. */
export function makeProgram(): Command {
  const { version } = JSON.parse(readFileSync(packageFile, "utf8")) as { version: string };
  return gatewayCommand("once-again-gateway", "npx @once-again/gateway").version(version).exitOverride();
}
