/** `npm run crash`: real processes that are killed, stopped and cut off. See docs/verification.md. */
import process from "node:process";
import type { HistoryFile } from "../../../packages/tools/src/judge/index.ts";
import { findBinary, type ServerBinary } from "../../support/servers/binary.ts";
import { command, exitCodes, printJson, progressLine, UsageError, wholeNumber } from "../../support/command.ts";
import { testedStore, testedStores } from "../../kits/stores/index.ts";
import { engineOf } from "./engine-of.ts";
import { gatewayText } from "./gateway/report.ts";
import { runGateway } from "./gateway/run-gateway.ts";
import { brokerNames } from "./messages/broker.ts";
import { brokerOf } from "./messages/brokers/index.ts";
import { guards as messageGuards } from "./messages/child.ts";
import { engineNames as messageEngineNames } from "./messages/engine.ts";
import { engineOf as messagesEngineOf } from "./messages/engines/index.ts";
import { messagesText } from "./messages/report.ts";
import { runMessages } from "./messages/run-messages.ts";
import { havePassed, repeatUntilHit, type RunResult, type Runs } from "./repeat-until-hit.ts";
import { resultText } from "./report.ts";
import { runCrash } from "./run-crash.ts";
import { guards } from "./scene.ts";

const scenarios = ["requests", "messages", "gateway"] as const;

/** How many runs have to hit every critical window together. */
const runsMax = 3;

/** Where the gateway's keys may be. */
const gatewayEngines = ["sqlite", "postgres", "redis"] as const;

const crashed = testedStores.flatMap(({ kit, crash }) => (crash === undefined ? [] : [{ name: kit.name, ...crash }]));
const engineNames = crashed.map(({ name }) => name);

const operationsHelp = crashed
  .map(({ name, operations }) => `                 ${name}: ${operations.join(", ")}`)
  .join("\n");

const help = `npm run crash -- [--scenario requests] [--seconds N] [--engine ${engineNames.join("|")}]
                 [--mode hold|transactional] [--seed N] [--without ${guards.join("|")}] [--json]
                 [--operations all|NAME,NAME] [--beside REVISION] [--trace FILE] [--history FILE]
npm run crash -- --scenario messages [--seconds N] [--messages N] [--engine ${messageEngineNames.join("|")}]
                 [--broker ${brokerNames.join("|")}] [--seed N] [--without ${messageGuards.join("|")}] [--trace FILE]
                 [--history FILE] [--json]
npm run crash -- --scenario gateway [--requests N] [--engine ${gatewayEngines.join("|")}] [--seed N]
                 [--history FILE] [--json]

requests: real callers with durable intents order from real API processes. messages: real writers add messages within
their own transactions, relays publish them to a broker, and consumers have effects of them. Meanwhile all of them, the
servers and the connections between them are killed, stopped and cut. Then all faults end, and what is left is
held against the invariants, by the rules of once-again judge and by what no history shows. It is up to the machine which critical windows a run hits: another one follows, with the next seed, and
a window that ${runsMax} runs miss fails.

gateway: two gateways on one store stand before a careless service, which has an effect for each request and dies at any
byte of its answers; the gateways are killed at any time. In the end a person settles what is held.

  --seconds N    how long faults are injected for, in each run; default 60. Each fault comes at least once, which takes
                 about 15 s, with messages 60; not so --without a guard
  --engine NAME  the database; default postgres
  --mode NAME    of requests; default one run for each mode of the engine
  --operations N of requests: what operators do to databases, machines and API processes meanwhile, all or some of
${operationsHelp}
  --beside REV   of requests: another version, as a revision of git, serves beside this one from the same store
  --trace FILE   adds what processes ask their stores for to a file of JSON lines, and fails unless the rules of spec/ explain each: of
                 a key, a transaction, or the outbox and the inbox; and a take-over, a repeat and a lost acknowledgement are among them
  --history FILE adds the history to a file, for once-again judge
  --broker NAME  of messages; default one run for each. sqs is the emulator fauxqs, and kafka the mock of librdkafka. They are
                 in memory, stand still and are not killed, have no bounded queue, and show nothing of several nodes
  --messages N   how many messages are to be committed under faults, however long that takes; default any number
  --requests N   of gateway: how many keyed operations are sent; default 10000
  --seed N       decides the faults; default any. What they meet is up to the machine
  --without NAME takes a guard out, to see the run fail. api-keys: the API takes every request for the first of its
                 key; same-key: callers make a new key for each attempt. inbox: effects without a record of their
                 message; same-transaction: messages are added in a transaction of their own; ordering-key: they are
                 added without it
  --json         one JSON document

Example: npm run crash -- --scenario messages --broker rabbitmq --seconds 60`;

const options = {
  scenario: { type: "string" },
  seconds: { type: "string" },
  engine: { type: "string" },
  mode: { type: "string" },
  broker: { type: "string" },
  messages: { type: "string" },
  requests: { type: "string" },
  operations: { type: "string" },
  beside: { type: "string" },
  seed: { type: "string" },
  trace: { type: "string" },
  history: { type: "string" },
  without: { type: "string" },
  json: { type: "boolean" },
} as const;

type Values = { readonly [Option in Exclude<keyof typeof options, "json">]?: string | undefined };

/** One thing to run, when it is its turn. */
interface Subject {
  readonly name: string;
  /** @param onProgress is called with how far the run is. */
  run(seed: number, onProgress: (text: string) => void): Promise<{ result: RunResult; text: string }>;
}

const subjects = { requests: requestSubjects, messages: messageSubjects, gateway: gatewaySubjects };

// Servers and processes end with us, also where we are ended.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(exitCodes.bad));

await command(help, options, async (values) => {
  const scenario = chosen("scenario", values.scenario ?? "requests", scenarios);
  const seconds = wholeNumber("seconds", values.seconds, 60);
  const seed = wholeNumber("seed", values.seed, 1 + Math.floor(Math.random() * 1e9));
  const chosenSubjects = await subjects[scenario](values, seconds);
  const progress = progressLine();
  const all: Runs<RunResult>[] = [];
  for (const { name, run } of chosenSubjects) {
    const runOnce = async (index: number): Promise<RunResult> => {
      const { result, text } = await run(seed + index, (so) => progress.say(`${name}: ${so}`));
      progress.clear();
      if (values.json !== true) process.stdout.write(`${text}\n`);
      return result;
    };
    const runs = await repeatUntilHit(runOnce, values.without === undefined ? runsMax : 1);
    all.push(runs);
    const verdict = runs.missed.map((window) => `NEVER HIT: ${window}. The runs have proven too little.\n`).join("");
    if (values.json !== true) process.stdout.write(verdict);
  }
  if (values.json) printJson(all.flatMap(({ results }) => results));
  return all.every(havePassed) ? exitCodes.fine : exitCodes.bad;
});

/** Where a run adds its history to. Several runs have the same keys. */
function fileOf({ history }: Values, name: string, seed: number): HistoryFile | undefined {
  return history === undefined ? undefined : { path: history, run: `${name} ${seed}` };
}

function faultsText(over: number, seconds: number): string {
  return `${Math.min(seconds, Math.floor(over))} of ${seconds} s of faults`;
}

async function requestSubjects(values: Values, seconds: number): Promise<Subject[]> {
  refuse(values, "broker", "messages", "requests");
  const engine = await engineOf(chosen("engine", values.engine ?? "postgres", engineNames));
  const modes = values.mode === undefined ? engine.modes : [chosen("mode", values.mode, engine.modes)];
  const without = values.without === undefined ? undefined : chosen("without", values.without, guards);
  const operations = chosenOperations(engine.name, values.operations);
  refuseMissing(engine.server?.binary);
  const { trace } = values;
  if (trace !== undefined && values.beside !== undefined)
    throw new UsageError("--trace needs all API processes to be of this version.");
  return modes.map((mode) => ({
    name: `${engine.name}, ${mode}`,
    async run(seed, onProgress) {
      const result = await runCrash(
        {
          engine,
          mode,
          without,
          operations,
          beside: values.beside,
          trace,
          history: fileOf(values, mode, seed),
          seconds,
          seed,
        },
        (over) => onProgress(faultsText(over, seconds)),
      );
      return { result, text: resultText(result) };
    },
  }));
}

async function messageSubjects(values: Values, seconds: number): Promise<Subject[]> {
  refuse(values, "mode", "requests", "operations", "beside");
  const engine = await messagesEngineOf(chosen("engine", values.engine ?? "postgres", messageEngineNames));
  const names = values.broker === undefined ? brokerNames : [chosen("broker", values.broker, brokerNames)];
  const brokers = await Promise.all(names.map(brokerOf));
  const without = values.without === undefined ? undefined : chosen("without", values.without, messageGuards);
  const messages = wholeNumber("messages", values.messages, 0);
  const { trace } = values;
  for (const binary of [engine.server?.binary, ...brokers.map((broker) => broker.binary)]) refuseMissing(binary);
  return brokers.map((broker) => ({
    name: `${engine.name}, ${broker.name}`,
    async run(seed, onProgress) {
      const result = await runMessages(
        { engine, broker, messages, without, trace, history: fileOf(values, broker.name, seed), seconds, seed },
        (over, committed) => onProgress(`${faultsText(over, seconds)}, ${committed.toLocaleString("en")} messages`),
      );
      return { result, text: messagesText(result) };
    },
  }));
}

async function gatewaySubjects(values: Values): Promise<Subject[]> {
  refuse(values, "mode", "broker", "messages", "without", "seconds", "operations", "beside", "trace");
  const engine = await engineOf(chosen("engine", values.engine ?? "sqlite", gatewayEngines));
  const requests = wholeNumber("requests", values.requests, 10_000);
  refuseMissing(engine.server?.binary);
  return [
    {
      name: `gateway, ${engine.name}`,
      async run(seed, onProgress) {
        const result = await runGateway(
          { engine, seed, requests, history: fileOf(values, engine.name, seed) },
          (sent) => onProgress(`${sent.toLocaleString("en")} of ${requests.toLocaleString("en")} operations`),
        );
        return { result, text: gatewayText(result) };
      },
    },
  ];
}

/** The one of that name. @throws UsageError when no such name exists. */
function chosen<Name extends string>(option: string, name: string, from: readonly Name[]): Name {
  const found = from.find((one) => one === name);
  if (found !== undefined) return found;
  throw new UsageError(`--${option} must be one of ${from.join(", ")}, but it is ${name}.`);
}

/** The faults of operators of an engine that have these names. @throws UsageError for another name. */
function chosenOperations(engine: string, names = ""): readonly string[] {
  const known: readonly string[] = testedStore(engine).crash!.operations;
  if (names === "all") return known;
  const given = names.split(",").filter((name) => name !== "");
  const unknown = given.find((name) => !known.includes(name));
  if (unknown === undefined) return given;
  throw new UsageError(`--operations of ${engine} are ${known.join(", ")}, but one is ${unknown}.`);
}

/** @throws UsageError for options of another scenario. */
function refuse(values: Values, ...names: (keyof Values)[]): void {
  const given = names.find((name) => values[name] !== undefined);
  if (given !== undefined) throw new UsageError(`--${given} is of another scenario.`);
}

/** @throws UsageError when the machine has no such server. */
function refuseMissing(binary: ServerBinary | undefined): void {
  if (binary === undefined || findBinary(binary) !== undefined) return;
  throw new UsageError(`There is no ${binary.name} on this machine: ${binary.install}`);
}
