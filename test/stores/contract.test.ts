import { storesOnServers } from "../kits/stores/on-servers.ts";
import { describeClock } from "./suites/clock.ts";
import { describeContract } from "./suites/contract.ts";

await describeClock(storesOnServers);
await describeContract(storesOnServers);
