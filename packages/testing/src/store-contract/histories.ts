import { seededRandom } from "once-again";
import { recordOperations } from "once-again/internal";
import {
  inspectRecord,
  isExpired,
  type KeyRecord,
  type Operation,
  type RecordName,
  type Store,
  transition,
} from "once-again/stores";
import type { StoreRuleContext, StoreRule } from "./contract-case.ts";
import { briefTimes, randomSteps, type Step, type StepTimes } from "./random-steps.ts";
import { longMs, named, retentionMs } from "./requests.ts";
import { expectSame, expectThat } from "./rule.ts";

const historyCount = 60;
const stepsMax = 25;

/** Where time can't be moved, nothing that lasts may end on the way. */
const lastingTimes: StepTimes = {
  leaseMs: [0, longMs],
  retentionMs: [retentionMs, 2 * retentionMs],
  heldRetentionMs: [undefined, retentionMs],
  takeOverAfterMs: [undefined, 0, longMs],
  waitMs: [],
};

/** The properties on which no two clocks agree. */
const timeNames: ReadonlySet<string> = new Set([
  "leaseMsLeft",
  "leaseOverMs",
  "fence",
  "leaseUntil",
  "createdAt",
  "expiresAt",
  "settledAt",
]);

/** A store may remember a fence past its record, and give a higher one than the model, which starts at the time. */
const fenceNames: ReadonlySet<string> = new Set(["fence"]);

/** That a store is what the pure function `transition` says. */
export const historyRules: readonly StoreRule[] = [
  {
    name: "a store does what `transition` says, step by step, in any history",
    async try(context) {
      const random = seededRandom(context.seed);
      for (let history = 0; history < historyCount; history += 1) {
        const names = ["k", "l"].map((key) => named(key, `history ${history}`));
        const steps = randomSteps(random, names, stepsMax, context.clock === undefined ? lastingTimes : briefTimes);
        await expectAsModel(context, names, steps);
      }
    },
  },
];

/** Takes the steps on the store and on the model, and compares each answer and all records after it. */
async function expectAsModel(
  context: StoreRuleContext,
  names: readonly RecordName[],
  steps: readonly Step[],
): Promise<void> {
  const { store, clock, seed } = context;
  const model = modelStore(() => clock?.now() ?? Date.now());
  const hidden = clock === undefined ? timeNames : fenceNames;
  const expectAlike = (actual: unknown, expected: unknown, rule: string): void => {
    expectSame(without(actual, hidden), without(expected, hidden), rule);
    if (clock === undefined) return;
    const [came, wanted] = [fencesOf(actual), fencesOf(expected)];
    expectThat(!came.some((fence, index) => fence < (wanted[index] ?? 0)), `Fences are no lower. ${rule}`, came);
  };
  for (const [index, step] of steps.entries()) {
    const rule = (what: string): string =>
      `${what} as \`transition\` says (seed ${JSON.stringify(seed)}), in this history:\n${describeSteps(steps.slice(0, index + 1))}\n`;
    if (step.kind === "wait") await context.pass(step.ms);
    else expectAlike(await ask(store, step), await ask(model, step), rule("The last step is answered"));
    const records = await store.list({ scope: names[0]?.scope ?? "" });
    expectAlike(records, model.list(names), rule("The records are"));
  }
}

function ask(store: Pick<Store, Operation["kind"]>, step: Operation): Promise<unknown> {
  const { kind, ...request } = step;
  return (store[kind] as (request: unknown) => Promise<unknown>)(request);
}

/** A store that is nothing but `transition` and a map. */
function modelStore(now: () => number) {
  const records = new Map<string, KeyRecord>();
  return {
    ...recordOperations(async (operation) => {
      const { record, answer } = transition(records.get(operation.key), operation, now());
      if (record === undefined) records.delete(operation.key);
      else records.set(operation.key, record);
      return answer;
    }),
    list: (names: readonly RecordName[]) =>
      names.flatMap((name) => {
        const record = records.get(name.key);
        return record === undefined || isExpired(record, now()) ? [] : [inspectRecord(name, record, now())];
      }),
  };
}

/** A value without the properties of these names. */
function without(value: unknown, names: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((element) => without(element, names));
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  const left = Object.entries(value).filter(([name]) => !names.has(name));
  return Object.fromEntries(left.map(([name, property]) => [name, without(property, names)]));
}

/** All fences in a value, in the order of the value. */
function fencesOf(value: unknown): number[] {
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return [];
  return Object.entries(value).flatMap(([name, property]) =>
    name === "fence" && typeof property === "number" ? [property] : fencesOf(property),
  );
}

/** A history as it can be read, and typed in again. */
function describeSteps(steps: readonly Step[]): string {
  const readable = (_name: string, value: unknown): unknown => (value instanceof Uint8Array ? [...value] : value);
  return steps.map((step) => `    ${JSON.stringify(step, readable)}`).join("\n");
}
