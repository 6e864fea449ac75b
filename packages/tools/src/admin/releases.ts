import { hash, randomUUID } from "node:crypto";
import type { InspectedRecord, RecordName, Store } from "once-again/stores";
import type { ListPosition, SettlementNote } from "once-again/internal";
import { readStoredDetails } from "./details.ts";

/*
 * A release removes the record of its key, and the next repeat makes another one. So who released it, and why, is a record by itself:
 * the release is an operation under a key, as any other. It is claimed before the key is released, and completed after that. Where the
 * command dies in between, the record runs: it is unknown whether the key was released.
 */

/** The scopes of these records begin so: each key that was released has one. No list of keys shows them. */
const scopePrefix = "once-again:released:";

/** Names a record, and who owns it. */
type ReleaseRequest = Parameters<Store["release"]>[0];

/** For how long it is stored who released a key, milliseconds: longer than results by default, after which no repeat can come. */
const retentionMsMax = 30 * 86_400_000;

/** A release of a key by a person. */
export interface Release extends RecordName, SettlementNote {
  /** The attempt of the operation that was released. */
  readonly attempt: number;
  /** The operation in the words of its route; missing where none were stored, or they are sealed. */
  readonly label?: string | undefined;
  /** When it was asked for, milliseconds since the epoch by the store's clock. */
  readonly releasedAt: number;
  /** `false`: the command ended before it knew whether the key was released. */
  readonly isKnown: boolean;
}

export const isReleaseRecord = ({ scope }: RecordName): boolean => scope.startsWith(scopePrefix);

/** A place after all of these records, and before those of any scope that comes behind them. */
export const afterReleases: ListPosition = { scope: `${scopePrefix}\uffff`, key: "" };

function scopeFor({ scope, key }: RecordName): string {
  return scopePrefix + hash("sha256", JSON.stringify([scope, key]), "hex").slice(0, 32);
}

/**
 * Stores who releases a key, and why, and releases it.
 *
 * @param release says whether the key was released; where it was not, nothing of this is stored.
 */
export async function storeRelease(
  store: Store,
  { scope, key, record }: InspectedRecord,
  note: SettlementNote,
  release: () => Promise<boolean>,
): Promise<boolean> {
  const retentionMs = Math.min(retentionMsMax, store.retentionMsMax ?? retentionMsMax);
  const details = readStoredDetails(record);
  const label = details !== undefined && "label" in details ? details.label : undefined;
  const content = { scope, key, attempt: record.attempt, author: note.author, reason: note.reason, label };
  const trace = await claimSlot(store, {
    scope: scopeFor({ scope, key }),
    owner: randomUUID(),
    fingerprint: "release",
    leaseMs: retentionMs,
    retentionMs,
    heldRetentionMs: retentionMs,
    details: new TextEncoder().encode(JSON.stringify(content)),
  });
  if (!(await release())) {
    await store.release(trace);
    return false;
  }
  await store.complete({ ...trace, result: new Uint8Array(), retentionMs });
  return true;
}

/** The names of the records of one key: each release takes the first that is free. So they are found without reading all keys. */
const slots = ["1", "2", "3", "4", "5", "6", "7", "8"];

async function claimSlot(store: Store, claim: Omit<Parameters<Store["claim"]>[0], "key">): Promise<ReleaseRequest> {
  const { scope, owner } = claim;
  for (const key of slots) if ((await store.claim({ ...claim, key })).kind === "acquired") return { scope, key, owner };
  // More releases of one key than anybody makes: this one is in the list of all alone.
  const key = randomUUID();
  await store.claim({ ...claim, key });
  return { scope, key, owner };
}

/** How many records one request reads. */
const pageSize = 1000;

/** The releases of one key, the newest first. */
export async function findReleases(store: Pick<Store, "inspect">, name: RecordName): Promise<Release[]> {
  const scope = scopeFor(name);
  const records = await Promise.all(slots.map(async (key) => store.inspect({ scope, key })));
  const found = records.map((record) => record && readRelease(record)).filter((release) => release !== undefined);
  return newestFirst(found.filter(({ scope, key }) => scope === name.scope && key === name.key));
}

const newestFirst = (releases: Release[]): Release[] =>
  releases.sort((one, other) => other.releasedAt - one.releasedAt);

/** The releases of all keys, or of those of a scope, the newest first, up to a limit. It reads all of them. */
export async function listReleases(
  store: Pick<Store, "list">,
  { scope, limit }: { readonly scope?: string | undefined; readonly limit: number },
): Promise<Release[]> {
  const found: Release[] = [];
  for (let after: ListPosition | undefined; ;) {
    const records = await store.list({ scopePrefix, limit: pageSize, after, content: "sizes" });
    found.push(...records.map(readRelease).filter((release) => release !== undefined));
    const last = records.at(-1);
    if (records.length < pageSize || last === undefined) break;
    after = { scope: last.scope, key: last.key };
  }
  return newestFirst(found.filter((release) => scope === undefined || release.scope === scope)).slice(0, limit);
}

/** @returns undefined for a record that no release has made. */
function readRelease({ state, record }: InspectedRecord): Release | undefined {
  const content = readContent(record.details);
  const texts = [content?.scope, content?.key, content?.author, content?.reason];
  if (content === undefined || !texts.every((text) => typeof text === "string")) return undefined;
  const { scope, key, attempt, author, reason, label } = content as Release;
  return { scope, key, attempt, author, reason, label, releasedAt: record.createdAt, isKnown: state === "done" };
}

function readContent(details: Uint8Array | undefined): Partial<Release> | undefined {
  try {
    return JSON.parse(new TextDecoder().decode(details)) as Partial<Release>;
  } catch {
    return undefined;
  }
}
