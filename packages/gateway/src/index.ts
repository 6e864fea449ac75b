/**
 * The parts of the gateway that `@once-again/tools` uses: its command, and the documents of its port for operators.
 *
 * The gateway itself is a program: `npx @once-again/gateway --help`.
 *
 * @module
 */
export { gatewayCommand } from "./cli/command.ts";
export type { HealthDocument, RoutesDocument } from "./admin-endpoints.ts";
