import { join } from "node:path";
import { beforeEach, onTestFinished } from "vitest";
import { encodeResponse } from "../../packages/once-again/src/http/response.ts";
import { encodeDetails, type OperationDetails } from "../../packages/once-again/src/core/operation-details.ts";
import type { Store } from "../../packages/once-again/src/stores/store.ts";
import { sqliteStore } from "../../packages/once-again/src/stores/sqlite/index.ts";
import { cliDocument, runCli } from "./cli.ts";
import { temporaryFolder } from "./temporary-folder.ts";

export const bytes = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

/** A response with a body that is no text. */
export const answer = encodeResponse({
  status: 201,
  headers: [["location", "/orders/7"]],
  body: Uint8Array.of(0xff, 0x00),
});

export const sealKey = { id: "k1", secret: new Uint8Array(32).fill(0xab) };
export const sealKeyText = `k1:${"ab".repeat(32)}`;

export const named = (key: string, scope = "acme") => ({ scope, key, owner: "worker" });

/** A SQLite file of keys for each test, and the commands of the CLI on it. */
export function keysFixture() {
  let path: string;
  let store: Store;
  beforeEach(() => {
    path = join(temporaryFolder(), "keys.db");
    store = sqliteStore({ path });
    onTestFinished(() => store.close());
  });

  const claim = (key: string, scope?: string) =>
    store.claim({ ...named(key, scope), fingerprint: "f", leaseMs: 600_000, retentionMs: 600_000 });
  return {
    path: () => path,
    store: () => store,
    claim,
    async abandoned(key: string, scope?: string): Promise<void> {
      await claim(key, scope);
      await store.renew({ ...named(key, scope), leaseMs: 0 });
    },
    /** @param on a store around the one of the fixture, which may seal what it stores. */
    async abandonedWith(key: string, details: OperationDetails, on = store): Promise<void> {
      const claimed = { ...named(key), fingerprint: "f", leaseMs: 600_000, retentionMs: 600_000 };
      await on.claim({ ...claimed, details: encodeDetails(details) });
      await on.renew({ ...named(key), leaseMs: 0 });
    },
    async done(key: string, result = answer, on = store): Promise<void> {
      await claim(key);
      await on.complete({ ...named(key), result, retentionMs: 600_000 });
    },
    keys: (...[command = "", ...args]: string[]) => runCli(["keys", command, "--store", `sqlite:${path}`, ...args]),
    keysDocument: (...[command = "", ...args]: string[]) =>
      cliDocument("keys", command, "--store", `sqlite:${path}`, ...args),
  };
}
