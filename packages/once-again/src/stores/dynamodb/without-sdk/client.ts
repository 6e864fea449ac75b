import type { Agent } from "node:http";
import process from "node:process";
import type { Clock } from "../../../core/clock.ts";
import { hasMethod, wrongClientError } from "../../../core/duck-typing.ts";
import { checkNames } from "../../../core/option-names.ts";
import { invalidOptionError, wholeFromOne } from "../../../core/options.ts";
import { type Random, systemRandom } from "../../../core/random.ts";
import { systemClock } from "../../../core/system-clock.ts";
import type { Transport } from "../connection.ts";
import { type DynamodbOutbox, type DynamodbOutboxOptions, openOutbox } from "../outbox.ts";
import { type DynamodbStore, type DynamodbStoreOptions, openStore } from "../store.ts";
import {
  type Credentials,
  type CredentialSource,
  environmentCredentials,
  fixedCredentials,
  providedCredentials,
} from "./credentials.ts";
import { encodeInput } from "./json.ts";
import { httpPoster } from "./post.ts";
import { retrier } from "./retries.ts";
import { signedSender } from "./send-signed.ts";

/** How a client reaches DynamoDB, and as whom. */
interface DynamodbClientOptions {
  /** The region, such as `eu-west-1`; default `AWS_REGION`, then `AWS_DEFAULT_REGION`, of the environment, as Lambda sets it. */
  readonly region?: string | undefined;
  /**
   * The address of DynamoDB, such as that of an emulator or of a VPC: `http:` or `https:`, a host, and no path. Default
   * `AWS_ENDPOINT_URL_DYNAMODB`, then `AWS_ENDPOINT_URL`, of the environment, then that of AWS in the region.
   */
  readonly endpoint?: string | undefined;
  /**
   * The credentials, or a function that resolves with them, such as `fromNodeProviderChain()` of `@aws-sdk/credential-providers`: it is asked
   * anew 5 minutes before their `expiration`, and with `{ forceRefresh: true }` when AWS takes them no longer. Default `AWS_ACCESS_KEY_ID`,
   * `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` of the environment, read for each request.
   */
  readonly credentials?: Credentials | (() => Promise<Credentials>) | undefined;
  /** How often one request is sent at most, the first time included: a whole number of at least 1, default 4, as the client of AWS does. */
  readonly attemptsMax?: number | undefined;
  /** The agent of `node:https` (`node:http` for an `http:` address) that has the connections; default one of this client, with 50 of them. */
  readonly agent?: Agent | undefined;
}

/** A client of DynamoDB for `dynamodbStore` and `dynamodbOutbox` of this module. */
export interface DynamodbClient extends Transport {
  /**
   * Closes the connections that are open; a request that is on its way is sent again by a new one. Those of an `agent` of yours stay. A process
   * ends without it, too.
   */
  destroy(): void;
}

/**
 * A client of DynamoDB that does what a store needs, without the SDK of AWS: to import that is most of a function's cold start. One client is for any
 * number of stores and outboxes.
 *
 * It signs each request by Signature Version 4; where AWS says that this host's clock is wrong, it takes the time of the answer and signs once
 * more. Requests are sent again by the rules of AWS' standard mode: what was throttled, what a server failed at, and what lost its answer, as every
 * request of a store may be.
 *
 * @throws OnceAgainError `ONCE_OPTION_INVALID`, also where there is no region.
 * @example
 * ```ts
 * import { dynamodbClient, dynamodbStore } from "once-again/stores/dynamodb/without-sdk";
 *
 * const store = dynamodbStore(dynamodbClient(), { table: "once-again" });
 * ```
 */
export function dynamodbClient(options: DynamodbClientOptions = {}): DynamodbClient {
  return openClient(options, systemClock, systemRandom);
}

/** The same by another clock, and with another chance. */
export function openClient(options: DynamodbClientOptions, clock: Clock, random: Random): DynamodbClient {
  checkNames("dynamodbClient", options, {
    region: true,
    endpoint: true,
    credentials: true,
    attemptsMax: wholeFromOne,
    agent: true,
  });
  const { agent, attemptsMax } = options;
  const region = readRegion(options.region);
  const endpoint = readEndpoint(options.endpoint, region);
  checkAgent(agent, endpoint);
  const source = readCredentials(options.credentials);
  const poster = httpPoster(endpoint, agent);
  const send = signedSender({ poster, host: endpoint.host, region, source, clock });
  const retry = retrier({ attemptsMax, clock, random });
  return {
    request(operation, input, signal, attempts) {
      const request = { target: `DynamoDB_20120810.${operation}`, body: encodeInput(input), signal, attempts };
      return retry(() => send(request), signal);
    },
    destroy: () => poster[Symbol.dispose](),
  };
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`. */
function readRegion(option: unknown): string {
  const { AWS_REGION: own, AWS_DEFAULT_REGION: usual } = process.env;
  const region = option ?? (own || usual);
  if (typeof region === "string" && /^[a-z\d-]{1,63}$/.test(region)) return region;
  throw invalidOptionError(
    "region",
    "the region of the table, such as eu-west-1, or AWS_REGION or AWS_DEFAULT_REGION set in the environment",
    region,
  );
}

/** The domains of AWS' partitions, by how their regions begin. */
const domains: readonly (readonly [prefix: string, domain: string])[] = [
  ["cn-", "amazonaws.com.cn"],
  ["eusc-", "amazonaws.eu"],
  ["us-iso-", "c2s.ic.gov"],
  ["us-isob-", "sc2s.sgov.gov"],
  ["us-isof-", "csp.hci.ic.gov"],
  ["eu-isoe-", "cloud.adc-e.uk"],
];

/** @throws OnceAgainError `ONCE_OPTION_INVALID`. */
function readEndpoint(option: unknown, region: string): URL {
  const { AWS_ENDPOINT_URL_DYNAMODB: own, AWS_ENDPOINT_URL: usual } = process.env;
  const configured = isSet("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS") ? undefined : own || usual;
  const address = option ?? (configured || usualAddress(region));
  const url = typeof address === "string" ? URL.parse(address) : null;
  const isAddress = url !== null && /^https?:$/.test(url.protocol) && url.href === `${url.origin}/`;
  if (isAddress) return url;
  throw invalidOptionError(
    "endpoint",
    "an address without a path, such as https://dynamodb.eu-west-1.amazonaws.com, also where AWS_ENDPOINT_URL_DYNAMODB or " +
      "AWS_ENDPOINT_URL of the environment has it",
    address,
  );
}

/** The address of AWS in a region. @throws OnceAgainError `ONCE_OPTION_INVALID` where the environment asks for another one. */
function usualAddress(region: string): string {
  const wish = ["AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"].find(isSet);
  if (wish !== undefined) {
    throw invalidOptionError("endpoint", `the address for which ${wish} of the environment asks`, undefined);
  }
  const [, domain] = domains.find(([prefix]) => region.startsWith(prefix)) ?? ["", "amazonaws.com"];
  return `https://dynamodb.${region}.${domain}`;
}

function isSet(name: string): boolean {
  return process.env[name]?.toLowerCase() === "true";
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`. */
function checkAgent(agent: unknown, { protocol }: URL): void {
  if (agent === undefined) return;
  // The agents of Node have it as a value. One that takes both kinds of addresses finds it out for each request.
  const own = hasMethod(agent, "addRequest")
    ? (Object.getOwnPropertyDescriptor(agent, "protocol")?.value ?? protocol)
    : typeof agent;
  if (own === protocol) return;
  throw invalidOptionError("agent", `an Agent of node:${protocol.slice(0, -1)} for an endpoint of ${protocol}`, own);
}

/** @throws OnceAgainError `ONCE_OPTION_INVALID`; it shows no secret. */
function readCredentials(option: unknown): CredentialSource {
  if (option === undefined) return environmentCredentials;
  if (typeof option === "function") return providedCredentials(option as () => Promise<unknown>);
  if (typeof option === "object" && option !== null) return fixedCredentials(option);
  throw invalidOptionError("credentials", "an object with keys, or a function that resolves with one", typeof option);
}

/**
 * The store of `once-again/stores/dynamodb`, through a client of {@link dynamodbClient}.
 *
 * @example
 * ```ts
 * import { dynamodbClient, dynamodbStore } from "once-again/stores/dynamodb/without-sdk";
 *
 * const store = dynamodbStore(dynamodbClient(), { table: "once-again" });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function dynamodbStore(client: DynamodbClient, options: DynamodbStoreOptions): DynamodbStore {
  return openStore(transportOf(client), options);
}

/**
 * The outbox of `once-again/stores/dynamodb`, through a client of {@link dynamodbClient}.
 *
 * @example
 * ```ts
 * import { dynamodbClient, dynamodbOutbox } from "once-again/stores/dynamodb/without-sdk";
 *
 * const outbox = dynamodbOutbox(dynamodbClient(), { table: "once-again" });
 * ```
 * @throws OnceAgainError `ONCE_OPTION_INVALID`.
 */
export function dynamodbOutbox(client: DynamodbClient, options: DynamodbOutboxOptions): DynamodbOutbox {
  return openOutbox(transportOf(client), options);
}

function transportOf(client: DynamodbClient): Transport {
  if (hasMethod(client, "request") && hasMethod(client, "destroy")) return client;
  throw wrongClientError("client", "a client that dynamodbClient() of this module has made", client);
}
