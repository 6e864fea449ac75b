import type { MessageConfiguration } from "./configuration.ts";
import { fault, type MessageStep, type MessageWorld, nameOf, withItem, withMessage } from "./world.ts";

/** A broker that takes one more copy of a message, and what that breaks. */
export function accepted(
  world: MessageWorld,
  message: number,
  { keys }: MessageConfiguration,
): Pick<MessageStep, "next" | "breaks"> {
  const { commits, copies, passed, published } = world;
  const next: MessageWorld = {
    ...world,
    published: withMessage(published, message),
    copies: [...copies, { message, deliveries: 0 }],
  };
  const before = commits.slice(0, Math.max(0, commits.indexOf(message)));
  const isAhead = before.some(
    (other) =>
      keys[other] === keys[message] &&
      keys[other] !== undefined &&
      !published.includes(other) &&
      !passed.includes(other),
  );
  const breaks = !commits.includes(message)
    ? ("only-commits-are-published" as const)
    : isAhead
      ? ("commit-order" as const)
      : undefined;
  return { next, breaks };
}

/** What the broker may do by itself: give a message to a consumer, and once more while that one is at it. */
export function brokerSteps(world: MessageWorld, configuration: MessageConfiguration): MessageStep[] {
  const { copies, consumers, late } = world;
  const steps: MessageStep[] = [];
  const offered = new Set<string>();
  for (const [at, copy] of copies.entries()) {
    const { message, deliveries, by } = copy;
    if (by !== undefined) {
      const lost = { ...world, copies: withItem(copies, at, { message, deliveries }) };
      steps.push(...fault(world, `the broker cuts consumer ${by + 1} off, and has ${nameOf(message)} again`, lost));
      continue;
    }
    // Copies of one kind are one.
    if (offered.has(`${message} ${deliveries}`)) continue;
    offered.add(`${message} ${deliveries}`);
    for (const [index, { phase }] of consumers.entries()) {
      if (phase !== "idle") continue;
      steps.push(deliver(world, at, index, configuration));
    }
  }
  if (late?.kind === "publish") {
    const arrived = accepted({ ...world, late: undefined }, late.message, configuration);
    steps.push({ ...arrived, say: `the publish of ${nameOf(late.message)} arrives late` });
  }
  return steps;
}

function deliver(world: MessageWorld, at: number, by: number, { acknowledges }: MessageConfiguration): MessageStep {
  const { message, deliveries } = world.copies[at]!;
  const copy = { message, deliveries: deliveries + 1, by };
  const delivered: MessageWorld = {
    ...world,
    copies: withItem(world.copies, at, copy),
    consumers: withItem(world.consumers, by, { phase: "handling", message, tries: deliveries }),
  };
  const say = `${nameOf(message)} is delivered to consumer ${by + 1}`;
  if (acknowledges !== "on receipt") return { say, next: delivered };
  return { ...acknowledged(delivered, by), say: `${say}, which acknowledges it` };
}

/** An acknowledgement that arrives: the broker forgets the copy. */
export function acknowledged(world: MessageWorld, consumer: number): Pick<MessageStep, "next" | "breaks"> {
  const at = world.copies.findIndex(({ by }) => by === consumer);
  // It belongs to another by now.
  if (at < 0) return { next: world };
  const { message } = world.copies[at]!;
  const isSettled = world.effects[message]! > 0 || world.letters.includes(message);
  const next = { ...world, copies: world.copies.toSpliced(at, 1) };
  return { next, breaks: isSettled ? undefined : "acknowledged-is-settled" };
}

/** What a consumer had, when its connection or its process is gone. */
export function givenBack(world: MessageWorld, consumer: number): MessageWorld {
  const copies = world.copies.map(({ message, deliveries, by }) =>
    by === undefined || by === consumer ? { message, deliveries } : { message, deliveries, by },
  );
  return { ...world, copies };
}
