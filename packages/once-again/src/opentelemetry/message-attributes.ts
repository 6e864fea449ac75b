import type { Attributes } from "./api.ts";

/** The names of messages in telemetry. */
export interface MessageNaming {
  /**
   * The broker, as the semantic conventions name it (`messaging.system`): `rabbitmq`, `kafka`, `aws_sqs`; `nats` and `redis`
   * are our own.
   */
  readonly system: string;
  /**
   * The name of a topic (`messaging.destination.name`, and in the names of spans); default the topic. Give it where
   * topics hold ids, such as `orders.7.placed`: metrics need few names.
   */
  readonly destination?: ((topic: string) => string) | undefined;
}

/** The operations of a message, and of which type they are to the conventions. */
const operationTypes = { create: "create", publish: "send", process: "process" } as const;

/** The operations on a message. */
export type MessageOperation = keyof typeof operationTypes;

/** Names and attributes of one operation on the messages of a topic. */
export interface OperationNames {
  readonly spanName: string;
  /** For metrics and spans alike: few values each. */
  readonly attributes: Attributes;
}

/** The attributes that the semantic conventions for messaging ask of both metrics and spans. */
export function operationNames(
  { system, destination = (topic: string) => topic }: MessageNaming,
  operation: MessageOperation,
  topic: string,
): OperationNames {
  const name = destination(topic);
  return {
    spanName: `${operation} ${name}`,
    attributes: {
      "messaging.system": system,
      "messaging.operation.name": operation,
      "messaging.operation.type": operationTypes[operation],
      "messaging.destination.name": name,
    },
  };
}
