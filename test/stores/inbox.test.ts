import { storesOnServers } from "../kits/stores/on-servers.ts";
import { describeInbox } from "./suites/inbox.ts";

await describeInbox(storesOnServers);
