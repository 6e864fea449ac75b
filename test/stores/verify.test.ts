import { testedStores } from "../kits/stores/index.ts";
import { describeVerify } from "./suites/verify.ts";

await describeVerify(testedStores);
