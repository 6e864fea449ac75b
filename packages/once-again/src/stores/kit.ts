import type { OutboxStore } from "./outbox-store.ts";
import type { Store } from "./store.ts";

/**
 * The purpose of a store: a command asks once and fails at once; a server works at many keys at a time and survives an
 * outage of the store.
 */
export type StoreUse = "command" | "server";

/** An outbox as commands use it: they add nothing, and publish nothing. */
export interface OpenOutbox extends Pick<
  OutboxStore<never>,
  "listUnconfirmed" | "showUnconfirmed" | "listPlaces" | "retryParked" | "discardParked" | "listDiscarded" | "backlog"
> {
  /** Ends the connection, too. */
  close(): Promise<void>;
}

/** An outbox that has tables in a database. */
export interface MigratableOutbox extends OpenOutbox {
  readonly schemaSql: string;
  migrate(): Promise<void>;
}

/** How an opener comes by the user's driver: it stands above the stores, so it is given. */
export interface Drivers {
  /** The first that is installed. @throws Error that says what to install. */
  one<Name extends string>(title: string, names: readonly Name[]): { name: Name; module: unknown };
  /** All of them. @throws as above. */
  all(title: string, names: readonly string[]): unknown[];
}

/** Opens a store by its URL. It is loaded when a URL of its scheme is asked for. */
export interface Opener {
  readonly store: (url: URL, use: StoreUse, drivers: Drivers) => Promise<Store>;
  /** Missing for a server that has no outbox. */
  readonly outbox?: (url: URL, use: StoreUse, drivers: Drivers) => Promise<OpenOutbox>;
}

/** A package of other people's that a store works with: a row of docs/compatibility.md, and an optional peer dependency. */
export interface DriverKit {
  readonly title: string;
  readonly package: string;
  /** Default the major that is tested. */
  readonly range?: string;
}

/** The facts about a store. Data alone: no driver is imported here, and no code of the store. */
export interface StoreKit {
  readonly name: string;
  /** In sentences and tables. */
  readonly title: string;
  /** The page about it, in docs. */
  readonly page: string;
  readonly drivers: readonly DriverKit[];
  /** The ways in which key and effect go together. */
  readonly modes: readonly ("leased" | "transactional")[];
  /** Kinds of records beside keys. */
  readonly holds: readonly ("outbox" | "intents")[];
  /** The schemes of its URLs; missing where it has none. */
  readonly urls?: {
    readonly schemes: readonly string[];
    /** For help texts: of a store, and of an outbox. */
    readonly form: string;
    readonly outboxForm?: string;
    /** Names that people write in place of the scheme. */
    readonly otherNames?: readonly string[];
    /** Our own parameters, which are shown: they hold no password. */
    readonly parameters?: readonly string[];
    readonly open: () => Promise<Opener>;
  };
  /** Whether commands can make its tables. */
  readonly migrates: boolean;
  /** Objects that people give where a store belongs, by all of their methods; `butNot`: those of a neighbour that has more. */
  readonly mistaken: readonly {
    readonly methods: readonly string[];
    readonly butNot?: readonly string[];
    readonly advice: string;
  }[];
  /** The choice of `create-once-again`, with templates/stores/NAME; missing where projects don't begin with it. */
  readonly create?: {
    readonly title: string;
    readonly packages: readonly string[];
    readonly devPackages?: readonly string[];
    readonly variable?: string;
  };
  /** Other entries of its folder: `/without-sdk`. */
  readonly entries?: readonly string[];
  /** Names of files beyond those that every engine shares. */
  readonly ownFiles?: readonly string[];
}
