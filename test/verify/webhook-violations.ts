import { WebhookModel } from "./profile-models.ts";

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

/** A receiver for each case of webhooks, which breaks its rule. */
export const webhookViolations: Readonly<Record<string, (server: WebhookModel) => Partial<WebhookModel>>> = {
  W01: (server) => ({
    work: async (call) => ({ ...(await WebhookModel.prototype.work.call(server, call)), status: 302 }),
  }),
  W02: () => ({ recordName: ({ request, key }) => `${key} ${String(request.headers["webhook-timestamp"])}` }),
  W03: (server) => ({
    isSigned: (delivery) => delivery.signatures[0] === "" || WebhookModel.prototype.isSigned.call(server, delivery),
  }),
  W04: withoutCheck("isSigned"),
  W05: withoutCheck("isSigned"),
  W06: withoutCheck("isSigned"),
  W07: withoutCheck("isSigned"),
  W08: withoutCheck("hasId"),
  W09: () => ({
    signedContent: ({ id, time, body }) => Buffer.from(`${id}.${time}.${rewritten(body.toString())}`),
  }),
  W10: (server) => ({
    isSigned: (delivery) =>
      WebhookModel.prototype.isSigned.call(server, {
        ...delivery,
        signatures: delivery.signatures.slice(0, 1),
      }),
  }),
  W11: (server) => ({
    matches: (signature, expected) =>
      WebhookModel.prototype.matches.call(server, `v1,${signature.split(",")[1]}`, expected),
  }),
  W12: () => ({ toleranceSeconds: 7200 }),
  W13: (server) => ({
    isFresh: (delivery) =>
      Number(delivery.time) > Date.now() / 1000 || WebhookModel.prototype.isFresh.call(server, delivery),
  }),
  W14: () => ({ toleranceSeconds: 20 }),
  W15: () => ({ isFresh: ({ time }) => !(Math.abs(Date.now() / 1000 - Number(time)) > 300) }),
  W16: () => ({ hasId: () => true }),
  W17: (server) => ({
    async receive(delivery, call) {
      const answer = await WebhookModel.prototype.receive.call(server, delivery, call);
      const record = {
        fingerprint: server.fingerprint(call),
        answer: Promise.resolve(answer),
        isDone: true,
        replays: 0,
      };
      server.records.set(server.recordName(call), record);
      return answer;
    },
  }),
  W18: (server) => ({
    receive: (delivery, call) =>
      server.records.has(server.recordName(call))
        ? server.once(call)
        : WebhookModel.prototype.receive.call(server, delivery, call),
  }),
  W19: (server) => ({
    async work(call) {
      const answer = await WebhookModel.prototype.work.call(server, call);
      return answer.status < 400 ? answer : { ...answer, status: 410 };
    },
  }),
  W20: (server) => {
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
};
