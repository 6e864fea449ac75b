/** Where rules are written. */
const draftPage = "https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header-07";

export const draftUrl = (section: string): string => `${draftPage}#section-${section}`;
export const rfcUrl = (number: number, section: string): string =>
  `https://www.rfc-editor.org/rfc/rfc${number}.html#section-${section}`;

/** The draft leaves this open, and practice has decided it: our guide says why, under the id of the case. */
export const guideUrl = (id: string): string =>
  `https://unpkg.com/once-again@0/docs/guides/verifying.md#${id.toLowerCase()}`;
