import { Command, Option } from "commander";
import { variationNames } from "../../simulator/index.ts";
import { wholeNumber } from "once-again/internal/command";
import { numberBetween, parseDuration, parseHedgeDelay, parseOutages, parseRetryAfter } from "./flags.ts";
import { runStorm } from "./run.ts";

const presetNames = ["thundering-herd", "retry-storm", "layered-retries", "contention", "budgets"];
const jitters = ["full", "equal", "bounded", "none"];
const backoffs = ["exponential", "linear", "fibonacci", "constant", "decorrelated"];
const budgets = ["success", "none", "grpc", "aws", "finagle"];
const parseList = (text: string): readonly string[] => text.split(",").map((name) => name.trim());

/** `once-again storm`: simulates what retries do to a service. */
export function stormCommand(): Command {
  const command = new Command("storm")
    .description(
      "Simulates callers, network, services and outages, with the backoff, jitter, budgets and layers of once-again " +
        "itself. The same seed gives the same result. Durations are like 250ms, 10s or 5m.",
    )
    .addOption(
      new Option("--preset <name>", "a storm to start from, or a published table; budgets takes minutes").choices(
        presetNames,
      ),
    )
    .option(
      "--compare <names>",
      `the same storm by several policies: ${variationNames.join(", ")}; joined by +`,
      parseList,
    );
  for (const addOptions of [addCallerOptions, addPolicyOptions, addServiceOptions, addOtherOptions])
    addOptions(command);
  return command
    .addHelpText(
      "after",
      `
Example:
  $ once-again storm --rate 250 --capacity 300 --outage 30s-40s:hold --compare no-budget,success-budget

Exit codes: 0 fine, 1 the service does not come back (of one storm that is not a preset), or a table does not hold,
2 wrong usage, 130 interrupted.`,
    )
    .action(runStorm);
}

function addCallerOptions(command: Command): void {
  command
    .optionsGroup("Callers:")
    .option("--callers <number>", "callers who make one call each (default: 1000)", wholeNumber(1, 1_000_000))
    .option("--within <time>", "in what time they begin (default: all at once)", parseDuration)
    .addOption(
      new Option("--rate <number>", "calls per second that come at random, instead")
        .argParser(numberBetween(0.001, 1_000_000))
        .conflicts(["callers", "within", "think"]),
    )
    .option("--think <time>", "how long a caller thinks between its calls; they call until the end", parseDuration)
    .option("--processes <number>", "in how many processes they live: each has its own budget", wholeNumber(1, 10_000));
}

function addPolicyOptions(command: Command): void {
  command
    .optionsGroup("Policy:")
    .option("--attempts <number>", "the most attempts of a call (default: 5)", wholeNumber(1, 1000))
    .option("--timeout <time>", "of an attempt (default: 1s)", parseDuration)
    .option("--deadline <time>", "of a call", parseDuration)
    .addOption(new Option("--backoff <kind>", "the law of its growth (default: exponential)").choices(backoffs))
    .option("--base <time>", "the delay before the first retry (default: 1s)", parseDuration)
    .option("--cap <time>", "no delay grows over this (default: 30s)", parseDuration)
    .addOption(new Option("--jitter <kind>", "how delays are spread (default: equal)").choices(jitters))
    .addOption(new Option("--budget <kind>", "what retries are paid from (default: success)").choices(budgets))
    .option("--breaker", "with a circuit breaker")
    .option("--throttle", "with an adaptive throttle")
    .option("--limit <number>", "with at most so many attempts at a time", wholeNumber(1, 1_000_000))
    .option("--hedge <time>", "send slow attempts again after this, or p95", parseHedgeDelay);
}

function addServiceOptions(command: Command): void {
  command
    .optionsGroup("Service:")
    .option("--capacity <number>", "requests per second that it can serve (default: 100)", numberBetween(0.001, 1e9))
    .option("--workers <number>", "how many it serves at a time (default: 1)", wholeNumber(1, 10_000))
    .option("--queue <number>", "the most that wait; more get a 503", wholeNumber(0, 10_000_000))
    .option("--queue-timeout <time>", "who waited for longer gets a 503", parseDuration)
    .option("--retry-after <time>", "what those 503s say: 1s, or 1s:spread as once-again does", parseRetryAfter)
    .option("--errors <share>", "share that is answered with a 500", numberBetween(0, 1))
    .option("--layers <number>", "services in a row, each of which tries again", wholeNumber(1, 10))
    .option(
      "--outage <times>",
      "when it is down: 60s-70s, 60s-70s:hold or 60s-70s:shed; more with commas",
      parseOutages,
    );
}

function addOtherOptions(command: Command): void {
  command
    .optionsGroup("Network and time:")
    .option("--delay <time>", "of a message (default: 5ms)", parseDuration)
    .option("--spread <time>", "its standard deviation (default: 1ms)", parseDuration)
    .option("--loss <share>", "share of the messages that are lost", numberBetween(0, 1))
    .option("--duration <time>", "how long is simulated at the most (default: 2m)", parseDuration)
    .option("--step <time>", "how fine the load is counted (default: 1s)", parseDuration)
    .option(
      "--seed <number>",
      "the same seed gives the same result (default: 1)",
      wholeNumber(0, Number.MAX_SAFE_INTEGER),
    )
    .option(
      "--trials <number>",
      "how many seeds say how often a storm collapses; of a table, runs of each cell (default: contention 100, budgets 20)",
      wholeNumber(1, 10_000),
    )
    .optionsGroup("Output:")
    .option("--svg <file>", "draw the load and the herd")
    .option("--html <file>", "write a report that needs nothing else")
    .option("--json", "print one JSON document");
}
