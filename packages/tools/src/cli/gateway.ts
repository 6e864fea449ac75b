import { pathToFileURL } from "node:url";
import { Command } from "commander";
import type * as Gateway from "@once-again/gateway";
import { findModule } from "once-again/internal/command";

const gatewayPackage = "@once-again/gateway";

/** `once-again gateway`: the command of `@once-again/gateway` where that is installed; elsewhere it says what to install. */
export async function loadGatewayCommand(): Promise<Command> {
  const path = findModule(gatewayPackage);
  if (path === undefined) return missingGateway();
  const gateway = (await import(pathToFileURL(path).href)) as typeof Gateway;
  return gateway.gatewayCommand("gateway", "once-again gateway");
}

function missingGateway(): Command {
  const command = new Command("gateway").helpOption(false).allowUnknownOption().allowExcessArguments();
  return command.action(() =>
    command.error(
      `error: The gateway is a package by itself: npm install ${gatewayPackage}, or start it by npx ${gatewayPackage}`,
    ),
  );
}
