import { once } from "node:events";
import { type IncomingMessage, request as overHttp } from "node:http";
import { request as overHttps } from "node:https";
import { text } from "node:stream/consumers";
import { Agent, request } from "undici";
import { expect, test } from "vitest";
import { brokenBodiesAreUnknown } from "./cases.ts";
import { describeWithCertificates } from "../support/describe-with-certificates.ts";
import { fullPort } from "./full-port.ts";
import { bodyEnd, listen } from "./origin.ts";
import { expected, findingsOf, formatFindings, outcomes, type Probe, openStage } from "./stage.ts";
import { verdictOn } from "./verdict-on.ts";

// Node's own client and undici's, on the cases that every runtime's fetch has to stand.

const bodyOf = (probe: Probe): string => "x".repeat(probe.fillerBytes) + probe.bodyEnd;

describeWithCertificates("on real sockets", (certificates) => {
  test("what node:http and node:https throw proves what really happened, or nothing", async () => {
    await using stage = await openStage(certificates());
    const send = async (method: string, probe: Probe): Promise<string> => {
      const overEither = probe.url.startsWith("https") ? overHttps : overHttp;
      const signal = AbortSignal.timeout(probe.timeoutMs);
      const outgoing = overEither(probe.url, { method, ca: certificates().ca, signal });
      outgoing.end(method === "GET" ? undefined : bodyOf(probe));
      const [incoming] = (await once(outgoing, "response")) as [IncomingMessage];
      return text(incoming);
    };
    const findings = await findingsOf(stage, async (probe) => {
      if (probe.warm) await send("GET", probe);
      return send("POST", probe);
    });
    // The time-out of the case ends an answer that has begun, for which Node has a separate error.
    expect(outcomes(findings, stage), formatFindings(findings)).toEqual(
      expected({ "a body that stops coming": "failed" }),
    );
  });

  test("what undici throws proves what really happened, or nothing", async () => {
    await using stage = await openStage(certificates());
    const dispatcher = new Agent({ connect: { ca: certificates().ca } });
    const findings = await findingsOf(stage, async (probe) => {
      if (probe.warm) await (await request(probe.url, { dispatcher })).body.text();
      const signal = AbortSignal.timeout(probe.timeoutMs);
      const { body } = await request(probe.url, { method: "POST", body: bodyOf(probe), dispatcher, signal });
      return body.text();
    });
    await dispatcher.destroy();
    expect(outcomes(findings, stage), formatFindings(findings)).toEqual(expected(brokenBodiesAreUnknown));
  });
});

/** The verdict on undici's error at this server, with other limits. */
async function verdictWithin(limits: Agent.Options, url: string): Promise<string> {
  const dispatcher = new Agent(limits);
  const sent = request(url, { method: "POST", body: bodyEnd, dispatcher }).then(({ body }) => body.text());
  const verdict = await sent.then(() => "none", verdictOn);
  await dispatcher.destroy();
  return verdict;
}

test("a time-out while it connects proves that nothing arrived", async () => {
  await using full = await fullPort();
  expect(await verdictWithin({ connect: { timeout: 200 } }, `http://127.0.0.1:${full.port}/`)).toBe("never");

  await using silent = await listen(() => undefined);
  expect(await verdictWithin({ connect: { timeout: 200 } }, `https://127.0.0.1:${silent.port}/`)).toBe("never");
  expect(silent.arrived).toBe(0);
});

test("a time-out while it waits for an answer proves nothing", async () => {
  await using silent = await listen(() => undefined);
  expect(await verdictWithin({ headersTimeout: 200 }, `http://127.0.0.1:${silent.port}/`)).toBe("unknown");
  expect(silent.arrived).toBe(1);
});

test("a time-out while it waits for the rest of an answer comes after its status", async () => {
  await using slow = await listen(async ({ request, socket }) => {
    await request;
    socket.write("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
  });
  expect(await verdictWithin({ bodyTimeout: 200 }, `http://127.0.0.1:${slow.port}/`)).toBe("failed");
  expect(slow.arrived).toBe(1);
});
