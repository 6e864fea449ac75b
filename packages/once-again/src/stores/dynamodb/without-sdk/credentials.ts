import process from "node:process";
import { OnceAgainError } from "../../../core/errors.ts";

/** Credentials of AWS. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
  /** When they end; missing: never. */
  readonly expiration?: Date | undefined;
}

/** Where a client has its credentials from. */
export interface CredentialSource {
  /** @param nowMs the time, since the epoch. @throws OnceAgainError `ONCE_STORE_UNAVAILABLE` where there are none. */
  get(nowMs: number): Credentials | Promise<Credentials>;
  /** AWS takes them no longer. Whether there may be others now. */
  drop(credentials: Credentials): boolean;
}

/** Credentials that end within this time are renewed, milliseconds. */
const renewBeforeMs = 300_000;

/** A provider that has not answered within this time is asked once more, milliseconds: its connection may be dead. */
const renewalMsMax = 30_000;

/** The credentials of the environment, as Lambda gives them; read each time, since they may change. */
export const environmentCredentials: CredentialSource = {
  get() {
    const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = process.env;
    if (!accessKeyId || !secretAccessKey) {
      throw credentialsError(
        "There are no credentials for DynamoDB: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not both set in the environment. Lambda sets " +
          "them; elsewhere give the client `credentials`, for example fromNodeProviderChain() of @aws-sdk/credential-providers.",
      );
    }
    return checked({ accessKeyId, secretAccessKey, sessionToken: process.env["AWS_SESSION_TOKEN"] });
  },
  drop: () => true,
};

/** Credentials that never change. @throws OnceAgainError `ONCE_OPTION_INVALID`. */
export function fixedCredentials(given: unknown): CredentialSource {
  const credentials = checked(given, (problem) => {
    return new OnceAgainError("ONCE_OPTION_INVALID", problem, { details: { option: "credentials" } });
  });
  return { get: () => credentials, drop: () => false };
}

/** Resolves with credentials. One of the SDK gives those that it has, unless it is asked to `forceRefresh`. */
type Provider = (options: { readonly forceRefresh: boolean }) => Promise<unknown>;

/**
 * Credentials of a provider, which is asked before they end, once at a time. As long as those before are good, no request waits for it. One
 * that fails, or does not answer, is asked again by a later request.
 */
export function providedCredentials(provider: Provider): CredentialSource {
  let known: Credentials | undefined;
  let forceRefresh = false;
  let renewal: { readonly asked: Promise<Credentials>; readonly askedAt: number } | undefined;
  const ask = async (): Promise<Credentials> => {
    try {
      known = checked(await provider({ forceRefresh }));
      forceRefresh = false;
      return known;
    } catch (cause) {
      if (OnceAgainError.isInstance(cause)) throw cause;
      throw credentialsError("The provider of the credentials failed; the cause has its words.", cause);
    }
  };
  return {
    get(nowMs) {
      const leftMs = known === undefined ? 0 : (known.expiration?.getTime() ?? Infinity) - nowMs;
      if (leftMs > renewBeforeMs) return known!;
      if (renewal === undefined || nowMs - renewal.askedAt > renewalMsMax) {
        const begun = (renewal = { asked: ask(), askedAt: nowMs });
        const end = (): void => {
          if (renewal === begun) renewal = undefined;
        };
        begun.asked.then(end, end);
      }
      return leftMs > 0 ? known! : renewal.asked;
    },
    drop(credentials) {
      if (known === credentials) {
        known = undefined;
        forceRefresh = true;
      }
      return true;
    },
  };
}

/** The characters that a header takes, and keys are made of. */
const isKey = (value: unknown): value is string => typeof value === "string" && /^[\x21-\x7e]+$/.test(value);

/** @throws OnceAgainError that `refuse` makes, with a text that shows none of them. */
function checked(given: unknown, refuse: (problem: string) => OnceAgainError = credentialsError): Credentials {
  const { accessKeyId, secretAccessKey, sessionToken: token, expiration } = (given ?? {}) as Record<string, unknown>;
  // An empty token counts as missing, as the client of AWS has it.
  const sessionToken = token || undefined;
  // A number may be one of seconds, and count as over.
  const isDate = typeof expiration === "object" || typeof expiration === "string";
  const end = expiration == null ? undefined : new Date(isDate ? (expiration as Date) : Number.NaN);
  const wrong = [
    ...(isKey(accessKeyId) ? [] : ["accessKeyId"]),
    ...(isKey(secretAccessKey) ? [] : ["secretAccessKey"]),
    ...(sessionToken === undefined || isKey(sessionToken) ? [] : ["sessionToken"]),
    ...(Number.isNaN(end?.getTime()) ? ["expiration"] : []),
  ];
  if (wrong.length > 0) {
    throw refuse(
      `The credentials for DynamoDB have no usable ${wrong.join(" and ")}: give { accessKeyId, secretAccessKey, sessionToken?, expiration? }, ` +
        "texts without spaces, as the variables AWS_ACCESS_KEY_ID and so on are, and a Date; or a function that resolves with that.",
    );
  }
  return { accessKeyId, secretAccessKey, sessionToken, expiration: end } as Credentials;
}

function credentialsError(message: string, cause?: unknown): OnceAgainError {
  return new OnceAgainError("ONCE_STORE_UNAVAILABLE", message, { cause });
}
