import type { CallerName } from "../../caller-name.ts";
import type { LabFaults } from "../../fault-plan.ts";
import type { BrokerAddress, BrokerLink, LabBroker } from "./broker.ts";
import { embeddedBroker, embeddedLink } from "./embedded.ts";
import { natsBroker, natsLink } from "./nats.ts";
import { rabbitmqBroker, rabbitmqLink } from "./rabbitmq.ts";

/** Where the broker of a run is: in the lab itself, or a server. */
export type BrokerChoice = Pick<BrokerAddress, "kind" | "url">;

/**
 * Opens the broker of a run.
 *
 * @throws Error when its driver is not installed, or its server does not answer.
 */
export async function openBroker({ kind, url }: BrokerChoice, faults: LabFaults): Promise<LabBroker> {
  const address = { kind, url, prefix: `once-again-lab-${crypto.randomUUID()}` };
  switch (kind) {
    case "embedded":
      return embeddedBroker(faults);
    case "rabbitmq":
      return rabbitmqBroker(address);
    case "nats":
      return natsBroker(address);
  }
}

/** Connects a process of a side with it. */
export async function openLink(address: BrokerAddress, side: CallerName): Promise<BrokerLink> {
  switch (address.kind) {
    case "embedded":
      return embeddedLink();
    case "rabbitmq":
      return rabbitmqLink(address, side);
    case "nats":
      return natsLink(address, side);
  }
}
