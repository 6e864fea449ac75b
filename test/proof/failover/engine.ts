import type { Store } from "../../../packages/once-again/src/stores/store.ts";
import type { ServerBinary } from "../../support/servers/binary.ts";

/** How the leader is lost: its process is killed, or its links to the others are cut while it goes on. */
export const faults = ["killed", "cut off"] as const;
export type Fault = (typeof faults)[number];

/** A store through a separate client. */
export interface OpenStore {
  readonly store: Store;
  close(): Promise<unknown>;
}

/** A private cluster, with one node that leads: all keys of a run are that node's. */
export interface FailoverCluster extends AsyncDisposable {
  /**
   * Opens a store.
   *
   * @param side `others`: by way of whatever nodes there are, as a client usually has them; `leader`: by way of the
   *   leader alone, as one that is cut off together with it.
   */
  open(side: "others" | "leader"): Promise<OpenStore>;
  /** Loses the leader. */
  lose(fault: Fault): Promise<void>;
  /** Resolves when another node leads. */
  promoted(): Promise<void>;
  /** Brings the lost node back, and resolves when it follows. */
  heal(): Promise<void>;
}

/** The engine that is put to the test. */
export interface FailoverEngine {
  readonly name: string;
  readonly binary: ServerBinary;
  /** Whether nothing that it acknowledged may be lost. */
  readonly survivesFailover: boolean;
  /** Ways to lose a leader that its cluster does not allow, with the reason. */
  readonly not?: Readonly<Partial<Record<Fault, string>>>;
  start(): Promise<FailoverCluster>;
}
