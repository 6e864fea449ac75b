/**
 * The store contracts on servers that run already, such as those of compose.yaml. Each is named by an environment
 * variable; without it its cases are skipped, and the title says what to set.
 */
import process from "node:process";
import { afterAll, describe, onTestFinished, test } from "vitest";
import { storeContract, transactionContract } from "../../packages/testing/src/index.ts";
import { storesOf } from "../kits/store-kit.ts";
import { storesOnServers } from "../kits/stores/on-servers.ts";

for (const { servers, parts, contract = {} } of storesOf("given", storesOnServers)) {
  const { clients, clean, ownDatabase } = await parts();
  for (const { title, variable } of servers) {
    if (variable === undefined) continue;
    const server = process.env[variable] ?? "";
    describe.skipIf(server === "")(server === "" ? `${title}: set ${variable} to its URL` : title, () => {
      const names = new Set<string>();
      afterAll(() => clean?.(server, names));
      describe.for(Object.entries(clients))("through %s", ([client, openRecords]) => {
        for (const { name, run } of storeContract({
          open: (records) => (names.add(records), openRecords(server, records)),
          clockDoubtMs: contract.clockDoubtMs,
        }))
          test(name, run);
        if (ownDatabase === undefined) return;
        const openOwn = async () => {
          const own = await ownDatabase(server, client);
          onTestFinished(() => own[Symbol.asyncDispose]());
          return own;
        };
        for (const { name, run } of transactionContract({ open: openOwn, parallel: contract.parallel ?? true }))
          test(name, run);
      });
    });
  }
}
