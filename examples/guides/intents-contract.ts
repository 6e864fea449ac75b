import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { sqliteIntents } from "once-again/stores/sqlite";
import { intentContract } from "@once-again/testing";

const folder = mkdtempSync(join(tmpdir(), "intents-"));
// Your own store stands here: a new name has no intents, a name that was used before is one more connection to the same ones.
const open = (name: string) => sqliteIntents({ path: join(folder, `${name}.db`) });

for (const { name, run } of intentContract({ open })) void test(name, run);
