/** The parts that we use of a message of `@nats-io/jetstream`. */
export interface JetstreamDelivery {
  readonly subject: string;
  readonly data: Uint8Array;
  readonly headers?: { keys(): string[]; get(name: string): string } | undefined;
  readonly info: {
    readonly stream: string;
    readonly deliveryCount: number;
    /** Which delivery of the consumer it is, from 1. */
    readonly deliverySequence: number;
    readonly streamSequence: number;
    /** When the stream stored it. */
    readonly timestampNanos: number;
  };
  /** Acknowledges it, and waits until the server has heard that. */
  ackAck(): Promise<boolean>;
  nak(delayMs?: number): void;
  /** Says that it is being handled still. */
  working(): void;
}

/** The parts that we use of a pull consumer of `@nats-io/jetstream`. */
export interface JetstreamConsumerSource {
  info(cached?: boolean): Promise<{
    readonly stream_name: string;
    readonly config: {
      readonly ack_policy?: string;
      readonly ack_wait?: number;
      readonly max_deliver?: number;
      readonly max_ack_pending?: number;
    };
    /** How often it has delivered a message. */
    readonly delivered?: { readonly consumer_seq: number };
  }>;
  consume(options: { max_messages: number }): Promise<JetstreamMessages>;
}

/** The parts that we use of the messages that `consume()` gives. */
export interface JetstreamMessages extends AsyncIterable<JetstreamDelivery> {
  close(): Promise<unknown>;
  /** The events of the stream, the consumer and the connection. */
  status?(): AsyncIterable<{ readonly type: string }>;
}

/** The further parts of `jetstream(connection)` that we use where there is a high-water mark. */
export interface JetstreamStreams {
  jetstreamManager(): Promise<{ readonly streams: { info(stream: string): Promise<{ readonly created: string }> } }>;
}
