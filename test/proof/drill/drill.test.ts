import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { describeWithServer } from "../../support/servers/describe-with-server.ts";
import { postgresBinary } from "../../support/servers/postgres.ts";
import { prometheusBinary } from "../../support/servers/prometheus.ts";
import { rabbitmqBinary } from "../../support/servers/rabbitmq.ts";
import { type Accident, accidents } from "./accidents.ts";
import { fasterRules } from "./faster-rules.ts";
import { runDrill } from "./run-drill.ts";
import { runbookCommand } from "./runbook.ts";

test("each command of an accident stands on the page of its alert", () => {
  for (const { alert, runbook, after = [] } of accidents)
    for (const { command } of [...runbook, ...after]) expect(runbookCommand(alert, command)).toContain(command);
});

test("a command that the page does not have is an error", () => {
  expect(() => runbookCommand("OnceAgainKeyHeld", "keys forget")).toThrow("has 0 commands");
});

test("all time of the rules passes faster, and no share changes", () => {
  const rules = readFileSync("packages/tools/monitoring/alerts.yml", "utf8");
  const faster = fasterRules(rules, 30);
  expect(faster.match(/\[\d+[mh]\]|offset \d+[mh]|for: \d+[mh]|> (?:300|3600)$/gm)).toBe(null);
  expect(rules.match(/\[\d+[mh]\]|offset \d+[mh]|for: \d+[mh]|> (?:300|3600)$/gm)!.length).toBeGreaterThan(40);
  expect(faster.match(/> 0\.\d+/g)).toEqual(rules.match(/> 0\.\d+/g));
  expect(fasterRules(rules, 1)).toBe(rules);
});

describeWithServer("a drill with PostgreSQL", postgresBinary, () => {
  describeWithServer("and RabbitMQ", rabbitmqBinary, () => {
    describeWithServer("and Prometheus", prometheusBinary, () => {
      // How long each takes is for the command to say. All of them take about three minutes.
      const timeout = 1_800_000;
      test(
        "each alert fires, says what is so, and ends by its runbook; and one that does not is named",
        { timeout },
        async () => {
          const wrong: Accident = {
            ...accidents.at(-1)!,
            name: "wrong",
            text: /the broker can't be reached/,
            runbook: [{ command: "messages list", prints: /all is lost/ }],
          };
          const results = await runDrill({ accidents: [...accidents, wrong], speed: 30, isTimed: false });
          const found = results.pop()!;
          expect(results.map(({ name, breaches }) => ({ name, breaches }))).toEqual(
            accidents.map(({ name }) => ({ name, breaches: [] })),
          );
          expect(found.breaches).toEqual([
            expect.stringMatching(/^Its alert says: No process of shop/),
            expect.stringMatching(/^once-again messages list .* ended with 0 and printed/),
          ]);
        },
      );
    });
  });
});
