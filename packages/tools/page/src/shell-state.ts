import { signal } from "@preact/signals";

/** The pages that this console has; undefined until it has said. */
export const sections = signal<readonly string[] | undefined>(undefined);

/** Whether this is the playground of the site: everything happens in this page, and no process is anywhere else. */
export const isPlayground = signal(false);

/** The fragment of the address: the page, and what it shows of it: "lab/messages". */
export const place = signal("");
