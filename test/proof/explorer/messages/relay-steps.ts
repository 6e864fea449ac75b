import { unavailableError } from "../../../../packages/once-again/src/messaging/outbox/index.ts";
import { decideFailure } from "../../../../packages/once-again/src/messaging/outbox/retry-or-park.ts";
import type { PostponeRequest } from "../../../../packages/once-again/src/stores/outbox-store.ts";
import { accepted } from "./broker-steps.ts";
import type { MessageConfiguration } from "./configuration.ts";
import {
  type ClaimedRow,
  fault,
  type MessageStep,
  type MessageWorld,
  nameOf,
  newOwner,
  type OutboxRow,
  type RelayClaim,
  withItem,
  withMessage,
} from "./world.ts";

/** The next steps of one relay, and the faults of it and of its calls. */
export function relaySteps(world: MessageWorld, relay: number, configuration: MessageConfiguration): MessageStep[] {
  const claim = world.relays[relay];
  if (claim === undefined) return claims(world, relay, configuration);
  const died = fault(world, `relay ${relay + 1} dies`, withClaim(world, relay, undefined));
  const own =
    claim.left.length > 0 ? publishes(world, relay, claim, configuration) : writes(world, relay, claim, configuration);
  return [...own, ...died];
}

function claims(
  world: MessageWorld,
  relay: number,
  { rules, announces, removes }: MessageConfiguration,
): MessageStep[] {
  const { rows, cursor } = world;
  if (announces === "at add" && !world.hasNews) return [];
  const looked = { ...world, hasNews: false };
  const owner = newOwner(world);
  const claimed = rules.claim(rows, owner, cursor);
  if (claimed.batches.length === 0) {
    return announces === "at add" ? [{ say: `relay ${relay + 1} finds nothing`, next: looked }] : [];
  }
  // A relay works on its batches side by side. Here one relay has one, and the other is there beside it.
  return claimed.batches.flatMap(({ orderingKey, messages }) => {
    const left = messages.map(({ position, id, refusals }) => ({ position, message: Number(id), refusals }));
    const taken: MessageWorld = {
      ...looked,
      rows: onlyLeased(rows, claimed.rows, left),
      cursor: Math.max(cursor, ...left.map(({ position }) => Number(position))),
    };
    const names = left.map(({ message }) => nameOf(message)).join(" and ");
    const removed =
      removes === "when claimed"
        ? left.reduce((without, { position }) => rules.confirm(without, [position]), taken.rows)
        : taken.rows;
    const next = withClaim({ ...taken, rows: removed }, relay, {
      owner,
      orderingKey,
      left,
      confirmed: [],
      postponed: [],
    });
    const unheard = `relay ${relay + 1} claims ${names}, and never gets the answer`;
    return [{ say: `relay ${relay + 1} claims ${names}`, next }, ...fault(world, unheard, taken)];
  });
}

/** Of what a claim has leased only what is in one batch. */
function onlyLeased(
  before: readonly OutboxRow[],
  after: readonly OutboxRow[],
  batch: readonly ClaimedRow[],
): readonly OutboxRow[] {
  const positions = new Set(batch.map(({ position }) => position));
  return after.map((row, at) => (positions.has(String(row.position)) ? row : before[at]!));
}

/** Messages of a key go one by one, others in any order. */
function publishes(
  world: MessageWorld,
  relay: number,
  claim: RelayClaim,
  configuration: MessageConfiguration,
): MessageStep[] {
  const next = claim.orderingKey === undefined ? claim.left : claim.left.slice(0, 1);
  return next.flatMap((row) => publishOne(world, relay, claim, row, configuration));
}

function publishOne(
  world: MessageWorld,
  relay: number,
  claim: RelayClaim,
  row: ClaimedRow,
  configuration: MessageConfiguration,
): MessageStep[] {
  const { message, position } = row;
  const who = `relay ${relay + 1}`;
  const left = claim.left.filter((other) => other !== row);
  const after = (ended: "confirmed" | PostponeEnd): RelayClaim => {
    if (ended === "confirmed") return { ...claim, left, confirmed: [...claim.confirmed, position] };
    const postponed = [...claim.postponed, { position, owner: claim.owner, ...ended }];
    // Those behind one that waits go with it.
    const isOver = claim.orderingKey !== undefined && ended.park !== "pass" && configuration.stopsAtFailure;
    return { ...claim, left: isOver ? [] : left, postponed };
  };
  if (configuration.refused.includes(message)) {
    const decision = decideFailure(row, new Error("no such route"), false, configuration.relay);
    const ended = endOf(row, decision, configuration);
    const what = ended.park === undefined ? "refuses it" : `refuses it, and it is parked (${ended.park})`;
    const passed = ended.park === "pass" ? withMessage(world.passed, message) : world.passed;
    const next = withClaim({ ...world, passed }, relay, after(ended));
    return [{ say: `${who} publishes ${nameOf(message)}; the broker ${what}`, next }];
  }
  const unavailable = endOf(
    row,
    decideFailure(row, unavailableError("Gone."), false, configuration.relay),
    configuration,
  );
  const taken = accepted(world, message, configuration);
  const confirmed: MessageStep = {
    say: `${who} publishes ${nameOf(message)}, and it is confirmed`,
    next: withClaim(taken.next, relay, after("confirmed")),
    breaks: taken.breaks,
  };
  const unconfirmed = (say: string, from: MessageWorld): MessageStep[] =>
    fault(world, `${who} publishes ${nameOf(message)}; ${say}`, withClaim(from, relay, after(unavailable)));
  const late: MessageWorld = { ...world, late: { kind: "publish", message } };
  return [
    confirmed,
    ...unconfirmed("the broker has it, and the confirmation is lost", taken.next).map((step) => ({
      ...step,
      breaks: taken.breaks,
    })),
    ...unconfirmed("it never arrives", world),
    ...(world.late === undefined ? unconfirmed("it is still on its way when it is given up", late) : []),
  ];
}

type PostponeEnd = Omit<PostponeRequest, "position" | "owner">;

/** The call of a relay to the outbox after a failure. */
function endOf(
  { refusals: before }: ClaimedRow,
  { refusal, ...decision }: ReturnType<typeof decideFailure>,
  { parked }: MessageConfiguration,
): PostponeEnd {
  const [place, refusals] = ["the broker", before + 1];
  switch (decision.action) {
    case "wait":
      return { place, line: "failed", delayMs: 0, refusal, refusals: before };
    case "retry":
      return { place, delayMs: decision.delayMs, refusal, refusals };
    case "park":
      return { place, delayMs: 0, refusal, refusals, park: parked };
  }
}

/** A relay writes the end of its batch: first the messages that wait, then those that are gone. It insists. */
function writes(
  world: MessageWorld,
  relay: number,
  claim: RelayClaim,
  configuration: MessageConfiguration,
): MessageStep[] {
  const { rules } = configuration;
  const who = `relay ${relay + 1}`;
  const { confirmed, postponed } = claim;
  if (postponed.length > 0) {
    const given = postponedBy(world, postponed, configuration);
    const written = withClaim(given.next, relay, { ...claim, postponed: [] });
    const late: MessageWorld = { ...world, late: { kind: "postpone", requests: postponed } };
    return [
      {
        ...given,
        say: `${who} gives back what was not confirmed`,
        next: confirmed.length > 0 ? written : withClaim(written, relay, undefined),
      },
      ...(world.late === undefined
        ? fault(world, `${who} gives back what was not confirmed, which is still on its way when it asks again`, late)
        : []),
    ];
  }
  const rows = rules.confirm(world.rows, confirmed);
  const removed = { ...world, rows };
  return [
    { say: `${who} removes what was confirmed`, next: withClaim(removed, relay, undefined) },
    ...fault(world, `${who} removes what was confirmed, and dies`, withClaim(removed, relay, undefined)),
  ];
}

/** The rows after a postponement, which must not touch what another has claimed, or parked, since. */
function postponedBy(
  world: MessageWorld,
  requests: readonly PostponeRequest[],
  { rules }: MessageConfiguration,
): Pick<MessageStep, "next" | "breaks"> {
  const rows = rules.postpone(world.rows, requests);
  const owners = new Set(requests.map(({ owner }) => owner));
  const isOthers = ({ owner, isParked }: OutboxRow): boolean => isParked || (owner !== null && !owners.has(owner));
  const isChanged = world.rows.some((row, at) => isOthers(row) && JSON.stringify(row) !== JSON.stringify(rows[at]));
  return { next: { ...world, rows }, breaks: isChanged ? "late-owner-changes-nothing" : undefined };
}

/** The steps of the outbox, whatever the relays do: delays and leases end, and a late call arrives. */
export function outboxSteps(world: MessageWorld, configuration: MessageConfiguration): MessageStep[] {
  const { rows, relays, late } = world;
  const steps: MessageStep[] = [];
  for (const [at, row] of rows.entries()) {
    if (row.isDue || row.isParked) continue;
    const next: MessageWorld = { ...world, rows: withItem(rows, at, { ...row, isDue: true }) };
    const holder = relays.findIndex((claim) => claim !== undefined && claim.owner === row.owner);
    if (row.owner === null) steps.push({ say: `the delay of ${nameOf(row.message)} is over`, next });
    else if (holder >= 0)
      steps.push(...fault(world, `relay ${holder + 1} stands still until its lease is over`, { rows: next.rows }));
    else if (configuration.takesOver)
      steps.push({ say: `the lease of a dead relay on ${nameOf(row.message)} is over`, next });
  }
  if (late?.kind === "postpone") {
    const given = postponedBy({ ...world, late: undefined }, late.requests, configuration);
    steps.push({ ...given, say: "what a relay gave back arrives late" });
  }
  return steps;
}

function withClaim(world: MessageWorld, relay: number, claim: RelayClaim | undefined): MessageWorld {
  return { ...world, relays: withItem(world.relays, relay, claim) };
}
