import { onceWeb } from "../../packages/once-again/src/frameworks/web.ts";
import { memoryStore } from "../../packages/once-again/src/stores/memory/index.ts";

/** Serves handlers on the server of its runtime, Bun's or Deno's, and prints what callers get: without once-again, and twice with it. */

type Handle = (request: Request) => Response | Promise<Response>;

interface ServerOptions {
  readonly port: number;
  readonly hostname: string;
  onListen?(): void;
}

interface Runtime {
  readonly Bun?: { serve(options: ServerOptions & { fetch: Handle }): { readonly port: number } };
  readonly Deno?: { serve(options: ServerOptions, handle: Handle): { readonly addr: { readonly port: number } } };
}

const responses: Readonly<Record<string, () => Response>> = {
  "a text": () => new Response("t\u00e9a"),
  "a text with a header": () => new Response("tea", { headers: { "x-shop": "a" } }),
  "a text with a type": () => new Response("<p>tea</p>", { headers: { "content-type": "text/html" } }),
  json: () => Response.json({ item: "tea" }),
  "bytes that are no text": () => new Response(Uint8Array.of(0xff, 0, 1)),
  "an empty text": () => new Response(""),
  "no body": () => new Response(null, { status: 201 }),
  "no content": () => new Response(null, { status: 204 }),
};

const handle: Handle = ({ url }) => responses[decodeURIComponent(new URL(url).pathname.slice(1))]!();
const { Bun, Deno } = globalThis as unknown as Runtime;

function serve(fetch: Handle): number {
  const options = { port: 0, hostname: "127.0.0.1" };
  if (Bun !== undefined) return Bun.serve({ ...options, fetch }).port;
  return Deno!.serve({ ...options, onListen: () => undefined }, fetch).addr.port;
}

async function gotten(port: number, name: string): Promise<unknown> {
  const url = `http://127.0.0.1:${port}/${encodeURIComponent(name)}`;
  const response = await fetch(url, { method: "POST", headers: { "idempotency-key": name.replaceAll(" ", "-") } });
  const { status, headers } = response;
  const bytes = [...new Uint8Array(await response.arrayBuffer())];
  return { status, type: headers.get("content-type"), length: headers.get("content-length"), bytes };
}

const [plain, guarded] = [serve(handle), serve(onceWeb({ store: memoryStore(), scope: "public" }, handle))];
const report: Record<string, unknown> = {};
for (const name of Object.keys(responses)) {
  report[name] = {
    without: await gotten(plain, name),
    first: await gotten(guarded, name),
    repeat: await gotten(guarded, name),
  };
}
process.stdout.write(JSON.stringify(report), () => process.exit());
