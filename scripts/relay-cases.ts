/** Writes the table of a relay's events into the runbooks that need it; with `--check`, fails if one differs. */
import { readFileSync } from "node:fs";
import type { RelayEvent } from "../packages/once-again/src/messaging/outbox/relay-event.ts";
import { update } from "../test/support/update.ts";
import { markdownTable } from "./markdown-table.ts";

const pages = ["docs/runbooks/OnceAgainOutboxBacklog.md", "docs/runbooks/OnceAgainMessageUnconfirmed.md"];
const [begin, end] = ["<!-- relay events -->", "<!-- /relay events -->"];

interface Case {
  readonly says: string;
  readonly act: string;
}

/** Each event that a relay has, so that a new one has a case, too. */
const cases: Readonly<Record<RelayEvent["type"], Case>> = {
  refused: {
    says: "A place won't take a message, and may take others. The message is tried again, after 10 refusals parked; one for a full queue is never parked.",
    act: "Read what its place said. Repair the route, the size or the message's sender, or make room.",
  },
  "place-unavailable": {
    says: "A queue, topic or server can't be reached, forbids us, or does not confirm. It is handed nothing for up to 30 s at a time. Others go on.",
    act: "Repair that place: its rights, its disk, its server. It begins by itself.",
  },
  parked: {
    says: "A message was refused too often, and waits for a person.",
    act: "[OnceAgainMessageParked](OnceAgainMessageParked.md).",
  },
  fault: {
    says: "The database can't be reached or takes too long, or a function among the relay's options failed.",
    act: "The relay's log has the error. Repair the database, or give the relay a longer `leaseMs`.",
  },
  published: {
    says: "Messages go out. Where the backlog grows all the same, more comes than goes out.",
    act: "More relays, a higher `concurrency`, or finer ordering keys ([messages](../guides/messages.md)).",
  },
};

const rows = [
  ...Object.entries(cases).map(([type, { says, act }]) => [`\`${type}\``, says, act]),
  ["none", "No relay runs, or none reports its events.", "Start a relay. Look at its process."],
];
const table = markdownTable(["event", "says", "what to do"], rows).join("\n");

for (const page of pages) {
  const text = readFileSync(page, "utf8");
  const [start, stop] = [text.indexOf(begin), text.indexOf(end)];
  if (start < 0 || stop < start) throw new Error(`${page} has no place for the relay's events.`);
  update(page, `${text.slice(0, start + begin.length)}\n\n${table}\n\n${text.slice(stop)}`);
}
