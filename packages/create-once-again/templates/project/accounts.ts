// Stands for your sign-in: which account has this token?
const accounts = new Map([["Bearer secret", "acme"]]);

/** The account that a request is from; `undefined` for a stranger. */
export function accountOf(authorization: string | null | undefined): string | undefined {
  return accounts.get(authorization ?? "");
}
