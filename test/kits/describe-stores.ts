/* oxlint-disable vitest/no-conditional-tests, vitest/valid-title, vitest/require-top-level-describe, vitest/valid-describe-callback -- It makes suites for others, and is no suite itself. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe } from "vitest";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import {
  type RunningServer,
  type StoreParts,
  storesOf,
  type SuiteName,
  type TestedServer,
  type TestedStore,
} from "./store-kit.ts";

/** Where a store has its records while a suite runs. */
export interface OnPlace {
  readonly tested: TestedStore;
  /** Whether its server is slow. */
  readonly isSlow: boolean;
  readonly parts: StoreParts;
  /** The server's URL, or the folder of files; from `beforeAll` on. */
  readonly place: () => string;
  /** @throws Error for a store without a server. */
  readonly server: () => RunningServer;
}

/** Runs a suite's tests on each of these stores that can have it, and on each of its servers: one server for all of them. */
export async function describeStores(
  suite: SuiteName,
  stores: readonly TestedStore[],
  tests: (on: OnPlace) => void,
): Promise<void> {
  for (const tested of storesOf(suite, stores)) {
    const parts = await tested.parts();
    if (tested.servers.length === 0) {
      describe(tested.kit.title, () => {
        let folder: string;
        beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), "once-again-"))));
        afterAll(() => rmSync(folder, { recursive: true, force: true }));
        tests({ tested, parts, place: () => folder, server: noServer, isSlow: false });
      });
    }
    for (const server of tested.servers) {
      if (server.onlyFor !== undefined && !server.onlyFor.includes(suite)) continue;
      describeOn(server, () => {
        const started = serverOf(server);
        tests({ tested, parts, place: () => started().url, server: started, isSlow: server.isSlow ?? false });
      });
    }
  }
}

/** A `describe` for tests that start the store's first server for themselves, or need none. */
export function describeStore({ kit, servers: [server] }: TestedStore, tests: () => void): void {
  if (server === undefined) describe(kit.title, tests);
  else describeOn(server, tests);
}

function describeOn({ title, binary }: TestedServer, tests: () => void): void {
  if (binary === undefined) describe(title, tests);
  else describeWithServer(title, binary, tests);
}

function serverOf({ start }: TestedServer): () => RunningServer {
  let server: RunningServer;
  beforeAll(async () => void (server = await start()));
  afterAll(() => server[Symbol.asyncDispose]());
  return () => server;
}

function noServer(): never {
  throw new Error("This store has no server.");
}
