export { seededRandom, type Random } from "../core/random.ts";
export { fakeClock, type FakeClock } from "./fake-clock.ts";
export {
  randomFaults,
  type Delays,
  type Exchange,
  type Fault,
  type FaultPlan,
  type Manner,
  type RandomFaults,
  type Scenario,
} from "./fault.ts";
export { flakyNetwork, type FlakyNetwork, type FlakyNetworkOptions, type Upstream } from "./flaky-network.ts";
export type { RequestHead } from "./request-framing.ts";
