import { signal } from "@preact/signals";

/** The pages that this console has; undefined until it has said. */
export const sections = signal<readonly string[] | undefined>(undefined);

/** The fragment of the address: the page, and what it shows of it: "lab/messages". */
export const place = signal("");
