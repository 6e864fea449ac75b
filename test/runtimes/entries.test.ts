import { createRequire } from "node:module";
import { build, type Plugin } from "esbuild";
import { Miniflare } from "miniflare";
import { expect, test } from "vitest";
import { type Place, packages, places } from "../../scripts/entries.ts";
import { startHttpServer } from "../support/http-server.ts";
import { chromiumBinary, launchChromium } from "../support/servers/chromium.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";

// Each entry is loaded where `places` says that it runs, from a bundle without any module of Node's, and `onceWeb` serves there.

const folder = new URL("../../packages/once-again/", import.meta.url).pathname;
const { entries } = packages["packages/once-again"]!;

/** Node's modules are refused: a bundle for such a place would not be built, or would not load. */
const refuseNode: Plugin = {
  name: "refuse-node",
  setup({ onResolve }) {
    onResolve({ filter: /^node:/ }, ({ path, importer }) => ({
      errors: [{ text: `${path}, imported by ${importer}` }],
    }));
  },
};

/** A program that loads the entries and has a route answer twice; its `run` says how often the handler ran, and what was answered. */
async function program(subpaths: readonly string[], format: "esm" | "iife"): Promise<string> {
  const loads = subpaths.map((subpath, at) => `import * as entry${at} from "${folder}${entries[subpath]}";`);
  const contents = `
    ${loads.join("\n")}
    import { onceWeb } from "${folder}${entries["./web"]}";
    import { memoryStore } from "${folder}${entries["./stores/memory"]}";
    const loaded = [${subpaths.map((_, at) => `entry${at}`).join(", ")}];
    export async function run() {
      let orders = 0;
      const route = onceWeb({ store: memoryStore(), scope: "public" }, async () => new Response(String((orders += 1)), { status: 201 }));
      const post = () => route(new Request("http://shop.example/orders", { method: "POST", body: "tea", headers: { "idempotency-key": "order-1" } }));
      const answers = [await post(), await post()];
      const bodies = await Promise.all(answers.map((answer) => answer.text()));
      return { loaded: loaded.every((names) => Object.keys(names).length > 0), orders, bodies, replayed: answers[1].headers.get("idempotent-replayed") };
    }
    globalThis.run = run;
    export default { fetch: async () => Response.json(await run()) };`;
  const built = await build({
    stdin: { contents, resolveDir: folder },
    bundle: true,
    format,
    platform: "neutral",
    mainFields: ["module", "main"],
    write: false,
    logLevel: "silent",
    conditions: ["@once-again/source"],
    define: { "process.env.NODE_ENV": '"production"' },
    plugins: [refuseNode],
    ...(format === "esm" && { external: ["cloudflare:*"] }),
  });
  const { text } = built.outputFiles[0]!;
  // Only `builtinModule` asks a platform for Node's modules: what asks by itself may throw there.
  expect(text.match(/getBuiltinModule/g)).toHaveLength(1);
  return text;
}

const entriesFor = (place: Place): string[] =>
  Object.keys(places).filter((subpath) => places[subpath]!.includes(place));

const served = { loaded: true, orders: 1, bodies: ["1", "1"], replayed: "true" };

/** The parts of Vercel's `edge-runtime` that are used here. Next has it inside. */
interface EdgeRuntimeModule {
  readonly EdgeRuntime: new (options: { extend?: (context: object) => object }) => {
    evaluate(code: string): Promise<unknown>;
  };
}
const { EdgeRuntime } = createRequire(import.meta.url)("next/dist/compiled/edge-runtime") as EdgeRuntimeModule;

/** The process of Next's sandbox: every function of Node's is there, and throws. */
function throwingProcess(): object {
  const refuse = (name: string) => () => {
    throw new Error(`A Node.js API is used (process.${name}) which is not supported in the Edge Runtime.`);
  };
  const names = Object.keys(process).filter((name) => typeof process[name as "cwd"] === "function");
  return { env: {}, ...Object.fromEntries(names.map((name) => [name, refuse(name)])) };
}

test("every entry that is said to run elsewhere is an entry", () => {
  expect(Object.keys(entries)).toEqual(expect.arrayContaining(Object.keys(places)));
});

test("Vercel's edge-runtime loads what is said to run there, and onceWeb serves", async () => {
  const runtime = new EdgeRuntime({});
  await runtime.evaluate(await program(entriesFor("edge-runtime"), "iife"));
  expect(await runtime.evaluate("run()")).toEqual(served);
});

test("Next's edge runtime, where every function of `process` throws, loads what is said to run there, and onceWeb serves", async () => {
  const runtime = new EdgeRuntime({
    extend: (context) => Object.assign(context, { process: throwingProcess(), Buffer }),
  });
  await runtime.evaluate(await program(entriesFor("next-edge"), "iife"));
  expect(await runtime.evaluate("run()")).toEqual(served);
});

test("workerd without nodejs_compat loads what is said to run there, and onceWeb serves", async () => {
  const worker = new Miniflare({
    modules: true,
    script: await program(entriesFor("workerd"), "esm"),
    compatibilityDate: "2026-04-01",
  });
  try {
    expect(await (await worker.dispatchFetch("http://worker/")).json()).toEqual(served);
  } finally {
    await worker.dispose();
  }
});

describeWithServer("a browser", chromiumBinary, () => {
  test("loads what is said to run there, and onceWeb serves", async () => {
    const script = await program(entriesFor("browser"), "iife");
    const url = await startHttpServer((_, response) => void response.setHeader("content-type", "text/html").end());
    await using browser = await launchChromium();
    const page = await browser.newPage();
    await page.goto(url);
    await page.addScriptTag({ content: script });
    expect(await page.evaluate("run()")).toEqual(served);
  });
});
