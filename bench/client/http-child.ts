/** `http-child.ts CALLER PORT`: one HTTP client in a separate process. Messages say how long it sends. */
import process from "node:process";
import { answer, path } from "../server/exchange.ts";
import { callers } from "./callers.ts";

/** How an HTTP client did. */
export interface HttpFigures {
  perSecond: number;
  /** Processor time of this process, all its threads, for one request. */
  cpuMicroseconds: number;
}

const [, , name, port] = process.argv;
const caller = callers.find((one) => one.name === name);
if (caller === undefined) throw new Error("http-child.ts CALLER PORT");
const send = caller.make();
const url = `http://127.0.0.1:${port}${path}`;

async function measure({
  milliseconds,
  connections,
}: {
  milliseconds: number;
  connections: number;
}): Promise<HttpFigures> {
  const [startedAt, cpuBefore] = [performance.now(), process.cpuUsage()];
  let answers = 0;
  const sendOn = async (): Promise<void> => {
    while (performance.now() - startedAt < milliseconds) {
      if ((await send(url)) !== answer) throw new Error(`${name} got another answer.`);
      answers += 1;
    }
  };
  await Promise.all(Array.from({ length: connections }, sendOn));
  const { user, system } = process.cpuUsage(cpuBefore);
  const seconds = (performance.now() - startedAt) / 1000;
  return { perSecond: answers / seconds, cpuMicroseconds: (user + system) / answers };
}

process.on("message", (order: { milliseconds: number; connections: number }) => {
  measure(order).then(
    (figures) => process.send?.(figures),
    (error: unknown) => process.send?.({ fault: String(error) }),
  );
});
process.on("disconnect", () => process.exit());
