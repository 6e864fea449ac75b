import type { NextConfig } from "next";

/** Drivers are loaded from node_modules, not bundled. */
const config: NextConfig = {
  serverExternalPackages: ["@nats-io/kv", "@nats-io/transport-node", "ioredis", "mysql2", "pg"],
};

export default config;
