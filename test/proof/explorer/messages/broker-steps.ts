import type { MessageConfiguration } from "./configuration.ts";
import { type Copy, fault, type MessageStep, type MessageWorld, nameOf, withItem, withMessage } from "./world.ts";

/** A broker that takes one more copy of a message, and what that breaks. */
export function accepted(
  world: MessageWorld,
  message: number,
  { keys, knowsRepeats }: MessageConfiguration,
): Pick<MessageStep, "next" | "breaks"> {
  const { commits, copies, log, passed, published } = world;
  const next: MessageWorld =
    knowsRepeats && published.includes(message)
      ? world
      : {
          ...world,
          published: withMessage(published, message),
          log: [...log, message],
          copies: [...copies, { message, number: log.length, deliveries: 0 }],
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

/** The steps of the broker: give a message to a consumer, once more while that one is at it, and all from one on. */
export function brokerSteps(world: MessageWorld, configuration: MessageConfiguration): MessageStep[] {
  const { copies, consumers, late } = world;
  const steps: MessageStep[] = [];
  const offered = new Set<string>();
  for (const [at, copy] of copies.entries()) {
    const { by, ...free } = copy;
    const { message } = copy;
    if (by !== undefined) {
      const lost = { ...world, copies: withItem(copies, at, free) };
      steps.push(...fault(world, `the broker cuts consumer ${by + 1} off, and has ${nameOf(message)} again`, lost));
      continue;
    }
    if (!mayBeHandedOver(world, copy, configuration)) continue;
    // Copies of one kind are one.
    const kind = kindOf(free, configuration);
    if (offered.has(kind)) continue;
    offered.add(kind);
    for (const [index, { phase }] of consumers.entries()) {
      if (phase !== "idle") continue;
      steps.push(deliver(world, at, index, configuration));
    }
  }
  if (late?.kind === "publish") {
    const arrived = accepted({ ...world, late: undefined }, late.message, configuration);
    steps.push({ ...arrived, say: `the publish of ${nameOf(late.message)} arrives late` });
  }
  if (configuration.rewinds) steps.push(...rewindSteps(world));
  return steps;
}

/** A text that distinguishes the copies that no consumer has. */
export function kindOf({ message, number, deliveries }: Copy, { repeats }: MessageConfiguration): string {
  return repeats === "by record" ? `${message} ${deliveries}` : `${message} ${deliveries} ${number}`;
}

/** Whether all that comes before a copy is as far as it has to be. */
function mayBeHandedOver(
  { copies, consumers }: MessageWorld,
  copy: Copy,
  { handsOver }: MessageConfiguration,
): boolean {
  if (handsOver === "at once") return true;
  const before = copies.filter(({ number }) => number < copy.number);
  if (handsOver === "when acknowledged") return before.length === 0;
  return before.every(({ by }) => by !== undefined && consumers[by]!.phase === "decided");
}

/** The source begins again where it was before, as when it has lost how far its consumers came. */
function rewindSteps(world: MessageWorld): MessageStep[] {
  const { copies, log } = world;
  return log.flatMap((message, from): MessageStep[] => {
    if (copies.some(({ number }) => number === from)) return [];
    const again = log.flatMap((other, number): Copy[] =>
      number < from || copies.some((copy) => copy.number === number) ? [] : [{ message: other, number, deliveries: 0 }],
    );
    return fault(world, `the source begins again with ${nameOf(message)}`, { copies: [...copies, ...again] });
  });
}

function deliver(world: MessageWorld, at: number, by: number, { acknowledges }: MessageConfiguration): MessageStep {
  const { message, number, deliveries } = world.copies[at]!;
  const copy = { message, number, deliveries: deliveries + 1, by };
  const delivered: MessageWorld = {
    ...world,
    copies: withItem(world.copies, at, copy),
    consumers: withItem(world.consumers, by, {
      phase: "handling",
      message,
      number,
      tries: 0,
      deliveries: deliveries + 1,
    }),
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

/** Gives back the messages of a consumer, when its connection or its process is gone. */
export function givenBack(world: MessageWorld, consumer: number): MessageWorld {
  const copies = world.copies.map((copy): Copy => {
    const { by, ...free } = copy;
    return by === consumer ? free : copy;
  });
  return { ...world, copies };
}
