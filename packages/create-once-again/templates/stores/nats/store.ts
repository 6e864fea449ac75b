import { Kvm } from "@nats-io/kv";
import { connect } from "@nats-io/transport-node";
import { natsStore } from "once-again/stores/nats";

// Without `maxReconnectAttempts` the client gives up after ten attempts, some 20 seconds, and each request gets 503 from then on.
const connection = await connect({ servers: process.env["NATS_URL"] ?? "127.0.0.1:4222", maxReconnectAttempts: -1 });
// In production: `replicas: 3`.
const kv = await new Kvm(connection).create("once-again-keys", { allow_direct: false });
export const store = await natsStore(kv);
