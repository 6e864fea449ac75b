import type { AwsProxy } from "../../support/servers/aws-proxy.ts";
import type { CutProxy } from "../../support/servers/cut-proxy.ts";
import type { PrivateServer } from "../../support/servers/private-server.ts";
import type { SmallDisk } from "../../support/servers/small-disk.ts";
import type { KillableProcess } from "./killable-process.ts";

/** The things that can be broken. */
export interface Targets {
  readonly apis: readonly KillableProcess[];
  readonly callers: readonly KillableProcess[];
  /** Between callers and API. */
  readonly wire: CutProxy;
  /** Missing where keys are in a file. */
  readonly database:
    | {
        readonly server: PrivateServer;
        readonly wire: CutProxy;
        /** Texts in a request for a key, and in one to store a result. */
        readonly claiming: string;
        readonly completing: string;
        /** Runs it when none of what was asked for before is under way: what one starts no other may kill. */
        exclusively<Value>(work: () => Promise<Value>): Promise<Value>;
      }
    | undefined;
  /** Where keys are: the server's URL, past the wire, or the file's path. */
  readonly keysUrl: string;
  /** The disk of its data, where an operator fills it. */
  readonly disk?: SmallDisk | undefined;
  /** The pooler between wire and database, where an operator restarts it. */
  readonly pooler?: PrivateServer | undefined;
  /** The proxy between wire and service that refuses requests, where an operator has them throttled. */
  readonly throttle?: AwsProxy | undefined;
  /** Puts the database's standby in its place, where it has one. */
  readonly promote?: (() => Promise<void>) | undefined;
  readonly leaseMs: number;
}
