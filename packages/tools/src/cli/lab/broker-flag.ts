import { InvalidArgumentError } from "commander";
import type { BrokerChoice } from "../../lab/messages/brokers/open-broker.ts";

/** The brokers that have a name, and where they are then. */
const localUrls = { rabbitmq: "amqp://localhost", nats: "nats://localhost" } as const;

const kindByScheme: Readonly<Record<string, BrokerChoice["kind"]>> = {
  "amqp:": "rabbitmq",
  "amqps:": "rabbitmq",
  "nats:": "nats",
};

export const brokerForms = "rabbitmq or nats (on this machine), or a URL: amqp://USER:PASSWORD@HOST, nats://HOST";

/** Reads which broker is meant. */
export function parseBroker(text: string): BrokerChoice {
  if (text === "rabbitmq" || text === "nats") return { kind: text, url: localUrls[text] };
  const kind = kindByScheme[URL.parse(text)?.protocol ?? ""];
  if (kind === undefined) throw new InvalidArgumentError(`It must be ${brokerForms}.`);
  return { kind, url: text };
}
