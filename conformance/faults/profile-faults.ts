import type { Break } from "./breaks.ts";
import type { HttpFault } from "./http-faults.ts";
import { acpError, AcpModel, stripeError, StripeModel, UcpModel } from "./right-profiles.ts";
import { ModelServer, type ModelCall, problem } from "./right-server.ts";

const withoutHeader = (name: string) => (server: ModelServer) => ({
  async answer(request: ModelCall["request"]) {
    const answer = await Object.getPrototypeOf(server).answer.call(server, request);
    return { ...answer, headers: answer.headers.filter(([header]: readonly [string, string]) => header !== name) };
  },
});

const marked: Break = (server) => ({
  async answer(request) {
    const answer = await AcpModel.prototype.answer.call(server, request);
    return { ...answer, headers: [...answer.headers, ["idempotent-replayed", "true"]] };
  },
});

/** Faults of servers that are held to a profile. */
export const profileFaults: Readonly<Record<"acp" | "stripe" | "ucp", Readonly<Record<string, HttpFault>>>> = {
  acp: {
    "missing-key-explained-otherwise": {
      breaks: "A01",
      change: (server) => ({ key: (values) => ModelServer.prototype.key.call(server, values) }),
    },
    "conflicts-get-409": { breaks: "A02", change: () => ({ reused: () => acpError(409, "idempotency_conflict") }) },
    "in-flight-has-another-code": { breaks: "A03", change: () => ({ inProgress: () => acpError(409, "busy") }) },
    "keys-are-not-echoed": { breaks: "A04", change: withoutHeader("idempotency-key") },
    "uuids-only": {
      breaks: "A05",
      change: (server) => ({
        key(values) {
          const key = AcpModel.prototype.key.call(server, values);
          return typeof key === "string" && !/^[\da-f-]{36}$/.test(key) ? acpError(400, "no UUID") : key;
        },
      }),
    },
    "paths-share-keys": {
      breaks: "A06",
      change: (server) => ({ recordName: ({ request, key }) => `${server.scope(request)} ${key}` }),
    },
    "the-query-is-compared": {
      breaks: "A07",
      change: () => ({ fingerprint: ({ request, body }) => `${request.url} ${body}` }),
    },
    "null-is-the-same-as-missing": {
      breaks: "A08",
      change: () => ({ fingerprint: ({ body }) => body.replace(',"verify_note":null', "") }),
    },
    "bytes-are-compared": { breaks: "A09", change: () => ({ fingerprint: ({ body }) => body }) },
    "order-is-ignored": { breaks: "A10", change: () => ({ fingerprint: ({ body }) => [...body].sort().join("") }) },
    "replays-are-not-marked": { breaks: "A11", change: withoutHeader("idempotent-replayed") },
    "failures-are-stored": {
      breaks: "A12",
      change: (server) => ({
        done: (name, record, answer, call) => ModelServer.prototype.done.call(server, name, record, answer, call),
      }),
    },
    "an-hour-of-retention": {
      breaks: "A13",
      change: () => ({ policy: "required, retention=3600" }),
    },
    "old-keys-are-errors": {
      breaks: "A14",
      change: (server) => ({
        key(values) {
          const key = AcpModel.prototype.key.call(server, values);
          return typeof key === "string" && key[14] === "7" ? acpError(412, "too old") : key;
        },
      }),
    },
    "extensions-are-ignored": {
      breaks: "A15",
      change: () => ({ fingerprint: ({ body }) => body.replace(/,"verify_extension".*/, "}") }),
    },
    "missing-key-gets-422": {
      breaks: "A01",
      change: (server) => ({
        key: (values) =>
          values.length === 0 ? acpError(422, "idempotency_key_required") : AcpModel.prototype.key.call(server, values),
      }),
    },
    "errors-are-nested": {
      breaks: "A02",
      change: () => ({
        reused: () => {
          const { body, ...answer } = acpError(422, "idempotency_conflict");
          return { ...answer, body: JSON.stringify({ error: JSON.parse(body) as object }) };
        },
      }),
    },
    "conflicts-have-no-code": { breaks: "A02", change: () => ({ reused: () => acpError(422, "invalid") }) },
    "in-flight-gets-423": {
      breaks: "A03",
      change: () => ({ inProgress: () => acpError(423, "idempotency_in_flight") }),
    },
    "in-flight-has-no-retry-after": {
      breaks: "C06",
      change: () => ({
        inProgress: () => {
          const answer = acpError(409, "idempotency_in_flight");
          return { ...answer, headers: answer.headers.filter(([name]) => name !== "retry-after") };
        },
      }),
    },
    "all-responses-are-marked": { breaks: "A11", change: marked },
    "keys-of-all-agents-in-one-table": {
      breaks: "S01",
      change: () => ({ recordName: ({ request, key }) => `${request.url!.split("?")[0]} ${key}` }),
    },
    "twelve-hours-of-retention": {
      breaks: "A13",
      change: () => ({ policy: "required, retention=43200" }),
    },
  },
  stripe: {
    "keys-are-needed": {
      breaks: "P01",
      change: (server) => ({ key: (values) => ModelServer.prototype.key.call(server, values) }),
    },
    "reuse-gets-422": { breaks: "P02", change: () => ({ reused: () => stripeError(422, "idempotency_error") }) },
    "failures-run-again": {
      breaks: "P03",
      change: (server) => ({
        done(name, record, answer, call) {
          if (answer.status >= 500) server.records.delete(name);
          else StripeModel.prototype.done.call(server, name, record, answer, call);
        },
        work: async (call) => ({
          ...(await ModelServer.prototype.work.call(server, call)),
          ...(call.body.includes("fail") && { body: crypto.randomUUID() }),
        }),
      }),
    },
    "refusals-use-the-key-up": {
      breaks: "P04",
      change: (server) => ({
        done: (name, record, answer, call) => ModelServer.prototype.done.call(server, name, record, answer, call),
      }),
    },
    "reuse-has-another-type": {
      breaks: "P02",
      change: () => ({ reused: () => stripeError(400, "invalid_request_error") }),
    },
    "reuse-gets-409": { breaks: "P02", change: () => ({ reused: () => stripeError(409, "idempotency_error") }) },
    "failures-come-again-as-500-with-another-body": {
      breaks: "P03",
      change: (server) => ({
        async replayed(answer, record, call) {
          const replay = await StripeModel.prototype.replayed.call(server, answer, record, call);
          return answer.status >= 500 ? { ...replay, body: "failed before" } : replay;
        },
      }),
    },
    "equal-parameters-without-a-key-are-merged": {
      breaks: "R14",
      change: (server) => ({ recordName: ({ request, body }) => `${server.scope(request)} ${body}` }),
    },
  },
  ucp: {
    "other-parameters-get-422": { breaks: "U01", change: () => ({ reused: () => problem(422, "another request") }) },
    "other-parameters-get-the-first-answer": { breaks: "U01", change: () => ({ reused: (record) => record.answer }) },
    "other-parameters-get-200": {
      breaks: "U01",
      change: () => ({ reused: () => ({ status: 200, headers: [], body: "" }) }),
    },
    "the-second-mismatch-runs": {
      breaks: "U02",
      change: (server) => ({
        reused(record, call) {
          record.replays += 1;
          return record.replays > 1 ? server.work(call) : UcpModel.prototype.reused.call(server, record, call);
        },
      }),
    },
    "a-mismatch-deletes-the-record": {
      breaks: "F02",
      change: (server) => ({
        reused(_record, call) {
          server.records.delete(server.recordName(call));
          return problem(409, "another request");
        },
      }),
    },
    "json-rpc-ids-in-the-fingerprint": {
      breaks: "F07",
      change: (server) => ({
        fingerprint: (call) =>
          `${ModelServer.prototype.fingerprint.call(server, call)} ${String(call.request.headers["traceparent"])}`,
      }),
    },
  },
};
