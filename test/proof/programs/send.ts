import { request } from "node:http";
import { type Exchange, exchangeHeader } from "./diary.ts";

/** The response that a caller got. */
export type Heard =
  | {
      readonly status: number;
      readonly text: string;
      readonly replayed: boolean;
      /** The error code of an answer of our own. */
      readonly code: string | undefined;
    }
  /** It left, or its connection was cut. */
  | "nothing"
  /** No answer came within any reasonable time. */
  | "hang";

/** Longer than any answer takes that comes at all, milliseconds: with a load of 20 on two cores, one took more than a minute. */
const answerMsMax = 300_000;

/** Sends the program's request with its key, and resolves with the response. Never rejects. */
export function send(url: string, key: string, exchange: Exchange): Promise<Heard> {
  return new Promise((resolve) => {
    const body = JSON.stringify({ order: key });
    const headers = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
      "idempotency-key": key,
      [exchangeHeader]: exchange.id,
    };
    const outgoing = request(url, { method: "POST", agent: false, headers });
    const settle = (heard: Heard): void => {
      clearTimeout(timer);
      exchange.end();
      resolve(heard);
    };
    const timer = setTimeout(() => {
      settle("hang");
      outgoing.destroy();
    }, answerMsMax);
    exchange.leave = () => void outgoing.destroy();
    outgoing.on("error", () => settle("nothing"));
    outgoing.on("response", (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => void chunks.push(chunk));
      incoming.on("error", () => settle("nothing"));
      incoming.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        const isProblem = incoming.headers["content-type"]?.includes("problem+json");
        settle({
          status: incoming.statusCode ?? 0,
          text,
          replayed: incoming.headers["idempotent-replayed"] === "true",
          code: isProblem ? (JSON.parse(text) as { code?: string }).code : undefined,
        });
      });
    });
    outgoing.end(body);
  });
}
