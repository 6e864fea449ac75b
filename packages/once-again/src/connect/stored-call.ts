import { clone, create, type DescMessage, fromBinary, fromJson, type Message, toBinary } from "@bufbuild/protobuf";
import { reflect, type ReflectMap, type ReflectMessage } from "@bufbuild/protobuf/reflect";
import { base64Decode, base64Encode } from "@bufbuild/protobuf/wire";
import { Code, ConnectError, type UnaryRequest, type UnaryResponse } from "@connectrpc/connect";
import { joinBytes } from "../core/bytes.ts";
import type { Codec } from "../engine/engine.ts";
import type { Refusals } from "../function/function-options.ts";
import { fingerprint } from "../key/index.ts";
import { replayedMetadata } from "./connect-refusal.ts";

/** A call's response, whatever the protocol that brings it. */
export interface CallResponse {
  readonly message: Message;
  readonly header: Headers;
  readonly trailer: Headers;
}

type Pairs = readonly (readonly [name: string, value: string])[];

const [encoder, decoder] = [new TextEncoder(), new TextDecoder("utf-8", { fatal: true })];
const newline = 0x0a;

/**
 * Metadata that is of one protocol, one encoding or one connection. A repeat may come by another one: it gets what its own server writes.
 */
const ofTransport =
  /^(?::|connect-|grpc-|content-(?:type|length|encoding)$|(?:accept-encoding|connection|date|keep-alive|set-cookie|te|trailer|transfer-encoding|upgrade)$)/;

function storedPairs(metadata: Headers): Pairs {
  return [...metadata].filter(([name]) => !ofTransport.test(name));
}

/** The first line of a stored response: its metadata. The message follows, in Protobuf's binary form. */
interface Head {
  readonly connect: { readonly header: Pairs; readonly trailer: Pairs };
}

/** How the responses of a method are stored. */
export function responseCodec(output: DescMessage): Codec<CallResponse> {
  return {
    encode({ message, header, trailer }) {
      const head: Head = { connect: { header: storedPairs(header), trailer: storedPairs(trailer) } };
      return joinBytes([encoder.encode(`${JSON.stringify(head)}\n`), toBinary(output, message)]);
    },
    decode(bytes) {
      const end = bytes.indexOf(newline);
      const head = end < 0 ? undefined : readHead(bytes.subarray(0, end));
      if (head === undefined) return settledResponse(output, bytes);
      const message = fromBinary(output, bytes.subarray(end + 1));
      return { message, header: headersOf(head.connect.header), trailer: headersOf(head.connect.trailer) };
    },
  };
}

function readHead(line: Uint8Array): Head | undefined {
  try {
    const head = JSON.parse(decoder.decode(line)) as Partial<Head> | null;
    return head?.connect === undefined ? undefined : (head as Head);
  } catch {
    return undefined;
  }
}

/** The message as JSON, which a person wrote to settle the key, by `keys resolve` or in the console. */
function settledResponse(output: DescMessage, bytes: Uint8Array): CallResponse {
  const message = bytes.length === 0 ? create(output) : fromJson(output, JSON.parse(decoder.decode(bytes)));
  return { message, header: new Headers(), trailer: new Headers() };
}

function headersOf(pairs: Pairs): Headers {
  const headers = new Headers();
  for (const [name, value] of pairs) headers.append(name, value);
  return headers;
}

/** The stored form of an error with which a handler refuses a call. */
interface StoredRefusal {
  readonly code: Code;
  readonly message: string;
  readonly metadata: Pairs;
  readonly details: readonly { readonly type: string; readonly value: string }[];
}

/**
 * Codes by which a handler has judged the call and refused it: they are stored, as HTTP's 4xx are. All others leave it open
 * whether something happened.
 */
const refusing: ReadonlySet<Code> = new Set([
  Code.InvalidArgument,
  Code.NotFound,
  Code.AlreadyExists,
  Code.PermissionDenied,
  Code.FailedPrecondition,
  Code.OutOfRange,
  Code.Unauthenticated,
]);

export const storedRefusals: Refusals<unknown> = {
  encode(error): StoredRefusal | undefined {
    if (!(error instanceof ConnectError) || !refusing.has(error.code)) return undefined;
    const { code, rawMessage: message, metadata } = error;
    const details = error.details.map((detail) => {
      if (!("desc" in detail)) return { type: detail.type, value: base64Encode(detail.value) };
      const { desc, value } = detail;
      return { type: desc.typeName, value: base64Encode(toBinary(desc, create(desc, value))) };
    });
    return { code, message, metadata: storedPairs(metadata), details };
  },
  decode(stored) {
    const { code, message, metadata, details } = stored as StoredRefusal;
    const error = new ConnectError(message, code, headersOf(metadata));
    error.details = details.map(({ type, value }) => ({ type, value: base64Decode(value) }));
    return error;
  },
};

/**
 * A stored response as the answer to a call. Connect's server takes the whole header and trailer of a response that its handler
 * has not made (`copyHeaders` of connect-es 2), so the few fields that each protocol needs are written anew.
 */
export function storedResponse(
  { method, service, header: asked }: UnaryRequest,
  { message, header, trailer }: CallResponse,
  isReplay: boolean,
): UnaryResponse {
  const type = asked.get("content-type")?.toLowerCase() ?? "";
  const format = /json/.test(type) ? "json" : "proto";
  const grpc = /^application\/grpc(?:-web)?/.exec(type)?.[0];
  header.set("content-type", grpc === undefined ? `application/${format}` : `${grpc}+${format}`);
  if (grpc !== undefined) trailer.set("grpc-status", "0");
  if (isReplay) header.set(replayedMetadata, "true");
  return { stream: false, service, method, message, header, trailer };
}

/**
 * The fingerprint of a call: SHA-256, hexadecimal, of its method and its message. The order in which a map's entries came is no difference:
 * Go's clients write them in another order at each attempt.
 */
export function fingerprintOfMessage({ service, method, message }: UnaryRequest): Promise<string> {
  const body = toBinary(method.input, withSortedMaps(method.input, message));
  const path = `/${service.typeName}/${method.name}`;
  return fingerprint({ method: "POST", path, query: "", contentType: "application/proto", body });
}

function withSortedMaps(desc: DescMessage, message: Message): Message {
  if (!hasMaps(desc)) return message;
  const copy = clone(desc, message);
  sortMaps(reflect(desc, copy));
  return copy;
}

const messagesWithMaps = new WeakMap<DescMessage, boolean>();

function hasMaps(desc: DescMessage): boolean {
  let has = messagesWithMaps.get(desc);
  if (has === undefined) messagesWithMaps.set(desc, (has = reachesMap(desc, new Set())));
  return has;
}

function reachesMap(desc: DescMessage, seen: Set<DescMessage>): boolean {
  if (seen.has(desc)) return false;
  seen.add(desc);
  return desc.fields.some(
    (field) => field.fieldKind === "map" || (field.message !== undefined && reachesMap(field.message, seen)),
  );
}

function sortMaps(message: ReflectMessage): void {
  for (const field of message.fields) {
    if (!message.isSet(field)) continue;
    if (field.fieldKind === "message") {
      const part = message.get(field);
      sortMaps(part);
      // A Struct is plain JSON in its message, and what is reflected is made of it.
      message.set(field, part);
    } else if (field.fieldKind === "list" && field.listKind === "message") {
      for (const part of message.get(field)) sortMaps(part as ReflectMessage);
    } else if (field.fieldKind === "map") {
      sortMap(message.get(field), field.mapKind === "message");
    }
  }
}

function sortMap(map: ReflectMap, ofMessages: boolean): void {
  const entries = [...map].toSorted(([one], [other]) => (String(one) < String(other) ? -1 : 1));
  map.clear();
  for (const [key, value] of entries) {
    if (ofMessages) sortMaps(value as ReflectMessage);
    map.set(key, value);
  }
}
