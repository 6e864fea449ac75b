import type { ScenarioName } from "./scenarios.ts";
import type { SeedResult } from "./run-seed.ts";
import { missedWindows, type Totals } from "./totals.ts";

/** The subjects of each scenario's effects. */
const subjects: Readonly<Record<ScenarioName, string>> = {
  requests: "orders",
  messages: "committed messages",
  keys: "orders",
};

const figure = (value: number): string => Math.round(value).toLocaleString("en");
const table = (rows: Readonly<Record<string, number>>): string[] =>
  Object.entries(rows).map(([name, value]) => `  ${figure(value).padStart(12)}  ${name}`);

/** The result of many seeds, for people. */
export function totalsText(scenario: ScenarioName, totals: Totals, seconds: number): string {
  const { seeds, portCalls, operations, effects, virtualMs, failures } = totals;
  const missed = missedWindows(totals);
  return [
    `${figure(seeds)} seeds in ${seconds.toFixed(1)} s: ${figure(portCalls)} port calls (${figure(portCalls / seconds)}/s), ` +
      `${figure(operations)} ${subjects[scenario]}, ${figure(effects)} effects, ${figure(virtualMs / 3_600_000)} h of virtual time`,
    "",
    "Seeds per mode:",
    ...table(totals.modes),
    "Faults injected:",
    ...table(totals.faults),
    "Critical windows hit:",
    ...table(totals.windows),
    "",
    ...failures.flatMap(({ seed, mode, breaches }) =>
      breaches.map(
        ({ what }) =>
          `BROKEN in seed ${seed} (${mode}): ${what} Play it: npm run simulate -- --scenario ${scenario} --seed ${seed}`,
      ),
    ),
    ...missed.map((name) => `NEVER HIT: ${name}. The run has proven too little.`),
    failures.length + missed.length === 0 ? "Every invariant held in every seed." : "",
  ].join("\n");
}

/** One seed for people: what broke, and what happened to the order that it is about. */
export function seedText({ seed, mode, portCalls, effects, hash, breaches, lines }: SeedResult): string {
  const head = `seed ${seed}, ${mode}: ${figure(portCalls)} port calls, ${figure(effects)} effects\ntrace ${hash}`;
  const stories = breaches.map(({ invariant, what, about }) => {
    const story = lines.filter((line) => mentions(line, about) || !/ acme | o\d+\b/.test(line));
    return [`BROKEN, ${invariant}: ${what}`, ...story.map((line) => `  ${line}`)].join("\n");
  });
  return [head, ...stories, breaches.length === 0 ? "Every invariant held." : ""].join("\n");
}

/** Whether a line is about something of this name, and not about a longer name that begins with it. */
function mentions(line: string, about: string): boolean {
  return line.split(/[ :,."]/).includes(about);
}
