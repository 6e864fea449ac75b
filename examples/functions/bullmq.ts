import { DelayedError, Worker } from "bullmq";
import { Redis } from "ioredis";
import { OnceAgainError } from "once-again";
import { onceFunction } from "once-again/function";
import { redisStore } from "once-again/stores/redis";

interface Order {
  readonly id: string;
  readonly amount: number;
}

const connection = new Redis(process.env["REDIS_URL"] ?? "redis://127.0.0.1:6379", { maxRetriesPerRequest: null });
const provider = process.env["PROVIDER_URL"] ?? "http://127.0.0.1:4000/charges";
// How long a worker that died keeps its job and its key.
const lockMs = Number(process.env["LOCK_MS"] ?? 30_000);

const charge = onceFunction(
  {
    store: redisStore(connection),
    scope: "charge",
    key: (order: Order) => order.id,
    leaseMs: lockMs,
    // Longer than a job is retried, or put into the queue again by a caller that lost an answer.
    retentionMs: 7 * 86_400_000,
    // The provider takes our key. So a call with an unknown end may be sent again.
    onUnknown: "rerun",
    acknowledgeDuplicates: true,
  },
  async ({ key, signal }, order) => {
    const headers = { "content-type": "application/json", "idempotency-key": key };
    const response = await fetch(provider, { method: "POST", headers, body: JSON.stringify(order), signal });
    if (!response.ok) throw new Error(`The provider responded with ${response.status}.`);
    return (await response.json()) as { readonly receipt: string };
  },
);

const worker = new Worker<Order>(
  "charges",
  async (job, token) => {
    try {
      return await charge(job.data);
    } catch (error) {
      if (!OnceAgainError.isInstance(error, "ONCE_IN_PROGRESS")) throw error;
      // Another worker has it, or had it when it died. That is no failed attempt: come back later.
      await job.moveToDelayed(Date.now() + Number(error.details["retryAfterMs"]), token);
      throw new DelayedError();
    }
  },
  { connection, lockDuration: lockMs, stalledInterval: lockMs },
);
worker.on("completed", ({ id }, result: unknown) => console.log(`job ${id}:`, JSON.stringify(result)));
worker.on("error", () => undefined);
await worker.waitUntilReady();
console.log("ready");
