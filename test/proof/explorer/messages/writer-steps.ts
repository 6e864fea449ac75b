import { accepted } from "./broker-steps.ts";
import type { MessageConfiguration } from "./configuration.ts";
import { fault, type MessageStep, type MessageWorld, nameOf, type OutboxRow, withItem, type Writer } from "./world.ts";

/** The steps of a transaction that adds a message, and of the service that it belongs to. */
export function writerSteps(world: MessageWorld, message: number, configuration: MessageConfiguration): MessageStep[] {
  const writer = world.writers[message]!;
  const name = nameOf(message);
  switch (writer.phase) {
    case "absent": {
      const drawn: MessageWorld = { ...world, positions: world.positions + 1 };
      const position = drawn.positions;
      if (configuration.positions === "by add") return add(drawn, message, position, configuration);
      const begun = withWriter(drawn, message, { phase: "begun", position });
      return [{ say: `the transaction of ${name} begins`, next: begun }];
    }
    case "begun":
      return add(world, message, writer.position!, configuration);
    case "open": {
      const over = withWriter(world, message, { phase: "over" });
      const say = `the transaction of ${name} is rolled back, or its service dies`;
      return [commit(world, message, writer, configuration), { say, next: over }];
    }
    case "committed": {
      if (configuration.publishes !== "after the commit") return [];
      const over = withWriter(world, message, { phase: "over" });
      const published = { ...accepted(over, message, configuration), say: `the service publishes ${name}` };
      return [published, ...fault(world, `the service of ${name} dies`, over)];
    }
    default:
      return [];
  }
}

/** Adds a message to its transaction, which waits for others that added to the same ordering key. */
function add(
  world: MessageWorld,
  message: number,
  position: number,
  configuration: MessageConfiguration,
): MessageStep[] {
  const { keys, locksKeys, adds, announces, publishes } = configuration;
  const key = keys[message];
  const isLocked = world.writers.some(({ phase }, other) => phase === "open" && keys[other] === key);
  if (locksKeys && key !== undefined && isLocked) return [];
  const open: MessageWorld = {
    ...withWriter(world, message, { phase: "open", position }),
    hasNews: world.hasNews || announces === "at add",
  };
  const say = `the transaction of ${nameOf(message)} adds it`;
  if (publishes === "before the commit") {
    return [{ ...accepted(open, message, configuration), say: `${say}, and the service publishes it` }];
  }
  return [{ say, next: adds === "outside" ? withRow(open, message, configuration) : open }];
}

function commit(
  world: MessageWorld,
  message: number,
  writer: Writer,
  configuration: MessageConfiguration,
): MessageStep {
  const { adds, publishes } = configuration;
  const committed: MessageWorld = {
    ...withWriter(world, message, { ...writer, phase: "committed" }),
    commits: [...world.commits, message],
  };
  const isInOutbox = adds === "inside" && publishes === "by relay";
  return {
    say: `the transaction of ${nameOf(message)} COMMITS`,
    next: isInOutbox ? withRow(committed, message, configuration) : committed,
  };
}

function withWriter(world: MessageWorld, message: number, writer: Writer): MessageWorld {
  return { ...world, writers: withItem(world.writers, message, writer) };
}

function withRow(world: MessageWorld, message: number, { keys }: MessageConfiguration): MessageWorld {
  const row: OutboxRow = {
    position: world.writers[message]!.position!,
    message,
    key: keys[message] ?? null,
    passedKey: null,
    owner: null,
    isDue: true,
    refusals: 0,
    isParked: false,
  };
  return { ...world, rows: [...world.rows, row].sort((one, other) => one.position - other.position) };
}
