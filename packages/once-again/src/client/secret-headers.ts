/** The words by which headers of credentials are named: `Cookie`, `X-Api-Key`, `X-Auth-Token`, `X-Amz-Security-Token`. */
const secretWord =
  /(^|[^a-z\d])(apikey|auth(entication|orization|token)?|cookie|credentials?|jwt|passw(or)?d|secret|session(id)?|token|(access|account|api|app|application|auth|functions|master|private|secret|subscription)[^a-z\d]+key)([^a-z\d]|$)/;

/** Whether a header holds a secret, by its name in lower case: a word of it says so, or two, as in `x-api-key`. */
export function isSecretHeader(name: string): boolean {
  return secretWord.test(name);
}
