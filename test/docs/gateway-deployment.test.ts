import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findBinary } from "../support/servers/binary.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const systemd = { name: "systemd-analyze", install: "apt-get install -y systemd" };

test.skipIf(findBinary(systemd) === undefined)(
  "systemd has nothing to say about the unit of the gateway's guide",
  () => {
    const [, unit = ""] = /```ini\n([^]*?)```/.exec(readFileSync("docs/guides/gateway.md", "utf8")) ?? [];
    expect(unit).toContain("ExecStart=/usr/bin/once-again-gateway");
    const file = join(temporaryFolder(), "once-again-gateway.service");
    // The machine has no such command, and verify looks for it.
    writeFileSync(file, unit.replace("/usr/bin/once-again-gateway", "/bin/true"));
    const { status, stderr } = spawnSync(findBinary(systemd)!, ["verify", file], { encoding: "utf8" });
    expect({ status, said: stderr.split("\n").filter((line) => line.includes("once-again-gateway")) }).toEqual({
      status: 0,
      said: [],
    });
  },
);
