import { kindOf } from "./broker-steps.ts";
import type { MessageConfiguration } from "./configuration.ts";
import type { MessageWorld } from "./world.ts";

/**
 * A text that is equal for two worlds if their differences can't matter: relays and consumers count by what they do and not
 * by their number, owners by who has them, copies by what they are.
 */
export function identity(world: MessageWorld, configuration: MessageConfiguration): string {
  const { reads, announces, repeats } = configuration;
  const isNumbered = repeats !== "by record";
  const { writers, commits, rows, relays, late, published, passed, letters, effects, faultsLeft } = world;
  const claims = relays.map((claim) => JSON.stringify(claim ?? null)).sort();
  const consumers = world.consumers
    .map((consumer, index) => {
      const copy = world.copies.find(({ by }) => by === index);
      const { phase, message, tries, owner, verdict } = consumer;
      const numbers = isNumbered ? [consumer.number, copy?.number] : [];
      const end = verdict?.action === "dead-letter" ? verdict.reason : verdict?.action;
      const isAlone = message !== undefined && world.notes[message] === index;
      const facts = [phase, message, tries, consumer.deliveries, isAlone, owner, end];
      return JSON.stringify([...facts, copy?.message, copy?.deliveries, ...numbers]);
    })
    .sort();
  const copies = world.copies
    .filter(({ by }) => by === undefined)
    .map((copy) => kindOf(copy, configuration))
    .sort();
  const records = world.records.map(
    (record) => record && [record.state, record.owner, record.leaseUntil, record.attempt > 1],
  );
  const cursor = reads === "after the cursor" ? world.cursor : 0;
  const news = announces === "at add" && world.hasNews;
  const all = [
    writers,
    commits,
    rows,
    claims,
    late,
    published,
    passed,
    letters,
    effects,
    faultsLeft,
    consumers,
    copies,
    records,
    world.notes.map((note) => note === "dead"),
    cursor,
    news,
    ...(isNumbered ? [world.log, world.mark] : []),
  ];
  return namedInOrder(JSON.stringify(all));
}

/** Owners by new names, in the order in which they are met. */
function namedInOrder(text: string): string {
  const names = new Map<string, string>();
  return text.replaceAll(/\bo\d+\b/g, (owner) => {
    const name = names.get(owner) ?? `w${names.size}`;
    names.set(owner, name);
    return name;
  });
}
