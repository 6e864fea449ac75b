/** The request to send: the same bytes each time, without the key's header. */
export interface IntentRequest {
  readonly method: string;
  readonly url: string;
  /** In lower case, in order, no secrets. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array | undefined;
}

/** The server's response, as it is stored. */
export interface IntentAnswer {
  readonly status: number;
  /** Without `Set-Cookie` and without what only described the transfer. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
  /** Whether the body was longer than `answerBytesMax`, and its rest is not stored. */
  readonly truncated: boolean;
  /** Where it comes from: the last place that redirects led to. Missing in what a person settled, or an earlier version stored. */
  readonly url?: string | undefined;
  /** Whether redirects led there; missing as above. */
  readonly redirected?: boolean | undefined;
}

/** How an intent ended. */
export type IntentOutcome =
  /** The server executed it, and this is its answer. */
  | { readonly state: "done"; readonly answer: IntentAnswer }
  /**
   * It had no effect, and will have none. `answered`: the server refused it. `unsendable`: it can't be sent (a bad
   * certificate, say). `time`: its time was over before an attempt got anywhere. `settled`: a person looked it up.
   */
  | { readonly state: "failed"; readonly why: "answered"; readonly answer: IntentAnswer }
  | { readonly state: "failed"; readonly why: "unsendable" | "time" | "settled" }
  /**
   * It may have had its effect: a person has to look it up. `answered`: the server refused it, or failed at it for good,
   * when an earlier attempt may have got through, or the answer is that of another request, to which a redirect led. `time`: its time was over, and no response had come. `keys`: no response
   * had come, and its server is not known to honour keys, so it is not sent again.
   */
  | { readonly state: "unknown"; readonly why: "answered"; readonly answer: IntentAnswer }
  | { readonly state: "unknown"; readonly why: "time" | "keys" };

/** An intent that has not ended: it waits for its next attempt, or is being sent. */
export interface PendingIntent {
  readonly state: "pending";
  /** The time from which it may be sent. */
  readonly nextAttemptAt: number;
  /** Until when it is its owner's; 0 when it is not being sent. */
  readonly leaseUntil: number;
  /** Whether an attempt that has ended may have had the effect. So may one that was cut off by the death of its sender. */
  readonly inDoubt: boolean;
}

/** One intent as it is stored. Times are milliseconds since the epoch by the store's own clock. */
export type Intent = IntentFacts & (PendingIntent | IntentOutcome);

/** The facts of an intent, which never change; its state is apart. */
export interface IntentFacts {
  /** The caller's own name for what it wants: an order's id, say. */
  readonly id: string;
  /** The idempotency key. */
  readonly key: string;
  /** Identifies the content of this request (SHA-256, hexadecimal). */
  readonly fingerprint: string;
  readonly request: IntentRequest;
  readonly createdAt: number;
  /** From then on it is not sent any more: the server may have forgotten its key. */
  readonly giveUpAt: number;
  /** How often it was taken to be sent: the number of claims. One that was asked again counts once. */
  readonly claims: number;
  /** How long it was last postponed for, milliseconds; 0 if it never was. */
  readonly postponedMs: number;
}

/** A new intent, and when it is given up. */
export interface AddIntentRequest extends Pick<IntentFacts, "id" | "key" | "fingerprint" | "request"> {
  readonly giveUpAfterMs: number;
  /** Whether an attempt may have had the effect already: the store lost the intent after it was added. Default `false`. */
  readonly inDoubt?: boolean | undefined;
  /** How many may be `pending` or `unknown` at a time. */
  readonly openMax: number;
}

/** `found`: there is one of that id already, and nothing was changed. `full`: too many are open. */
export type AddIntentAnswer = { readonly kind: "added" | "found"; readonly intent: Intent } | { readonly kind: "full" };

/** Asks for pending intents that no other owner is sending. */
export interface ClaimIntentsRequest {
  /** 128 random bits that no other claim has. A claim that got no answer is asked again with the same. */
  readonly owner: string;
  readonly leaseMs: number;
  /** How many new ones at most: a whole number. 0 asks only for what this owner has claimed before. */
  readonly limit: number;
  /** Intents for these origins are left where they are, as if they did not exist; default none. */
  readonly exceptOrigins?: readonly string[] | undefined;
}

/** The intents that a claim was given. */
export interface ClaimedIntents {
  readonly intents: readonly ClaimedIntent[];
  /** How long until another pending one can be claimed, milliseconds, 0 or more; `undefined`: there is no other. */
  readonly nextMs: number | undefined;
}

/** An intent that is ours for now, and how long it may still be sent for (0 or less: no more), milliseconds. */
export type ClaimedIntent = IntentFacts & PendingIntent & { readonly msLeft: number };

/** An intent's id and the token of the claim that says it owns it. */
export interface OwnedIntent {
  readonly id: string;
  readonly owner: string;
}

/** Which intents to list, in the order of their ids. */
export interface ListIntentsRequest {
  readonly state?: Intent["state"] | undefined;
  /** How many at most, 1 to 1000; default 100. */
  readonly limit?: number | undefined;
  /** Go on after this id, in their order. */
  readonly after?: string | undefined;
}

/**
 * The port of durable intents. Each method is one atomic step, decides by the store's own clock, and what it has
 * acknowledged is on disk. Every method rejects when the store can't be reached; whether it was executed is then
 * unknown, and asking again is safe.
 */
export interface IntentStore {
  add(request: AddIntentRequest): Promise<AddIntentAnswer>;
  /**
   * Takes pending intents that are due and have no owner, the longest due first. When another owner let its lease run out,
   * the intent is in doubt from then on.
   *
   * Asked again by an owner that still has intents, it gives all of those, whatever its `limit` and `exceptOrigins`, and takes no
   * others. Their lease begins anew, even if it was over: until another claims them, they are this owner's. Nothing else of them
   * changes: they are not in doubt for it, and `claims` stays. So an owner that missed the answer gets what was in it. It asks
   * again only while it has sent nothing under this token. After it died no call has its token, and its intents are in doubt.
   */
  claim(request: ClaimIntentsRequest): Promise<ClaimedIntents>;
  /** Sets the end of the lease to now + `leaseMs`. `false`: it is no longer this owner's, and nothing was changed. */
  renew(request: OwnedIntent & { readonly leaseMs: number }): Promise<boolean>;
  /**
   * Gives it up for now: anybody may claim it after `delayMs`, or from `giveUpAt` on, whichever comes first. `false` as
   * above.
   */
  postpone(request: OwnedIntent & { readonly delayMs: number; readonly inDoubt: boolean }): Promise<boolean>;
  /** Keeps how it ended, at least for `retentionMs`. `true` also when this owner ended it before; `false` as above. */
  end(request: OwnedIntent & { readonly outcome: IntentOutcome; readonly retentionMs: number }): Promise<boolean>;
  /** Ends one that is `unknown`, as a person has found it. `false`: no such intent exists, and nothing was changed. */
  settle(request: {
    readonly id: string;
    readonly outcome: IntentOutcome;
    readonly retentionMs: number;
  }): Promise<boolean>;
  /** Makes one that is `unknown` pending again, in doubt and due, with the time it had. `false`: no such intent exists. */
  reopen(id: string): Promise<boolean>;
  inspect(id: string): Promise<Intent | undefined>;
  list(request: ListIntentsRequest): Promise<Intent[]>;
  /** Removes one that has ended. `false`: no intent has that id, or it is pending. */
  forget(id: string): Promise<boolean>;
  /** Removes up to `limit` intents after their retention, and says how many. One that is `unknown` stays until forgotten. */
  purge(request: { readonly limit: number }): Promise<number>;
  /** `"memory"` where intents end with the process. Default `"disk"`. */
  durability?(): "disk" | "memory";
  close(): Promise<void>;
}

/** Durable intents in the user's own database, which can be added within a transaction of theirs. */
export interface TransactionalIntentStore<Transaction> extends IntentStore {
  /** The same as `add`, which commits with the transaction or never was: others find it from then on. It is not asked again. */
  addWithin(transaction: Transaction, request: AddIntentRequest): Promise<AddIntentAnswer>;
}
