import { callerNames } from "../caller-name.ts";
import { crashSchedule, crashShares } from "../crash-schedule.ts";
import type { RoleName } from "./live/messages-protocol.ts";
import type { SideReport } from "./side-task.ts";

/** The crashes of a run of messages: the services as orders are saved, the shippings as they are shipped. */
export interface MessagesCrashes {
  note(report: SideReport): void;
  /** Calls off those that are to come, and answers how many there were. */
  settled(): Promise<Readonly<Record<RoleName, number>>>;
}

/** Has `crash` kill a process of both sides at moments that depend on the work alone. */
export function messagesCrashes(
  orders: number,
  crash: (role: RoleName) => Promise<boolean>,
  onFailure: (error: unknown) => void,
): MessagesCrashes {
  const total = orders * callerNames.length;
  const services = crashSchedule(total, crashShares.api, () => crash("service"), onFailure);
  const shippings = crashSchedule(total, crashShares.callers, () => crash("shipping"), onFailure);
  return {
    note({ event }) {
      if (event === "saved") services.step();
      else if (event === "shipped") shippings.step();
    },
    settled: async () => ({ service: await services.settled(), shipping: await shippings.settled() }),
  };
}
