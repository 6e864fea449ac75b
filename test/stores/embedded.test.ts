import { embeddedStores } from "../kits/stores/embedded.ts";
import { describeClock } from "./suites/clock.ts";
import { describeContract } from "./suites/contract.ts";
import { describeInbox } from "./suites/inbox.ts";

await describeClock(embeddedStores);
await describeContract(embeddedStores);
await describeInbox(embeddedStores);
