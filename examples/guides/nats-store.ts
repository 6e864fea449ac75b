import { Kvm } from "@nats-io/kv";
import { connect } from "@nats-io/transport-node";
import { onceWeb } from "once-again/web";
import { natsStore } from "once-again/stores/nats";

const servers = (process.env["NATS_SERVERS"] ?? "nats-1,nats-2,nats-3").split(",");
const connection = await connect({ servers, maxReconnectAttempts: -1 });
const kv = await new Kvm(connection).create("keys", { replicas: 3, allow_direct: false });
const store = await natsStore(kv);

export const orders = onceWeb({ store, scope: "public" }, () => new Response("made", { status: 201 }));
