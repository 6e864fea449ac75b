import { storeDone } from "./breaks.ts";
import { WebhookModel } from "./right-profiles.ts";

/** A receiver that skips one of its checks. */
const withoutCheck = (name: "hasId" | "isFresh" | "isSigned") => (): Partial<WebhookModel> => ({ [name]: () => true });

/** JSON that is parsed and written again. */
function rewritten(body: string): string {
  try {
    return JSON.stringify(JSON.parse(body));
  } catch {
    return body;
  }
}

/** A fault of a receiver: the case that must find it, and a change to the right receiver. */
export interface WebhookFault {
  readonly breaks: string;
  readonly change: (server: WebhookModel) => Partial<WebhookModel>;
}

/** At least one fault for each case of webhooks. */
export const webhookFaults: Readonly<Record<string, WebhookFault>> = {
  "delivered-by-redirect": {
    breaks: "W01",
    change: (server) => ({
      work: async (call) => ({ ...(await WebhookModel.prototype.work.call(server, call)), status: 302 }),
    }),
  },
  "the-time-is-part-of-the-id": {
    breaks: "W02",
    change: () => ({ recordName: ({ request, key }) => `${key} ${String(request.headers["webhook-timestamp"])}` }),
  },
  "unsigned-deliveries-taken": {
    breaks: "W03",
    change: (server) => ({
      isSigned: (delivery) => delivery.signatures[0] === "" || WebhookModel.prototype.isSigned.call(server, delivery),
    }),
  },
  "signatures-not-compared": { breaks: "W04", change: withoutCheck("isSigned") },
  "bodies-not-verified": { breaks: "W05", change: withoutCheck("isSigned") },
  "ids-not-verified": { breaks: "W06", change: withoutCheck("isSigned") },
  "times-not-verified": { breaks: "W07", change: withoutCheck("isSigned") },
  "full-stops-in-ids": { breaks: "W08", change: withoutCheck("hasId") },
  "parsed-before-verified": {
    breaks: "W09",
    change: () => ({
      signedContent: ({ id, time, body }) => Buffer.from(`${id}.${time}.${rewritten(body.toString())}`),
    }),
  },
  "first-signature-only": {
    breaks: "W10",
    change: (server) => ({
      isSigned: (delivery) =>
        WebhookModel.prototype.isSigned.call(server, {
          ...delivery,
          signatures: delivery.signatures.slice(0, 1),
        }),
    }),
  },
  "schemes-not-looked-at": {
    breaks: "W11",
    change: (server) => ({
      matches: (signature, expected) =>
        WebhookModel.prototype.matches.call(server, `v1,${signature.split(",")[1]}`, expected),
    }),
  },
  "two-hours-of-tolerance": { breaks: "W12", change: () => ({ toleranceSeconds: 7200 }) },
  "the-future-is-fresh": {
    breaks: "W13",
    change: (server) => ({
      isFresh: (delivery) =>
        Number(delivery.time) > Date.now() / 1000 || WebhookModel.prototype.isFresh.call(server, delivery),
    }),
  },
  "twenty-seconds-of-tolerance": { breaks: "W14", change: () => ({ toleranceSeconds: 20 }) },
  "a-time-that-is-no-number": {
    breaks: "W15",
    change: () => ({ isFresh: ({ time }) => !(Math.abs(Date.now() / 1000 - Number(time)) > 300) }),
  },
  "deliveries-without-an-id": { breaks: "W16", change: () => ({ hasId: () => true }) },
  "ids-marked-before-verification": {
    breaks: "W17",
    change: (server) => ({
      async receive(delivery, call) {
        const answer = await WebhookModel.prototype.receive.call(server, delivery, call);
        storeDone(server, call, answer);
        return answer;
      },
    }),
  },
  "ids-looked-up-before-verification": {
    breaks: "W18",
    change: (server) => ({
      receive: (delivery, call) =>
        server.records.has(server.recordName(call))
          ? server.once(call)
          : WebhookModel.prototype.receive.call(server, delivery, call),
    }),
  },
  "failures-say-gone": {
    breaks: "W19",
    change: (server) => ({
      async work(call) {
        const answer = await WebhookModel.prototype.work.call(server, call);
        return answer.status < 400 ? answer : { ...answer, status: 410 };
      },
    }),
  },
  "duplicates-taken-while-running": {
    breaks: "W20",
    change: (server) => {
      const met = Promise.withResolvers<void>();
      return {
        inProgress() {
          met.resolve();
          return { status: 200, headers: [], body: "" };
        },
        async work(call) {
          if (call.body.includes('"fail":true')) await met.promise;
          return WebhookModel.prototype.work.call(server, call);
        },
      };
    },
  },

  "the-first-bytes-of-a-signature-are-compared": {
    breaks: "W21",
    change: () => ({
      matches(signature, expected) {
        const [scheme, bytes = ""] = signature.split(",");
        const given = Buffer.from(bytes, "base64");
        return scheme === "v1" && given.length > 0 && given.equals(expected.subarray(0, given.length));
      },
    }),
  },
  "a-list-of-signatures-is-one-signature": {
    breaks: "W10",
    change: (server) => ({
      isSigned: (delivery) =>
        WebhookModel.prototype.isSigned.call(server, { ...delivery, signatures: [delivery.signatures.join(" ")] }),
    }),
  },
  "the-handler-fails-and-the-event-is-burnt": {
    breaks: "W19",
    change: (server) => {
      const marked = new Set<string>();
      return {
        async receive(delivery, call) {
          if (marked.has(call.key)) return { status: 200, headers: [], body: "" };
          marked.add(call.key);
          return WebhookModel.prototype.receive.call(server, delivery, call);
        },
      };
    },
  },
  "failures-get-200": {
    breaks: "W19",
    change: (server) => ({
      async work(call) {
        const answer = await WebhookModel.prototype.work.call(server, call);
        return answer.status < 500 ? answer : { ...answer, status: 200 };
      },
    }),
  },
  "events-known-by-their-signature": {
    breaks: "W02",
    change: () => ({ recordName: ({ key, request }) => `${key} ${String(request.headers["webhook-signature"])}` }),
  },
  "no-memory-of-ids": { breaks: "R01", change: () => ({ recordName: () => crypto.randomUUID() }) },
  "ids-without-case": { breaks: "K09", change: () => ({ recordName: ({ key }) => key.toLowerCase() }) },
  "forged-deliveries-are-a-failure": {
    breaks: "W04",
    change: (server) => ({
      async receive(delivery, call) {
        if (server.admitsDelivery(delivery)) return server.once(call);
        await WebhookModel.prototype.work.call(server, call);
        return { status: 500, headers: [], body: "" };
      },
    }),
  },
};
