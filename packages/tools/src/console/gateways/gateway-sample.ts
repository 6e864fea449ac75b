import type { HealthDocument, RoutesDocument } from "@once-again/gateway";
import type { GatewaySample } from "./gateways-protocol.ts";
import { readCounts } from "./read-counts.ts";

/** How long a gateway may take, milliseconds: it gives its store 2 s to say how it is. */
const answerMsMax = 5000;

/** How much it may tell, bytes. */
const answerBytesMax = 8_388_608;

/** Asks a gateway how it is, and what it does. It never rejects. */
export async function gatewaySample(url: URL): Promise<GatewaySample> {
  const signal = AbortSignal.timeout(answerMsMax);
  const ask = (path: string): Promise<string> => readText(new URL(path, url), signal);
  try {
    const [health, routes, metrics] = await Promise.all(["/-/health", "/-/routes", "/-/metrics"].map(ask));
    const { status, store } = JSON.parse(health!) as HealthDocument;
    const { routes: listed } = JSON.parse(routes!) as RoutesDocument;
    if (!Array.isArray(listed)) throw new SyntaxError("no routes");
    return { url: url.origin, status, store, routes: listed, counts: readCounts(metrics!) };
  } catch (error) {
    return { url: url.origin, problem: problemOf(error) };
  }
}

function problemOf(error: unknown): string {
  if (error instanceof SyntaxError) return "What answers there is no gateway.";
  if ((error as Error).name === "TimeoutError") return `It did not answer in ${answerMsMax / 1000} s.`;
  const { message, cause } = error as Error;
  return (cause as NodeJS.ErrnoException | undefined)?.code ?? message;
}

/** @throws Error when it is too long, or no answer of a gateway; SyntaxError when it is another server's. */
async function readText(url: URL, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { signal, redirect: "error" });
  // One that is draining says so with 503.
  if (response.status !== 200 && response.status !== 503) throw new SyntaxError(`status ${response.status}`);
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > answerBytesMax) throw new Error(`It sent more than ${answerBytesMax} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}
