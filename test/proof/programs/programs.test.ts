import { embeddedStores } from "../../kits/stores/embedded.ts";
import { describePrograms } from "./try-programs.ts";

await describePrograms(embeddedStores);
