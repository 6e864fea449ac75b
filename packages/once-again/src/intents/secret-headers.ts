/** Words by which headers of credentials are named: `X-Api-Key`, `X-Auth-Token`, `X-Amz-Security-Token`, `Cookie`. */
const secretWords: ReadonlySet<string> = new Set([
  "apikey",
  "auth",
  "authentication",
  "authorization",
  "authtoken",
  "cookie",
  "credential",
  "credentials",
  "jwt",
  "passwd",
  "password",
  "secret",
  "session",
  "sessionid",
  "token",
]);

/** Words before `key` that make it a credential; `Idempotency-Key` is none. */
const keyKinds: ReadonlySet<string> = new Set([
  "access",
  "account",
  "api",
  "app",
  "application",
  "auth",
  "functions",
  "master",
  "private",
  "secret",
  "subscription",
]);

/** Whether a header holds a secret, by its name in lower case: a word of it says so, or two, as in `x-api-key`. */
export function isSecretHeader(name: string): boolean {
  const words = name.split(/[^a-z\d]+/);
  return words.some((word, at) => secretWords.has(word) || (word === "key" && keyKinds.has(words[at - 1] ?? "")));
}
