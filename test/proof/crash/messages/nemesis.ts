import process from "node:process";
import { setTimeout } from "node:timers/promises";
import { uniform } from "../../../../packages/once-again/src/core/random.ts";
import type { CutProxy } from "../../../support/servers/cut-proxy.ts";
import type { PrivateServer } from "../../../support/servers/private-server.ts";
import {
  type Action,
  answerCut,
  type Course,
  cutsOf,
  deploy,
  processActions,
  questionCut,
  rightAt,
  runCourses,
  untilMet,
} from "../courses.ts";
import type { KillableProcess, Point } from "../killable-process.ts";
import { consumerSteps, relaySteps, type ServerDeath, type ShutPlace, writerSteps } from "./evidence.ts";
import type { Place, PlaceTopic } from "./places.ts";
import type { MessagesOptions, Scene } from "./scene.ts";
import type { MessageWindow } from "./windows.ts";

/** The faults of things that have no diary. */
export interface MessageFaults {
  connectionsCut: number;
  /** How often a consumer was asked to end, and ended; and what is said about those that did not. */
  shutdowns: number;
  readonly stuck: string[];
  /** How often a group of consumers was removed. */
  groupsLost: number;
  readonly brokerDeaths: ServerDeath[];
  /** How often the broker stood still, where it does not survive a kill. */
  brokerPauses: number;
  readonly databaseDeaths: ServerDeath[];
  readonly shutPlaces: ShutPlace[];
  /** How often what was cut. */
  readonly cuts: Map<MessageWindow, number>;
}

/** How long something is left alone between two faults, milliseconds: [least, most]. */
const peaceMs = {
  processes: [200, 800],
  wire: [300, 2000],
  broker: [4000, 9000],
  database: [4000, 9000],
  places: [500, 1500],
} as const;

/** Right at a step, and a moment after it: then what was sent is on its way. */
const around = (step: string): Point[] => [rightAt(step), { at: step, afterMs: 2 }];

/**
 * Breaks things for so long. Writers, relays, consumers, the wires, the broker and the database have a course each, which
 * goes through all that can be done to them, in another order each time.
 */
export async function injectMessageFaults(
  { engine, broker: { acknowledging, publishing, survivesKills } }: MessagesOptions,
  { processes, broker, database, wires, places, leaseMs }: Scene,
  run: { seed: number; isThorough: boolean; goesOn: () => boolean },
): Promise<MessageFaults> {
  const faults: MessageFaults = {
    connectionsCut: 0,
    shutdowns: 0,
    stuck: [],
    groupsLost: 0,
    brokerDeaths: [],
    brokerPauses: 0,
    databaseDeaths: [],
    shutPlaces: [],
    cuts: new Map(),
  };
  const onCut = (): void => void (faults.connectionsCut += 1);
  const counted = (window: MessageWindow) => (): void =>
    void faults.cuts.set(window, (faults.cuts.get(window) ?? 0) + 1);
  const { relayToBroker, consumerToBroker, toDatabase } = wires;
  const { server } = database;
  const brokerWires: Action[] = [
    ...cutsOf(relayToBroker, onCut),
    ...cutsOf(consumerToBroker, onCut),
    answerCut(relayToBroker, publishing, counted("message published, its confirmation cut")),
    questionCut(consumerToBroker, acknowledging),
    questionCut(consumerToBroker, acknowledging),
  ];
  const processCourse = (name: string, actions: readonly Action[]): Course => ({
    name,
    peaceMs: peaceMs.processes,
    actions,
  });
  await runCourses(run, [
    processCourse(
      "writers",
      processActions(processes.writer, { dieAt: writerSteps.flatMap(around), stopAt: [rightAt("added")] }, leaseMs),
    ),
    processCourse(
      "relays",
      processActions(
        processes.relay,
        { dieAt: relaySteps.flatMap(around), stopAt: [rightAt("claimed"), rightAt("publishing")] },
        leaseMs,
      ),
    ),
    processCourse("consumers", [
      () => deployed(processes.consumer, faults, rightAt("delivered")),
      ...processActions(
        processes.consumer,
        {
          dieAt: [...consumerSteps.flatMap(around), rightAt("effect")],
          stopAt: ["delivered", "delivered", "effect"].map(rightAt),
        },
        // Long enough that another one gets what it had, and gets to it.
        1.5 * leaseMs,
      ),
    ]),
    ...placeCourses(places, faults.shutPlaces),
    { name: "wires to the broker", peaceMs: peaceMs.wire, actions: brokerWires },
    {
      name: "broker",
      peaceMs: peaceMs.broker,
      actions: [
        async () => {
          await unanswered(relayToBroker, publishing);
          await (survivesKills
            ? killed(broker.server, faults.brokerDeaths)
            : standsStill(broker.server, 1.5 * leaseMs, () => (faults.brokerPauses += 1)));
        },
        async () => {
          if (await broker.admin.loseGroup?.()) faults.groupsLost += 1;
        },
      ],
    },
    ...(toDatabase === undefined || server === undefined
      ? []
      : [
          {
            name: "wires to the database",
            peaceMs: peaceMs.wire,
            actions: databaseCuts(toDatabase, engine.server!.removing, { onCut, counted }),
          },
          {
            name: "database",
            peaceMs: peaceMs.database,
            actions: [
              () => killed(server, faults.databaseDeaths),
              // Deployments one after another while the database is away.
              () =>
                killed(server, faults.databaseDeaths, async () => {
                  for (let count = 0; count < 3; count += 1) await deployed(processes.consumer, faults);
                }),
            ],
          },
        ]),
  ]);
  return faults;
}

/** How long a place takes no message after the first one came to it, milliseconds: longer than a relay waits for it. */
const shutMs = [1500, 5000] as const;

/** Each place is shut for a while, again and again. */
function placeCourses(places: Scene["places"], shutPlaces: ShutPlace[]): Course[] {
  return Object.entries(places).map(([name, place]) => ({
    name,
    peaceMs: peaceMs.places,
    actions: [
      async (random) => {
        await place.shut();
        const from = Date.now();
        await tried(place);
        await setTimeout(uniform(random, ...shutMs));
        shutPlaces.push({ topic: name as PlaceTopic, from, until: Date.now() });
        await place.open();
      },
    ],
  }));
}

/** How long that may take, milliseconds: messages wait behind others, the more so on a busy machine. */
const triedMsMax = 60_000;
/** How long a broker may take to say so, milliseconds. */
const askMsMax = 1000;

/** Waits until a message has come to a place that is shut, but no longer than it may take. */
async function tried(place: Place): Promise<void> {
  const endsAt = performance.now() + triedMsMax;
  // A broker that is away does not say, or never answers.
  const asked = (): Promise<boolean> => Promise.race([place.isTried().catch(() => false), setTimeout(askMsMax, false)]);
  while (performance.now() < endsAt && !(await asked())) await setTimeout(50);
}

async function deployed(consumers: readonly KillableProcess[], faults: MessageFaults, at?: Point): Promise<void> {
  faults.shutdowns += (await deploy(consumers, (problem) => faults.stuck.push(problem), at)).length;
}

/** Kills a server, takes down when, and starts it again after a while. */
async function killed(
  server: PrivateServer,
  deaths: ServerDeath[],
  meanwhile: () => Promise<void> = async () => undefined,
): Promise<void> {
  const from = Date.now();
  await server.kill();
  deaths.push({ from, until: Date.now() });
  await meanwhile();
  await server.restart();
}

/** Stops a server's process, and lets it go on after a while. */
async function standsStill({ pid }: PrivateServer, ms: number, onEnd: () => void): Promise<void> {
  process.kill(pid!, "SIGSTOP");
  await setTimeout(ms);
  process.kill(pid!, "SIGCONT");
  onEnd();
}

/** Waits until something is on its way, and keeps its answer back: a quick server would have answered before it dies. */
const unanswered = (wire: CutProxy, question: string): Promise<void> =>
  untilMet((onMet) =>
    wire.onNextQuestion(question, () => {
      wire.silence();
      onMet();
    }),
  );

function databaseCuts(
  { writer, relay, consumer }: Readonly<Record<"writer" | "relay" | "consumer", CutProxy>>,
  removing: string,
  { onCut, counted }: { onCut: () => void; counted: (window: MessageWindow) => () => void },
): Action[] {
  const commit = "COMMIT";
  return [
    ...[writer, relay, consumer].flatMap((wire) => cutsOf(wire, onCut)),
    answerCut(writer, commit, counted("commit of a writer executed, its answer cut")),
    answerCut(relay, removing, counted("delete executed, its answer cut")),
    questionCut(relay, removing),
    answerCut(consumer, commit, counted("commit of an effect executed, its answer cut")),
    questionCut(consumer, commit, counted("commit of an effect cut before it was executed")),
  ];
}
