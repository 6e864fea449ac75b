import type { StoreKit } from "../kit.ts";

const wrapsBucket = "wrap a bucket of it, await natsStore(kv)";

export const natsKit = {
  name: "nats",
  title: "NATS JetStream",
  page: "guides/choosing-a-store.md#nats-jetstream",
  drivers: [{ title: "NATS JetStream", package: "@nats-io/kv" }],
  modes: ["leased"],
  holds: [],
  urls: {
    schemes: ["nats"],
    form: "nats://HOST/BUCKET",
    open: async () => ({ store: (await import("./open.ts")).openNats }),
  },
  migrates: false,
  mistaken: [
    { methods: ["history"], advice: "a bucket of NATS: wrap it, await natsStore(kv)" },
    { methods: ["jetstream"], advice: `a connection of NATS: ${wrapsBucket}` },
    { methods: ["requestMany"], advice: `a connection of NATS: ${wrapsBucket}` },
  ],
  create: {
    title: "NATS JetStream",
    packages: ["@nats-io/kv", "@nats-io/transport-node"],
    variable: "NATS_URL",
  },
  ownFiles: ["purge"],
} as const satisfies StoreKit;
