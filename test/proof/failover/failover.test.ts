import { describe, expect, test } from "vitest";
import { describeWithServer } from "../../support/servers/describe-with-server.ts";
import { faults } from "./engine.ts";
import { engines } from "./engines.ts";
import { runFailover } from "./run.ts";

describe.for(engines)("when its leader is lost under load", (engine) => {
  describeWithServer(engine.name, engine.binary, () => {
    test.for(faults.filter((fault) => engine.not?.[fault] === undefined))(
      "%s: it goes on, and keeps what it says it keeps",
      async (fault) => {
        const counts = await runFailover(engine, fault);
        expect(counts.claims).toBeGreaterThan(0);
        expect(counts.results).toBeGreaterThan(0);
        // An engine that promises nothing is reported, not judged: on a quiet machine it may well lose nothing.
        const lostMax = engine.survivesFailover ? 0 : counts.claims;
        expect(counts.grantedAgain).toBeLessThanOrEqual(lostMax);
        expect(counts.lostResults).toBeLessThanOrEqual(lostMax);
      },
    );
  });
});
