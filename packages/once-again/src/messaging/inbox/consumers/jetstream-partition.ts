import type { MessagePosition } from "../inbox-message.ts";
import type { JetstreamConsumerSource, JetstreamDelivery, JetstreamStreams } from "./jetstream-client.ts";

/**
 * The partition of a stream's messages: its name, and when it was made, since a stream that was deleted and made anew begins
 * its numbers again. A new stream has a new consumer, which counts its deliveries from 1. So whenever a delivery is not the
 * next one of its consumer, the stream is asked for again: after a restart of the server or of this consumer, and where
 * several processes share the consumer.
 *
 * @param onAnew is called when the stream is another one than before.
 */
export function partitionOf(
  source: JetstreamConsumerSource,
  jetstream: Partial<JetstreamStreams>,
  onAnew: (error: Error) => void,
): (delivery: JetstreamDelivery) => Promise<MessagePosition> {
  let partition: string | undefined;
  let deliverySequence = 0;
  const ask = async ({ stream, deliverySequence: delivery }: JetstreamDelivery["info"]): Promise<string> => {
    const { created } = await (await jetstream.jetstreamManager!()).streams.info(stream);
    const { delivered } = await source.info();
    // Its stream was deleted and made anew since this delivery, so its number means nothing in the new stream.
    if (delivered !== undefined && delivered.consumer_seq < delivery) {
      throw new Error(`A message of the stream ${stream} was delivered before the stream was made anew.`);
    }
    const current = `${stream}@${created}`;
    if (partition !== undefined && partition !== current) {
      onAnew(new Error(`The stream ${stream} of JetStream was made anew: its numbers are those of other messages.`));
    }
    return current;
  };
  return async ({ info }) => {
    if (partition === undefined || info.deliverySequence !== deliverySequence + 1) partition = await ask(info);
    ({ deliverySequence } = info);
    return { partition, sequence: info.streamSequence, storedAt: info.timestampNanos / 1e6 };
  };
}
