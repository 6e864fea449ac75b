import { join } from "node:path";
import type { HistoryFile } from "../../../../packages/tools/src/judge/index.ts";
import { inTime } from "../../../support/in-time.ts";
import { type CutProxy, cutProxy } from "../../../support/servers/cut-proxy.ts";
import type { PrivateServer } from "../../../support/servers/private-server.ts";
import { killableProcess, type KillableProcess } from "../killable-process.ts";
import type { BrokerAdmin, MessagesBroker } from "./broker.ts";
import type { ChildTask, Guard } from "./child.ts";
import type { MessagesEngine, ShopDatabase } from "./engine.ts";
import { type Place, type PlaceTopic, silentPlace } from "./places.ts";
import { shopTables } from "./tables.ts";

/** The options of a run. */
export interface MessagesOptions {
  readonly engine: MessagesEngine;
  readonly broker: MessagesBroker;
  /** How long faults are injected for, at least. */
  readonly seconds: number;
  /** How many messages have to be committed before faults end. */
  readonly messages: number;
  readonly seed: number;
  /**
   * A guard that is taken out: `inbox`, effects without a record of their message; `same-transaction`, messages are added in
   * a transaction before that of the business; `ordering-key`, messages are added without it.
   */
  readonly without?: Guard | undefined;
  /** Where the history is added to, for `once-again judge`. */
  readonly history?: HistoryFile | undefined;
  /** A file to which a trace of the steps that messages take is added. The run fails unless the rules explain it. */
  readonly trace?: string | undefined;
}

export const roles = ["writer", "relay", "consumer"] as const;
export type Role = (typeof roles)[number];

/** A connection that can be cut, by who has it with whom. */
export interface Wires {
  readonly relayToBroker: CutProxy;
  readonly consumerToBroker: CutProxy;
  /** Missing where the database is a file. */
  readonly toDatabase: Readonly<Record<Role, CutProxy>> | undefined;
}

/** Everything that runs, and where it leaves its traces. */
export interface Scene {
  readonly processes: Readonly<Record<Role, readonly KillableProcess[]>>;
  readonly broker: { readonly server: PrivateServer; readonly admin: BrokerAdmin };
  readonly database: { readonly server: PrivateServer | undefined; readonly shop: ShopDatabase };
  readonly wires: Wires;
  /** Where messages go beside the queues of the shop. */
  readonly places: Readonly<Partial<Record<PlaceTopic, Place>>>;
  readonly leaseMs: number;
  /** While this file is there, writers add nothing. */
  readonly hold: string;
  /** The file of the trace, if one was asked for. */
  readonly trace: string | undefined;
  /** The files of the diaries: of each role, by the names of lives. */
  readonly diaries: Readonly<Record<Role, ReadonlyMap<string, string>>>;
}

const processesEach = 2;

/** Of relays' claims, and of messages at consumers. Well above what a busy machine lets a process wait. */
const leaseMs = 2000;

/** How long a client of the broker may take to close, milliseconds. */
const closeMsMax = 60_000;

/** Starts it all in a folder. `stack` ends it again. */
export async function startScene(
  { engine, broker, without, ...options }: MessagesOptions,
  folder: string,
  stack: AsyncDisposableStack,
): Promise<Scene> {
  const server = engine.server && stack.use(await engine.server.start());
  const direct = server?.url ?? join(folder, "shop.db");
  const shop = stack.adopt(await engine.open(direct), ({ close }) => close());
  await shop.prepare(shopTables(engine.position));
  const brokerServer = stack.use(await broker.start());
  const admin = stack.adopt(await broker.prepare(brokerServer.url, leaseMs), ({ close }) =>
    inTime("The client of the broker", closeMsMax, close()),
  );

  const wireTo = async (port: number, resets = false): Promise<CutProxy> => stack.use(await cutProxy(port, { resets }));
  const wires: Wires = {
    relayToBroker: await wireTo(brokerServer.port, broker.isCutByResets),
    consumerToBroker: await wireTo(brokerServer.port, broker.isCutByResets),
    toDatabase: server && {
      writer: await wireTo(server.port),
      relay: await wireTo(server.port),
      consumer: await wireTo(server.port),
    },
  };
  const silent = stack.use(await silentPlace());
  const places = { "places.silent": silent, ...(admin.full && { "places.full": admin.full }) };
  const hold = join(folder, "hold");
  const trace = options.trace === undefined ? undefined : join(folder, "trace");
  const diaries = { writer: new Map(), relay: new Map(), consumer: new Map() } as Record<Role, Map<string, string>>;
  const start = (role: Role): KillableProcess[] =>
    Array.from({ length: processesEach }, (_, index) => {
      const database = wires.toDatabase === undefined ? direct : through(wires.toDatabase[role], direct);
      const brokerWire = role === "relay" ? wires.relayToBroker : wires.consumerToBroker;
      return killableProcess(`${role}-${index + 1}`, `messages/${role}-child.ts`, (life) => {
        const diary = join(folder, life);
        diaries[role].set(life, diary);
        return {
          engine: engine.name,
          database,
          broker: broker.name,
          brokerUrl: through(brokerWire, brokerServer.url),
          life,
          diary,
          places: Object.keys(places) as PlaceTopic[],
          silentUrl: silent.url,
          hold,
          leaseMs,
          without,
          trace,
        } satisfies ChildTask;
      });
    });
  const processes = { writer: start("writer"), relay: start("relay"), consumer: start("consumer") };
  const all = Object.values(processes).flat();
  for (const one of all) stack.use(one);
  await Promise.all(all.map((one) => one.start()));
  return {
    processes,
    broker: { server: brokerServer, admin },
    database: { server, shop },
    wires,
    places,
    leaseMs,
    hold,
    trace,
    diaries,
  };
}

const through = ({ port }: CutProxy, url: string): string => url.replace(/:\d+(?=\/|$)/, `:${port}`);
