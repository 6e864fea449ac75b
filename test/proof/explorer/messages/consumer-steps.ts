import { OnceAgainError } from "../../../../packages/once-again/src/core/errors.ts";
import { outcomeOfClaim } from "../../../../packages/once-again/src/engine/request-end.ts";
import { rejectedError } from "../../../../packages/once-again/src/messaging/inbox/index.ts";
import {
  type Handled,
  handledFailure,
  handledMark,
  handledOutcome,
  handledTooOften,
  isWorn,
  verdictAfterTries,
} from "../../../../packages/once-again/src/messaging/inbox/inbox-decisions.ts";
import { inspectRecord, transition } from "../../../../packages/once-again/src/stores/transition.ts";
import { acknowledged, givenBack } from "./broker-steps.ts";
import type { MessageConfiguration } from "./configuration.ts";
import {
  type Consumer,
  fault,
  type MessageStep,
  type MessageWorld,
  nameOf,
  newOwner,
  withItem,
  withMessage,
} from "./world.ts";

/** The time is 0. A lease that is alive ends later, and one that is over has ended. */
const [now, later] = [0, 1];
const retentionMs = 1000;
const fingerprint = "f";
const result = new Uint8Array();

/** The next steps of one process of the consumer, and the faults of it and of its calls. */
export function consumerSteps(world: MessageWorld, index: number, configuration: MessageConfiguration): MessageStep[] {
  const { phase } = world.consumers[index]!;
  if (phase === "idle") return [];
  const died = fault(
    world,
    `consumer ${index + 1} dies`,
    withConsumer(withDeadNote(givenBack(world, index), index), index, { phase: "idle" }),
  );
  return [...ownSteps(world, index, configuration), ...died];
}

function ownSteps(world: MessageWorld, index: number, configuration: MessageConfiguration): MessageStep[] {
  switch (world.consumers[index]!.phase) {
    case "handling":
      return begins(world, index, configuration);
    case "working":
      return works(world, index, configuration);
    case "committing":
      return configuration.inbox.transactional
        ? commits(world, index, configuration)
        : completes(world, index, configuration);
    case "decided":
      return settles(world, index);
    default:
      return [];
  }
}

/** Asks for the record, and for the mark. While another has one of them, nothing happens: it is asked for again. */
function begins(world: MessageWorld, index: number, configuration: MessageConfiguration): MessageStep[] {
  const { inbox, marks, repeats } = configuration;
  const { message, number, deliveries } = mine(world, index);
  const record = world.records[message];
  const who = `consumer ${index + 1}`;
  const isAlone = isWorn({ deliveries }, inbox);
  const note = isAlone ? world.notes[message] : undefined;
  // Another process tries it alone.
  if (typeof note === "number" && note !== index) return [];
  if (note === "dead" && repeats === "by record") {
    const found = record && inspectRecord({ scope: "c", key: "m" }, record, now);
    const forgotten = withNote(world, message, undefined);
    return decides(forgotten, index, handledTooOften(found, { fingerprint }, inbox), `${who} looks for the record`);
  }
  const isLocked = world.consumers.some(
    (other, at) =>
      at !== index &&
      (other.message === message || repeats !== "by record") &&
      (other.phase === "working" || other.phase === "committing"),
  );
  if (inbox.transactional && isLocked) return [];
  const owner = newOwner(world);
  const claim = { kind: "claim", scope: "c", key: "m", owner, fingerprint, leaseMs: later, retentionMs } as const;
  const takeOverAfterMs = configuration.runsAgain ? 0 : undefined;
  const claimed = transition(record, { ...claim, takeOverAfterMs }, now);
  if (repeats !== "by mark" && claimed.answer.kind !== "acquired") {
    const { kind } = claimed.answer;
    return decides(
      world,
      index,
      handledOutcome(outcomeOfClaim(claimed.answer), inbox),
      `${who} finds the record: ${kind}`,
    );
  }
  const { answer, mark } = marks.move(world.mark, number);
  const position = { scope: "c", key: "p", position: number };
  const behind = repeats === "by record" ? undefined : handledMark(answer, position, inbox);
  // The broker of the model never begins its numbers anew, and says no end.
  if (behind !== undefined && "fault" in behind) throw behind.fault;
  if (behind !== undefined)
    return decides(world, index, behind, `${who} finds the mark at ${nameOf(message)} or above`);
  if (note === "dead") {
    const forgotten = withNote(world, message, undefined);
    return decides(forgotten, index, handledTooOften(undefined, { fingerprint }, inbox), `${who} finds no effect`);
  }
  const marked = configuration.movesMark === "before the transaction" ? { ...world, mark } : world;
  const noted = isAlone ? withNote(marked, message, index) : marked;
  const working = withConsumer(noted, index, { ...world.consumers[index]!, phase: "working", owner });
  const say = `${who} begins its work for ${nameOf(message)}`;
  // A transaction shows its record when it commits.
  return [{ say, next: inbox.transactional ? working : withRecord(working, message, claimed.record) }];
}

function works(world: MessageWorld, index: number, configuration: MessageConfiguration): MessageStep[] {
  const { inbox, acknowledges, work } = configuration;
  const consumer = mine(world, index);
  const who = `the work of consumer ${index + 1}`;
  const committing = withConsumer(world, index, { ...consumer, phase: "committing" });
  if (work === "rejects")
    return failed(world, index, rejectedError("We sell no tea."), `${who} rejects its message`, configuration);
  const failure = new Error("the item is gone");
  if (work === "fails") return failed(world, index, failure, `${who} fails`, configuration);
  const fails = failed(world, index, failure, `${who} fails`, configuration).flatMap(({ say, next }) =>
    fault(world, say, next),
  );
  if (!inbox.transactional) {
    return [{ say: `${who} has its EFFECT`, next: withEffect(committing, consumer.message) }, ...fails];
  }
  if (acknowledges === "after the work") {
    return [{ ...acknowledged(committing, index), say: `${who} is done, and its message acknowledged` }, ...fails];
  }
  return [{ say: `${who} writes its effect`, next: committing }, ...fails];
}

/** Work that failed is rolled back, or held; it is tried again, or was tried too often. */
function failed(
  world: MessageWorld,
  index: number,
  error: Error,
  say: string,
  { inbox }: MessageConfiguration,
): MessageStep[] {
  const { owner, ...consumer } = mine(world, index);
  const isHeld = !inbox.transactional && !OnceAgainError.isInstance(error);
  const handled = handledFailure({ error, hadNoEffect: !isHeld }, inbox);
  const record = world.records[consumer.message];
  const release = { kind: "release", scope: "c", key: "m", owner } as const;
  const abandon = { ...release, kind: "renew", leaseMs: 0 } as const;
  const left = inbox.transactional
    ? world
    : withRecord(world, consumer.message, transition(record, isHeld ? abandon : release, now).record);
  if ("verdict" in handled) return decides(left, index, handled, say);
  const tries = consumer.tries + 1;
  const verdict = verdictAfterTries(tries, handled, inbox);
  const phase = verdict === undefined ? "handling" : "decided";
  return [{ say, next: withConsumer(left, index, { ...consumer, phase, tries, ...(verdict && { verdict }) }) }];
}

/** A commit keeps record, mark and effect, or none of them, and its answer may be lost. */
function commits(world: MessageWorld, index: number, { inbox, marks, repeats }: MessageConfiguration): MessageStep[] {
  const { message, number, owner, tries, deliveries } = mine(world, index);
  const who = `the transaction of consumer ${index + 1}`;
  const claim = { kind: "claim", scope: "c", key: "m", owner, fingerprint, leaseMs: 0, retentionMs } as const;
  const claimed = transition(world.records[message], claim, now);
  const completion = { kind: "complete", scope: "c", key: "m", owner, result, retentionMs } as const;
  const { record } = transition(claimed.record, completion, now);
  const effective = withEffect(world, message);
  const recorded = repeats === "by mark" ? effective : withRecord(effective, message, record);
  const committed = repeats === "by record" ? recorded : { ...recorded, mark: marks.move(world.mark, number).mark };
  const again: Consumer = { phase: "handling", message, number, tries, deliveries };
  return [
    ...decides(committed, index, handledOutcome({ kind: "executed" }, inbox), `${who} COMMITS`),
    ...fault(world, `${who} COMMITS, and the confirmation is lost`, withConsumer(committed, index, again)),
    ...fault(world, `${who} fails to commit`, withConsumer(world, index, again)),
  ];
}

/** The same of a lease: the effect has happened, and only its record is missing. */
function completes(world: MessageWorld, index: number, { inbox }: MessageConfiguration): MessageStep[] {
  const { message, number, owner, tries, deliveries } = mine(world, index);
  const who = `consumer ${index + 1}`;
  const completion = { kind: "complete", scope: "c", key: "m", owner, result, retentionMs } as const;
  const completed = transition(world.records[message], completion, now);
  const stored = withRecord(world, message, completed.record);
  const again: Consumer = { phase: "handling", message, number, tries, deliveries };
  // A consumer that has lost its record answers by the record.
  const answered = completed.answer
    ? decides(stored, index, handledOutcome({ kind: "executed" }, inbox), `${who} stores that it is done`)
    : [{ say: `${who} has lost its record`, next: withConsumer(world, index, again) }];
  return [
    ...answered,
    ...fault(world, `${who} stores that it is done, and the confirmation is lost`, withConsumer(stored, index, again)),
    ...fault(world, `${who} can't keep that it is done`, withConsumer(world, index, again)),
  ];
}

function decides(world: MessageWorld, index: number, handled: Handled, say: string): MessageStep[] {
  // It is asked for again.
  if (!("verdict" in handled)) return [];
  const { message, number, tries, deliveries } = mine(world, index);
  const { verdict } = handled;
  return [
    {
      say: `${say}: ${verdict.action}`,
      next: withConsumer(world, index, { phase: "decided", message, number, tries, deliveries, verdict }),
    },
  ];
}

/** The consumer's steps after a verdict: a dead letter is written, and then acknowledged as any other message. */
function settles(world: MessageWorld, index: number): MessageStep[] {
  const { message, verdict } = mine(world, index);
  const who = `consumer ${index + 1}`;
  if (verdict?.action === "dead-letter" && !world.letters.includes(message)) {
    const letters = withMessage(world.letters, message);
    return [
      { say: `${who} writes a dead letter of ${nameOf(message)} (${verdict.reason})`, next: { ...world, letters } },
    ];
  }
  const arrived = acknowledged(world, index);
  const idle: Consumer = { phase: "idle" };
  return [
    { ...arrived, say: `${who} acknowledges ${nameOf(message)}`, next: withConsumer(arrived.next, index, idle) },
    ...fault(
      world,
      `the acknowledgement of consumer ${index + 1} is lost`,
      withConsumer(givenBack(world, index), index, idle),
    ),
  ];
}

/**
 * The steps of records, whatever the consumers do: leases end, and where the configuration says so, records are forgotten.
 */
export function recordSteps(world: MessageWorld, { forgets }: MessageConfiguration): MessageStep[] {
  return world.records.flatMap((record, message): MessageStep[] => {
    if (record?.state === "done") {
      const say = `the record of ${nameOf(message)} is forgotten`;
      return forgets ? [{ say, next: withRecord(world, message, undefined) }] : [];
    }
    if (record === undefined || record.leaseUntil <= now) return [];
    const next = withRecord(world, message, { ...record, leaseUntil: now });
    const holder = world.consumers.findIndex(({ owner }) => owner === record.owner);
    if (holder < 0) return [{ say: `the lease on ${nameOf(message)} is over`, next }];
    return fault(world, `consumer ${holder + 1} stands still until its lease is over`, next);
  });
}

/** A consumer that has a message. */
function mine(
  { consumers }: MessageWorld,
  index: number,
): Required<Pick<Consumer, "message" | "number" | "tries" | "deliveries" | "owner">> & Consumer {
  const { message = 0, number = 0, tries = 0, deliveries = 1, owner = "" } = consumers[index]!;
  return { ...consumers[index]!, message, number, tries, deliveries, owner };
}

/** A try that has ended leaves no note. */
function withConsumer(world: MessageWorld, index: number, consumer: Consumer): MessageWorld {
  const isTrying = consumer.phase === "working" || consumer.phase === "committing";
  const notes = isTrying ? world.notes : world.notes.map((note) => (note === index ? undefined : note));
  return { ...world, notes, consumers: withItem(world.consumers, index, consumer) };
}

function withNote(world: MessageWorld, message: number, note: MessageWorld["notes"][number]): MessageWorld {
  return { ...world, notes: withItem(world.notes, message, note) };
}

function withDeadNote(world: MessageWorld, index: number): MessageWorld {
  return { ...world, notes: world.notes.map((note) => (note === index ? "dead" : note)) };
}

function withRecord(world: MessageWorld, message: number, record: MessageWorld["records"][number]): MessageWorld {
  return { ...world, records: withItem(world.records, message, record) };
}

function withEffect(world: MessageWorld, message: number): MessageWorld {
  return { ...world, effects: withItem(world.effects, message, world.effects[message]! + 1) };
}
