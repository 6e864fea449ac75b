/**
 * The order service of one side, in a separate process, so that it can be killed. Started by messages-run.ts, which sends it
 * its task by IPC; it answers with reports, ends after the last, and at once when its parent is gone.
 */
import process from "node:process";
import { liveGate } from "../live/live-gate.ts";
import { sendAll } from "../send-all.ts";
import { openLink } from "./brokers/open-broker.ts";
import { faultyPublish } from "./faulty-way.ts";
import type { SendOrder } from "../send-order.ts";
import { orderServices, savedOrders } from "./order-services.ts";
import type { ServiceWord, SideReport, SideTask } from "./side-task.ts";

const report = (what: SideReport, onSent: () => void = () => undefined): void => void process.send?.(what, onSent);

/** How long both services wait for a confirmation, milliseconds: short, as the broker is near. */
const publishMsMax = 300;

/** Orders wait here until the lab lets them go. */
const gate = liveGate();

function obey(word: ServiceWord): void {
  if (word === "step") gate.step();
  else if (word === "go" || word === "wait") gate.setOpen(word === "go");
}

async function run({ name, broker, path, orders, concurrency, ...faults }: SideTask): Promise<void> {
  const placed = savedOrders(path);
  const link = await openLink(broker, name);
  const service = orderServices[name]({
    path,
    publishMsMax: publishMsMax + 8 * faults.slowness,
    concurrency,
    publish: faultyPublish(link.publish, faults, (order, scenario) => report({ event: "published", order, scenario })),
    onSaved: ({ id }) => report({ event: "saved", order: id }),
    onLeft: ({ id }) => report({ event: "left", order: id }),
  });
  const { signal } = new AbortController();
  const send: SendOrder = async (order) => {
    // An order that was placed before a crash has passed the gate.
    if (!placed.has(order.id)) await gate.pass(name);
    await service.place(order);
    return "confirmed";
  };
  await sendAll({ orders, concurrency, send, signal, onSettled: () => undefined });
  await service.close();
  await link.close();
  report({ event: "done" }, () => process.disconnect());
}

process.on("message", (message) => obey(message as ServiceWord));
process.once("message", (task) => void run(task as SideTask));
// Ctrl-C reaches the whole group of processes; the parent acts on it.
for (const name of ["SIGINT", "SIGHUP"]) process.on(name, () => undefined);
process.once("disconnect", () => process.exit());
