import { expect, test } from "vitest";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { brokenBodiesAreUnknown, type CaseName, type Differences, everythingIsUnknown } from "../verdicts/cases.ts";
import { describeWithCertificates } from "../support/describe-with-certificates.ts";
import { expected, formatFindings, outcomes, openStage } from "../verdicts/stage.ts";
import { orderServer } from "./order-server.ts";
import { browser, bun, deno, node, type Runtime, workerd } from "./runtimes.ts";

// The same requests go wrong in every runtime. What each can prove, and what its errors look like, differs.

/** A runtime, how its verdicts differ from those in Node, and which cases it sends more than once by itself. */
type Row = [name: string, runtime: Runtime, differences?: Differences, arrivals?: Partial<Record<CaseName, number>>];

/** Some send a request again by themselves, a POST too, when a pooled connection is reset. */
const sentAgain = { "a pooled connection is reset after the request": 2 } as const;

const rows: readonly Row[] = [
  ["Node", node],
  ["Deno", deno, { "TLS is reset within the handshake": "never" }, sentAgain],
  [
    "Bun",
    bun,
    {
      ...brokenBodiesAreUnknown,
      // "The TLS handshake failed" is what Bun says of every fault of TLS, also of one after the request.
      "TLS where plain HTTP is spoken": "unknown",
      "TLS is closed within the handshake": "unknown",
      "TLS without a common version": "unknown",
      "TLS without a common cipher": "unknown",
    },
  ],
  ["workerd", workerd, everythingIsUnknown],
  [
    "Chromium",
    browser,
    // Chromium takes a head that breaks off for one that is over.
    { ...everythingIsUnknown, "half a head": "none" },
    sentAgain,
  ],
];

describeWithCertificates("in every runtime", (certificates) => {
  for (const [name, runtime, differences, arrivals] of rows) {
    describeWithServer(name, runtime.binary, () => {
      test("what its fetch throws proves what really happened, or nothing", async () => {
        await using stage = await openStage(certificates());
        const task = { probes: stage.probes, ordersUrl: "", orders: [] };
        const { findings } = await runtime.perform(task, certificates());
        expect(outcomes(findings, stage), formatFindings(findings)).toEqual(expected(differences, arrivals));
      });

      test("its retrying fetch has each order executed once, over a network that loses most", async () => {
        await using server = await orderServer();
        const orders = Array.from({ length: 10 }, (_, index) => `order ${index}`);
        const { answers } = await runtime.perform({ probes: [], ordersUrl: server.url, orders }, certificates());
        expect(answers).toEqual(orders.map((order) => `made ${order}`));
        expect(server.effects).toEqual(orders);
        const { counts } = server;
        expect(Math.min(counts["lose-request"], counts.fail, counts["lose-answer"])).toBeGreaterThan(0);
      });
    });
  }
});
