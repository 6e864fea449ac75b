import { once } from "node:events";
import {
  type ClientHttp2Session,
  connect,
  constants,
  createSecureServer,
  type Http2SecureServer,
  type ServerHttp2Stream,
} from "node:http2";
import { text } from "node:stream/consumers";
import { Agent, fetch } from "undici";
import { afterEach, beforeEach, expect, test } from "vitest";
import { deno } from "../runtimes/runtimes.ts";
import { describeWithServer } from "../support/servers/describe-with-server.ts";
import { describeWithCertificates } from "../support/describe-with-certificates.ts";
import { bodyEnd, closedPort, listening, portOf } from "./origin.ts";
import { verdictOn } from "./verdict-on.ts";

const {
  NGHTTP2_ENHANCE_YOUR_CALM,
  NGHTTP2_INTERNAL_ERROR,
  NGHTTP2_NO_ERROR,
  NGHTTP2_PROTOCOL_ERROR,
  NGHTTP2_REFUSED_STREAM,
} = constants;

/** The server's treatment of a stream once it has its whole request. */
type Treatment = (stream: ServerHttp2Stream) => void;

let server: Http2SecureServer;
let url: string;
/** The streams that the server took up, in the order of their requests. */
let taken: number[];
/** The treatments of the streams to come; the rest it leaves open. */
let treatments: Treatment[];

/** Takes a stream up, and then does this. */
const take = (stream: ServerHttp2Stream, then?: Treatment): void => {
  taken.push(stream.id ?? 0);
  then?.(stream);
};
const takeAnd =
  (then: Treatment): Treatment =>
  (stream) =>
    take(stream, then);
const refuse: Treatment = (stream) => stream.close(NGHTTP2_REFUSED_STREAM);
const resetWith =
  (code: number): Treatment =>
  (stream) =>
    stream.close(code);

describeWithCertificates("over HTTP/2", (certificates) => {
  beforeEach(async () => {
    [taken, treatments] = [[], []];
    server = createSecureServer({ ...certificates().good, allowHTTP1: false });
    server.on("sessionError", () => undefined);
    server.on("stream", async (stream) => {
      stream.on("error", () => undefined);
      await text(stream).catch(() => undefined);
      (treatments.shift() ?? take)(stream);
    });
    await listening(server);
    url = `https://127.0.0.1:${portOf(server)}`;
  });

  afterEach(() => void server.close());

  function session(): ClientHttp2Session {
    return connect(url, { ca: certificates().ca }).on("error", () => undefined);
  }

  /** How a POST through Node's client ends: the verdict on its error, or in words. */
  function post(client: ClientHttp2Session): Promise<string> {
    return new Promise<string>((resolve) => {
      const stream = client.request({ ":method": "POST", ":path": "/orders" });
      stream.once("response", () => resolve("an answer"));
      stream.once("error", (error) => resolve(verdictOn(error)));
      stream.once("close", () => resolve("no answer, no error"));
      stream.end(bodyEnd);
    }).catch(verdictOn);
  }

  async function verdictOnPost(treatment: Treatment): Promise<string> {
    treatments = [treatment];
    const client = session();
    try {
      return await post(client);
    } finally {
      client.destroy();
    }
  }

  test("a server that refuses a stream vouches that it did nothing with it", async () => {
    expect(await verdictOnPost(refuse)).toBe("never");
    expect(taken).toEqual([]);
  });

  test("any other reset proves nothing: the stream may have been taken up", async () => {
    const codes = [NGHTTP2_INTERNAL_ERROR, NGHTTP2_PROTOCOL_ERROR, NGHTTP2_ENHANCE_YOUR_CALM];
    for (const code of codes) expect(await verdictOnPost(takeAnd(resetWith(code)))).toBe("unknown");
    expect(taken).toEqual([1, 1, 1]);
  });

  test("a GOAWAY proves for the streams above its last one that nothing was done with them", async () => {
    const client = session();
    const first = post(client);
    treatments = [take, (stream) => stream.session?.goaway(NGHTTP2_NO_ERROR, 1)];
    await once(client, "connect");
    expect(await post(client)).toBe("never");

    // And no further ones are made.
    expect(await post(client)).toBe("never");
    client.destroy();
    expect(await post(client)).toBe("never");
    expect(taken).toEqual([1]);
    expect(await first).toBe("no answer, no error");
  });

  test("a GOAWAY says nothing of the streams up to its last one", async () => {
    const goAway = takeAnd((stream) => stream.session?.goaway(NGHTTP2_INTERNAL_ERROR, stream.id));
    expect(await verdictOnPost(goAway)).toBe("unknown");
    expect(taken).toEqual([1]);
  });

  test("of a connection that is lost Node says nothing at all", async () => {
    const cut = takeAnd((stream) => stream.session?.socket.destroy());
    expect(await verdictOnPost(cut)).toBe("no answer, no error");
    expect(taken).toEqual([1]);
  });

  test("a connection that is refused, or has a refused certificate, never carried a request", async () => {
    const refused = connect(`https://127.0.0.1:${await closedPort()}`).on("error", () => undefined);
    expect(await post(refused)).toBe("never");
    const untrusting = connect(url).on("error", () => undefined);
    expect(await post(untrusting)).toBe("never for good");
    expect(taken).toEqual([]);
  });

  test("undici's fetch over HTTP/2 says the same of a stream that was refused, and of one that was reset", async () => {
    const dispatcher = new Agent({ allowH2: true, connect: { ca: certificates().ca } });
    const send = async (): Promise<string> =>
      fetch(url, { method: "POST", body: bodyEnd, dispatcher }).then(() => "none", verdictOn);
    treatments = [refuse, takeAnd(resetWith(NGHTTP2_INTERNAL_ERROR))];
    expect(await send()).toBe("never");
    expect(taken).toEqual([]);
    expect(await send()).toBe("unknown");
    await dispatcher.destroy();
  });

  describeWithServer("Deno", deno.binary, () => {
    test("its fetch over HTTP/2 says the same, once it has asked again by itself", async () => {
      const probe = { name: "no HTTP", url, fillerBytes: 0, bodyEnd, warm: false, timeoutMs: 5000 } as const;
      const verdictIn = async (): Promise<string> => {
        const { findings } = await deno.perform({ probes: [probe], ordersUrl: "", orders: [] }, certificates());
        return findings[probe.name].verdict;
      };
      treatments = Array.from({ length: 10 }, () => refuse);
      expect(await verdictIn()).toBe("never");
      expect(taken).toEqual([]);
      treatments = [takeAnd(resetWith(NGHTTP2_INTERNAL_ERROR))];
      expect(await verdictIn()).toBe("unknown");
      expect(taken).toEqual([1]);
    });
  });
});
