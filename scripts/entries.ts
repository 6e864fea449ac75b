import { storeKits } from "../packages/once-again/src/stores/kits.ts";

/** The entry points of a package: the subpath that users import, and the source file behind it, in the package's folder. */
export type Entries = Readonly<Record<string, string>>;

interface Package {
  readonly name: string;
  readonly entries: Entries;
  /** Where Node finds the entries as bundles, beside the module files that bundlers read. Absent: it reads those too. */
  readonly bundles?: string;
  /** Sources that are started as programs. In the bundles they lie beside the package's first entry, which starts them. */
  readonly programs?: readonly string[];
}

/** Of each store: its folder, and other entries in it. */
const storeEntries: Entries = Object.fromEntries(
  storeKits.flatMap(({ name, entries = [] }) =>
    [name, ...entries.map((entry) => `${name}/${entry}`)].map((path) => [
      `./stores/${path}`,
      `src/stores/${path}/index.ts`,
    ]),
  ),
);

/** The packages that are published, by the folder that each is in. */
export const packages: Readonly<Record<string, Package>> = {
  "packages/once-again": {
    name: "once-again",
    bundles: "./dist/node/",
    entries: {
      ".": "src/index.ts",
      "./aws": "src/interceptors/aws.ts",
      "./agents": "src/agents/index.ts",
      "./axios": "src/interceptors/axios.ts",
      "./budgets": "src/retry/budgets/index.ts",
      "./cloudflare": "src/cloudflare/index.ts",
      "./client": "src/client/index.ts",
      "./connect": "src/connect/index.ts",
      "./delivery": "src/delivery/index.ts",
      "./engine": "src/engine/index.ts",
      "./express": "src/frameworks/express.ts",
      "./fastify": "src/frameworks/fastify.ts",
      "./web": "src/frameworks/web.ts",
      "./function": "src/function/index.ts",
      "./hono": "src/frameworks/hono.ts",
      "./http": "src/http/index.ts",
      "./intents": "src/intents/index.ts",
      "./internal": "src/internal.ts",
      "./internal/command": "src/command/index.ts",
      "./key": "src/key/index.ts",
      "./koa": "src/frameworks/koa.ts",
      "./lambda": "src/frameworks/lambda/index.ts",
      "./layers": "src/retry/layers/index.ts",
      "./mcp": "src/mcp/index.ts",
      "./nest": "src/frameworks/nest/index.ts",
      "./node": "src/frameworks/node.ts",
      "./opentelemetry": "src/opentelemetry/index.ts",
      "./inbox": "src/messaging/inbox/index.ts",
      "./outbox": "src/messaging/outbox/index.ts",
      "./react": "src/react/index.ts",
      "./stores": "src/stores/index.ts",
      "./stores/indexeddb": "src/stores/indexeddb/index.ts",
      ...storeEntries,
      "./stores/react-native": "src/stores/react-native/index.ts",
      "./webhooks": "src/messaging/webhooks/index.ts",
      "./undici": "src/interceptors/undici/index.ts",
    },
  },
  "packages/testing": {
    name: "@once-again/testing",
    bundles: "./dist/node/",
    programs: ["src/lambda/lambda-bootstrap.ts"],
    entries: { ".": "src/index.ts" },
  },
  "packages/gateway": {
    name: "@once-again/gateway",
    entries: { ".": "src/index.ts" },
  },
  "packages/create-once-again": { name: "create-once-again", entries: {} },
  "packages/tools": {
    name: "@once-again/tools",
    bundles: "./dist/node/",
    entries: {
      "./simulator": "src/simulator/index.ts",
      "./verify": "src/verify/index.ts",
    },
  },
};

/** The file that tsc writes for a source. */
export function builtOf(source: string, folder = "./dist/"): string {
  return source.replace("src/", folder).replace(/\.ts$/, ".js");
}

/** Every module that users can import: what they write, and its source in this repository. */
export const modules: readonly { readonly specifier: string; readonly source: string }[] = Object.entries(
  packages,
).flatMap(([folder, { name, entries }]) =>
  Object.entries(entries).map(([subpath, source]) => ({
    specifier: subpath.replace(".", name),
    source: `${folder}/${source}`,
  })),
);

/** A runtime beside Node, Deno and Bun. `workerd` is without `nodejs_compat`. */
export type Place = "browser" | "workerd" | "edge-runtime" | "next-edge";

const everywhere: readonly Place[] = ["browser", "workerd", "edge-runtime", "next-edge"];

/** Where each entry of the library runs beside Node, Deno and Bun: `test/runtimes/entries.test.ts` runs it there. */
export const places: Readonly<Record<string, readonly Place[]>> = {
  ".": everywhere,
  "./agents": everywhere,
  "./budgets": everywhere,
  "./client": everywhere,
  "./cloudflare": ["workerd"],
  "./delivery": everywhere,
  "./engine": everywhere,
  "./web": everywhere,
  "./function": everywhere,
  "./hono": everywhere,
  "./http": everywhere,
  "./intents": everywhere,
  "./key": everywhere,
  "./layers": everywhere,
  "./mcp": everywhere,
  "./opentelemetry": everywhere,
  "./react": ["browser"],
  "./stores": everywhere,
  "./stores/indexeddb": ["browser"],
  "./stores/memory": everywhere,
  // By `upstash()`. It needs a `Buffer`.
  "./stores/redis": ["next-edge"],
  "./webhooks": everywhere,
};
