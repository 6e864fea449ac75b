import type { Check, Mutant } from "./mutant.ts";

const explorer = (configuration: string): Check => ({ kind: "explorer", configuration });
const simulation: Check = { kind: "simulation", scenario: "messages", seeds: 12 };
const test = (file: string): Check => ({ kind: "test", file });

const inbox = "packages/once-again/src/messaging/inbox";
const stores = "packages/once-again/src/stores";
const inboxTest = test(`${inbox}/open-inbox.test.ts`);
const inboxContract = test("packages/testing/src/inbox-contract/inbox-contract.test.ts");

// Names of the contract's cases are cut by the test runner after 37 characters.

/** The promises of an inbox, and of the code that settles its deliveries. */
export const inboxMutants: readonly Mutant[] = [
  {
    guard: "inbox: a channel that comes too late consumes nothing",
    file: `${inbox}/consumers/rabbitmq.ts`,
    search: "(signal) => open(onClosed, signal)",
    replace: "() => open(onClosed)",
    check: test(`${inbox}/consumers/rabbitmq.test.ts`),
    killedBy: "takes nothing beside the one",
  },
  {
    guard: "inbox: what another consumer has is not acknowledged",
    file: `${inbox}/inbox-decisions.ts`,
    search: 'return { isFailure: false, detail: "another consumer has it", delayMs };',
    replace: "return acknowledge(delayMs > 0);",
    check: explorer("message, held inbox"),
    killedBy: "acknowledged-is-settled",
  },
  {
    guard: "inbox: an unknown outcome is not acknowledged",
    file: `${inbox}/inbox-decisions.ts`,
    search: 'return deadLetter("outcome-unknown", detail);',
    replace: "return acknowledge(detail !== undefined);",
    check: explorer("message, held inbox"),
    killedBy: "acknowledged-is-settled",
  },
  {
    guard: "inbox: work that failed is not acknowledged",
    file: `${inbox}/inbox-decisions.ts`,
    search: "return { isFailure: true, detail };",
    replace: "return acknowledge(false);",
    check: explorer("message, work that fails"),
    killedBy: "acknowledged-is-settled",
  },
  {
    guard: "inbox: what its work rejects is a dead letter",
    file: `${inbox}/inbox-decisions.ts`,
    search: 'if (isRejection(error)) return deadLetter("rejected", detail);',
    replace: "if (isRejection(error)) return acknowledge(false);",
    check: explorer("message, work that rejects"),
    killedBy: "acknowledged-is-settled",
  },
  {
    guard: "inbox: another message with a known id is a dead letter",
    file: `${inbox}/inbox-decisions.ts`,
    search: 'return deadLetter("mismatch", "its id came with another topic or other bytes before");',
    replace: "return acknowledge(true);",
    check: inboxTest,
    killedBy: "makes a dead letter of another message with an id that was handled",
  },
  {
    guard: "inbox: tries are bounded",
    file: `${inbox}/inbox-decisions.ts`,
    search: "if (tries < deliveriesMax) return undefined;",
    replace: "if (tries < 1000 * deliveriesMax) return undefined;",
    check: inboxTest,
    killedBy: "makes a dead letter of what fails too often",
  },
  {
    guard: "inbox: what ends its process is acknowledged if its effect is there",
    file: `${inbox}/inbox-decisions.ts`,
    search: 'if (isSame && found.state === "done") return acknowledge(true);',
    replace: "",
    check: inboxTest,
    killedBy: "acknowledges a message that has had its effect",
  },
  {
    guard: "inbox: work that fails after an attempt in doubt is a failed try",
    file: `${inbox}/handle-once.ts`,
    search: "handledOutcome(outcome, settings, failure)",
    replace: "handledOutcome(outcome, settings)",
    check: { kind: "simulation", scenario: "messages", seeds: 12 },
    killedBy: "every-message-ends",
  },
  {
    guard: "inbox: a delivery is no try",
    file: `${inbox}/open-inbox.ts`,
    search: "verdictAfterTries(tries.fail(), handled, settings)",
    replace: "verdictAfterTries(tries.fail() + (message.deliveries ?? 1) - 1, handled, settings)",
    check: inboxTest,
    killedBy: "makes a dead letter of what fails too often",
  },
  {
    guard: "inbox: what may end its process is tried alone",
    file: `${inbox}/shared-exclusive-lock.ts`,
    search: "        await Promise.allSettled(running);\n",
    replace: "",
    check: inboxTest,
    killedBy: "tries a message alone",
  },
  {
    guard: "inbox: what ends its process when it is tried alone is not tried again",
    file: `${inbox}/try-alone.ts`,
    search: "      const last = await giveUp();",
    replace: "      const last = await attempt();",
    check: inboxTest,
    killedBy: "makes a dead letter of a message that killed its process",
  },
  {
    guard: "inbox: work that failed and was rolled back is not handled",
    file: `${inbox}/handle-once.ts`,
    search: "      if (failure !== undefined) return afterFailure(failure, settings, onError);",
    replace: "",
    check: simulation,
    killedBy: "acknowledged-is-settled",
  },
  {
    guard: "inbox: a message is acknowledged after its commit",
    file: `${inbox}/open-inbox.ts`,
    search: '    if ("verdict" in handled) return handled.verdict;',
    replace:
      '    if ("verdict" in handled || !("isFailure" in handled && handled.isFailure)) return { action: "acknowledge", isRepeat: false };',
    check: simulation,
    killedBy: "acknowledged-is-settled",
  },
  {
    guard: "inbox: the bytes count",
    file: `${inbox}/inbox-message.ts`,
    search: "`${JSON.stringify(topic)}\\n`), body])",
    replace: "`${JSON.stringify(topic)}\\n`), body.subarray(0, 0)])",
    check: inboxContract,
    killedBy: "another message with an id",
  },
  {
    guard: "inbox: each consumer has its own effect",
    file: `${inbox}/open-inbox.ts`,
    search: "const named = { scope, key: message.id,",
    replace: 'const named = { scope: "all", key: message.id,',
    check: simulation,
    killedBy: "every-message-ends",
  },
  {
    guard: "inbox: a dead letter is written before its message is acknowledged",
    file: `${inbox}/consumers/settle-delivery.ts`,
    search: 'if (verdict.action !== "dead-letter") return verdict.action;',
    replace:
      'if (verdict.action === "dead-letter") return "acknowledge";\n    if (verdict.action.length > 0) return verdict.action;',
    check: simulation,
    killedBy: "acknowledged-is-settled",
  },
  {
    guard: "inbox, mark: what is numbered as the mark is a repeat",
    file: `${stores}/sql/marks.ts`,
    search: 'const isMoved = `${stored("position")} < ${given("position")}`;',
    replace: 'const isMoved = `${stored("position")} <= ${given("position")}`;',
    check: explorer("mark"),
    killedBy: "one-effect",
  },
  {
    guard: "inbox, mark: a number above it is no repeat",
    file: `${inbox}/inbox-decisions.ts`,
    search: 'case "moved":\n      return undefined;',
    replace: 'case "moved":\n      if (mark.position > 0) return acknowledge(true);\n      return undefined;',
    check: explorer("mark"),
    killedBy: "acknowledged-is-settled",
  },
  {
    guard: "inbox, mark: it is moved in the effect's transaction",
    file: `${inbox}/handle-once.ts`,
    search: "found = await lookAtMark(parts, execution.transaction, message.position);",
    replace: `await engine.runUnkeyed(settings.consumer, async (other) => {
        found = await lookAtMark(parts, other.transaction, message.position);
        return { effect: "done", result: nothing };
      });`,
    check: simulation,
    killedBy: "acknowledged-is-settled",
  },
  {
    guard: "inbox, mark: what another consumer has in hand is not acknowledged",
    file: `${inbox}/inbox-decisions.ts`,
    search: 'case "locked":\n      return inProgress(rules);',
    replace: 'case "locked":\n      return acknowledge(true);',
    check: simulation,
    killedBy: "acknowledged-is-settled",
  },
  {
    guard: "inbox, mark: messages of a partition are handled one after the other",
    file: "packages/once-again/src/core/key-queue.ts",
    search: "const called = before === undefined ? call() : before.then(call, call);",
    replace: "const called = call();",
    check: inboxContract,
    killedBy: "messages of one partition are handled",
  },
  {
    guard: "inbox, mark: ids are remembered beside it",
    file: `${inbox}/open-inbox.ts`,
    search: "const operation = hasId ? named : undefined;",
    replace: "const operation = hasId && message.position === undefined ? named : undefined;",
    check: simulation,
    killedBy: "one-effect",
  },
];
