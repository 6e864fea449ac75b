import type { GatewayConfig } from "../config/read-config.ts";
import { printCaddy } from "./print-caddy.ts";
import { printHaproxy } from "./print-haproxy.ts";
import { printNginx } from "./print-nginx.ts";
import { type FrontProxy, type SplitRules, splitRules } from "./split-rules.ts";

const printers: Readonly<Record<FrontProxy, (rules: SplitRules) => string>> = {
  nginx: printNginx,
  haproxy: printHaproxy,
  caddy: printCaddy,
};

/** The configuration of a proxy in front, which sends the gateway what its routes key, and the service all else. */
export const printSplit = (proxy: FrontProxy, config: GatewayConfig): string => printers[proxy](splitRules(config));
