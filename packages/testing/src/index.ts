/**
 * For your own tests: crashes at each point, a flaky network, a fake clock, and the contracts of stores, outboxes, inboxes and intents.
 *
 * @module
 */
export { seededRandom, type Random } from "once-again";
export { fakeClock, type FakeClock } from "./fake-clock.ts";
export {
  randomFaults,
  type Delays,
  type Exchange,
  type ExchangeEvent,
  type Fault,
  type FaultPlan,
  type FaultManner,
  type RandomFaults,
  type Scenario,
} from "./fault.ts";
export { flakyNetwork, type FlakyNetwork, type FlakyNetworkOptions, type Upstream } from "./flaky-network.ts";
export type { RequestHead } from "./request-framing.ts";
export type {
  InboxContractOptions,
  InboxContractRules,
  InboxFixture,
  InboxUnderTest,
} from "./inbox-contract/inbox-case.ts";
export { inboxContract } from "./inbox-contract/inbox-contract.ts";
export { intentContract } from "./intent-contract/intent-contract.ts";
export {
  lambdaRuntime,
  type LambdaOutcome,
  type LambdaRuntime,
  type LambdaRuntimeOptions,
} from "./lambda/lambda-runtime.ts";
export type { OpenTransaction, OutboxContractOptions, OutboxFixture } from "./outbox-contract/outbox-case.ts";
export { outboxContract } from "./outbox-contract/outbox-contract.ts";
export { pglitePool, type PglitePool } from "./pglite-pool.ts";
export { crashAtEachPoint, type CrashOptions } from "./safety/crash-at-each-point.ts";
export { crashPoint } from "./safety/crash-point.ts";
export type { ServerCommand } from "./safety/killable-server.ts";
export type { OperationOptions } from "./safety/operation.ts";
export type { SafetyReport } from "./safety/report.ts";
export type { HandlerUnderTest } from "./safety/target.ts";
export { assertIdempotentHandler, type IdempotentHandlerOptions } from "./safety/assert-idempotent-handler.ts";
export type { WebHandler } from "./safety/web-handler.ts";
export type { ContractCase, StoreClock, StoreContractOptions } from "./store-contract/contract-case.ts";
export { storeContract } from "./store-contract/store-contract.ts";
export type { TransactionContractOptions, TransactionFixture } from "./store-contract/transaction-case.ts";
export { transactionContract } from "./store-contract/transaction-contract.ts";
