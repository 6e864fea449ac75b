import { Kvm } from "@nats-io/kv";
import { connect } from "@nats-io/transport-node";
import { natsStore } from "once-again/stores/nats";

const connection = await connect({ servers: process.env["NATS_URL"] ?? "127.0.0.1:4222" });
// In production: `replicas: 3`.
const kv = await new Kvm(connection).create("once-again-keys", { allow_direct: false });
export const store = await natsStore(kv);
