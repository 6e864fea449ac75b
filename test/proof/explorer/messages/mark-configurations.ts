import { type MessageConfiguration, oneMessage } from "./configuration.ts";

/** Two messages that a source has numbered, and hands over in order. Only their numbers identify a repeat. */
const numbered = {
  ...oneMessage,
  begins: "published",
  keys: ["k", "k"],
  handsOver: "when acknowledged",
  rewinds: true,
  repeats: "by mark",
} as const;

/** The same from the transactions that add them. */
const added = { ...numbered, begins: "unwritten", rewinds: false } as const;

/** An inbox that knows messages by their numbers, and what it needs for that. */
export const markConfigurations: readonly MessageConfiguration[] = [
  {
    ...numbered,
    keys: ["k", "k", "k"],
    moreFaults: 2,
    name: "mark",
    about: "three numbered messages of one partition, two consumers, and a source that begins again anywhere",
    expected: "clean",
  },
  {
    ...numbered,
    moreFaults: 1,
    work: "fails",
    inbox: { ...numbered.inbox, deliveriesMax: 2 },
    name: "mark, work that fails",
    about: "a numbered message that is tried too often is a dead letter, and moves no mark",
    expected: "clean",
  },
  {
    ...added,
    knowsRepeats: true,
    name: "mark, a broker that knows repeats",
    about: "two messages from their transactions to their effects; the broker numbers each once",
    expected: "clean",
  },
  {
    ...added,
    repeats: "by both",
    name: "mark and record",
    about: "the same, where what is published twice has two numbers, and one id",
    expected: "clean",
  },
  {
    ...added,
    name: "mark, published twice",
    about: "what is published twice has two numbers, and no id is looked at",
    expected: "one-effect",
  },
  {
    ...numbered,
    movesMark: "before the transaction",
    name: "mark outside of the transaction",
    about: "the mark is moved, and then the effect is begun",
    expected: "acknowledged-is-settled",
  },
  {
    ...numbered,
    handsOver: "at once",
    name: "mark without order",
    about: "a message is handed over while one before it is not done",
    expected: "acknowledged-is-settled",
  },
  {
    ...numbered,
    handsOver: "when decided",
    moreFaults: 1,
    inbox: { ...numbered.inbox, deliveriesMax: 1 },
    name: "mark, the next before the dead letter",
    about: "a message is handed over when the one before has its verdict, while its dead letter is not written yet",
    expected: "acknowledged-is-settled",
  },
];
