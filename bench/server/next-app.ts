import { execFile } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { RequestListener } from "node:http";
import { createRequire } from "node:module";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

type RouteHandler = (request: Request) => Promise<Response>;

/** The part of Next.js' custom server that we use. */
type MakeNextApp = (options: { dev: boolean; dir: string; quiet: boolean }) => {
  prepare(): Promise<void>;
  getRequestHandler(): RequestListener;
};

const require = createRequire(import.meta.url);

/** The measured handler is made in the server's process, so one built app serves every row. */
const route = `export const dynamic = "force-dynamic";
export const POST = (request) => globalThis.benchRoute(request);
`;

/** Serves a handler as the route `app/orders` of a built Next.js app, by Next.js' own custom server. */
export async function serveWithNext(handler: RouteHandler): Promise<RequestListener> {
  (globalThis as unknown as { benchRoute: RouteHandler }).benchRoute = handler;
  Object.assign(process.env, { NODE_ENV: "production", NEXT_TELEMETRY_DISABLED: "1" });
  const makeApp = require("next") as MakeNextApp;
  const app = makeApp({ dev: false, dir: await builtApp(), quiet: true });
  await app.prepare();
  return app.getRequestHandler();
}

/** Builds the app where it is not built yet: some twenty seconds. Next.js is found from `node_modules`. */
async function builtApp(): Promise<string> {
  const { version } = require("next/package.json") as { version: string };
  const cache = fileURLToPath(new URL("../../node_modules/.cache", import.meta.url));
  const built = join(cache, `bench-next-${version}`);
  if (existsSync(built)) return built;
  const building = `${built}-${process.pid}`;
  mkdirSync(join(building, "app/orders"), { recursive: true });
  writeFileSync(join(building, "package.json"), '{ "private": true, "type": "module" }\n');
  writeFileSync(join(building, "app/orders/route.js"), route);
  await promisify(execFile)(process.execPath, [require.resolve("next/dist/bin/next"), "build"], { cwd: building });
  try {
    renameSync(building, built);
  } catch (error) {
    // Another process has built it in the meantime.
    if (!existsSync(built)) throw error;
    rmSync(building, { recursive: true, force: true });
  }
  return built;
}
