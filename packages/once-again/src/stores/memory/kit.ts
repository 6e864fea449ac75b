import type { StoreKit } from "../kit.ts";

export const memoryKit = {
  name: "memory",
  title: "memory",
  page: "guides/choosing-a-store.md",
  drivers: [],
  modes: ["leased"],
  holds: [],
  migrates: false,
  mistaken: [],
  create: { title: "memory, for a first try: forgets its keys", packages: [] },
} as const satisfies StoreKit;
