import { AdcpModel, type Members, TaskError } from "./adcp-model.ts";

type Break = (server: AdcpModel) => Partial<AdcpModel>;

const { prototype } = AdcpModel;

/** Servers that compare one member more, or one less. */
const comparing =
  (more: (args: Members) => unknown): Break =>
  (server) => ({ payload: (args) => `${prototype.payload.call(server, args)} ${JSON.stringify(more(args))}` });
const ignoring =
  (change: (args: Members) => Members): Break =>
  (server) => ({ payload: (args) => prototype.payload.call(server, change(args)) });

const takingKeys =
  (taken: (key: unknown) => boolean): Break =>
  (server) => ({
    checkKey(key) {
      if (!taken(key)) prototype.checkKey.call(server, key);
    },
  });

const refusingKeys =
  (refused: (key: string) => boolean): Break =>
  (server) => ({
    checkKey(key) {
      if (typeof key === "string" && refused(key)) throw new TaskError("INVALID_REQUEST");
      prototype.checkKey.call(server, key);
    },
  });

/** A purchase that runs until another call meets it; the first of all is that of the plain call. */
const untilMet = (server: AdcpModel, met: Promise<void>): Partial<AdcpModel> => ({
  async buy(call) {
    if (server.records.size > 1) await met;
    return prototype.buy.call(server, call);
  },
});

/** A seller for each case, which breaks its rule. */
export const adcpViolations: Readonly<Record<string, Break>> = {
  MA01: () => ({ capabilities: () => ({ adcp: { idempotency: { supported: true, replay_ttl_seconds: 600 } } }) }),
  MA02: takingKeys((key) => key === undefined),
  MA03: takingKeys((key) => String(key).length < 16),
  MA04: takingKeys((key) => String(key).includes(" ")),
  MA05: refusingKeys((key) => key.length < 32),
  MA06: refusingKeys((key) => key.length > 64),
  MA07: () => ({ replayed: (answer) => answer }),
  MA08: (server) => ({
    failed(name, error) {
      server.records.get(name)!.answer = Promise.reject(error);
      server.records.get(name)!.answer!.catch(() => undefined);
    },
  }),
  MA09: () => ({ conflict: () => ({ media_buy_id: "that of the first", status: "completed" }) }),
  MA10: () => ({
    conflict(record) {
      throw new TaskError("IDEMPOTENCY_CONFLICT", { details: { first: record.payload } });
    },
  }),
  MA11: () => ({ errorMembers: ({ members }) => ({ adcp_error: members }) }),
  MA12: (server) => {
    const met = Promise.withResolvers<void>();
    return {
      ...untilMet(server, met.promise),
      async running() {
        met.resolve();
        throw new TaskError("SERVICE_UNAVAILABLE", { retry_after: 1 });
      },
    };
  },
  MA13: (server) => {
    const met = Promise.withResolvers<void>();
    return {
      ...untilMet(server, met.promise),
      conflict(record) {
        met.resolve();
        const code = record.answer === undefined ? "IDEMPOTENCY_IN_FLIGHT" : "IDEMPOTENCY_CONFLICT";
        throw new TaskError(code, { retry_after: 1 });
      },
    };
  },
  MA14: comparing(({ context }) => context),
  MA15: comparing(({ governance_context: context }) => context),
  MA16: comparing(({ push_notification_config: config }) => config),
  MA17: ignoring(({ push_notification_config: _config, ...rest }) => rest),
  MA18: ignoring(({ ext: _ext, ...rest }) => rest),
  MA19: ignoring((args) => JSON.parse(JSON.stringify(args, (_, value: unknown) => value ?? undefined)) as Members),
  MA20: (server) => ({
    capabilities(args) {
      if (Object.keys(args).length > 0)
        throw new TaskError("INVALID_REQUEST", { message: "unexpected_keyword_argument" });
      return prototype.capabilities.call(server, args);
    },
  }),
  MA21: () => ({ recordName: () => crypto.randomUUID() }),
};
