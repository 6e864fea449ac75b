import type { Command } from "commander";

/** A command of the program: its line in the help, and its code, which is loaded only where it is asked for. */
interface CommandEntry {
  readonly name: string;
  readonly usage: string;
  readonly summary: string;
  readonly load: () => Promise<Command>;
}

export const commands: readonly CommandEntry[] = [
  {
    name: "lab",
    usage: "[options]",
    summary: "orders through a flaky network, with and without keys; messages, with and without outbox and inbox",
    load: async () => (await import("./lab/command.ts")).labCommand(),
  },
  {
    name: "learn",
    usage: "[options] [number]",
    summary: "repair small programs, and have the repairs graded",
    load: async () => (await import("./learn.ts")).learnCommand(),
  },
  {
    name: "audit",
    usage: "[options] <log> <ledger>",
    summary: "find doubled effects and lost answers in a log and a ledger",
    load: async () => (await import("./audit.ts")).auditCommand(),
  },
  {
    name: "console",
    usage: "[options]",
    summary: "watch and settle the keys of a store and the messages of its outbox, and watch gateways, in the browser",
    load: async () => (await import("./console.ts")).consoleCommand(),
  },
  {
    name: "gateway",
    usage: "[options]",
    summary: "idempotency keys in front of any HTTP service",
    load: async () => (await import("./gateway.ts")).loadGatewayCommand(),
  },
  {
    name: "judge",
    usage: "[options] <history>",
    summary: "judge a history of calls and effects, of any system",
    load: async () => (await import("./judge.ts")).judgeCommand(),
  },
  {
    name: "keys",
    usage: "",
    summary: "show the keys of a store, and settle held ones",
    load: async () => (await import("./keys/command.ts")).keysCommand(),
  },
  {
    name: "letters",
    usage: "",
    summary: "show the dead letters of a broker, and send them back to where they came from",
    load: async () => (await import("./letters/command.ts")).lettersCommand(),
  },
  {
    name: "messages",
    usage: "",
    summary: "show what waits in an outbox and why, and retry or discard parked messages",
    load: async () => (await import("./messages/command.ts")).messagesCommand(),
  },
  {
    name: "migrate",
    usage: "[options]",
    summary: "make the tables of a store, or bring them up to date",
    load: async () => (await import("./migrate.ts")).migrateCommand(),
  },
  {
    name: "monitoring",
    usage: "<what>",
    summary: "print a dashboard for Grafana, or alert rules for Prometheus",
    load: async () => (await import("./monitoring.ts")).monitoringCommand(),
  },
  {
    name: "storm",
    usage: "[options]",
    summary: "simulate what retries do to a service",
    load: async () => (await import("./storm/command.ts")).stormCommand(),
  },
  {
    name: "verify",
    usage: "[options] <url>",
    summary: "test any HTTP server for how it treats idempotency keys",
    load: async () => (await import("./verify/command.ts")).verifyCommand(),
  },
];
