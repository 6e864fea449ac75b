import { effect } from "@preact/signals";
import { losses } from "../../../src/lab/checkout/pay-events.ts";
import { liveScenarios, type LiveSettings } from "../../../src/lab/live/live-protocol.ts";
import { changeSettings, liveDefaults } from "../../../src/lab/live/live-settings.ts";
import { live } from "../lab/lab-live.ts";
import { place } from "../shell-state.ts";
import { formOf, presetNames, type StormForm } from "../storms/storm-form.ts";
import { form } from "../storms/storms-state.ts";
import { type CheckoutSettings, customers } from "./checkout/checkout-settings.ts";
import { checkoutDefaults, checkoutSettings } from "./checkout/checkout-state.ts";
import { type CrashSettings, crashKinds } from "./crash/crash-settings.ts";
import { crashDefaults, crashSettings } from "./crash/crash-state.ts";
import { effectPlaces } from "./page-api.ts";

// The address has what a page shows, as in "#crash?at=4&crash=server": who opens it sees the same.

/** The part of the address behind the question mark. */
const readQuery = (): URLSearchParams => new URLSearchParams(location.hash.split("?")[1] ?? "");

/** Takes over what the address says, on each page; what is out of bounds there is left as it is. */
export function readAddress(): { readonly lab: LiveSettings } {
  const query = readQuery();
  const page = location.hash.replace(/^#/, "").split("?")[0];
  if (page === "crash" || page === "") crashSettings.value = readCrash(query);
  if (page === "checkout") checkoutSettings.value = readCheckout(query);
  if (page === "storms") form.value = readStorm(query);
  return { lab: page === "lab" ? readLab(query) : liveDefaults };
}

/** Writes what is shown into the address, from now on. */
export function writeAddress(): void {
  const write = (page: string, facts: Readonly<Record<string, string | number | boolean>>): void => {
    const query = new URLSearchParams(Object.entries(facts).map(([name, value]) => [name, String(value)]));
    const shown = place.value.split("?")[0] || "crash";
    if (shown === page) history.replaceState(null, "", `#${page}?${query.toString()}`);
  };
  effect(() => write("crash", { ...crashSettings.value }));
  effect(() => write("checkout", { ...checkoutSettings.value }));
  effect(() => write("storms", { ...form.value }));
  effect(() => {
    if (live.value === undefined) return;
    const { mode, orders, concurrency, seed, speed, faults } = live.value.settings;
    const rates = liveScenarios.map((name) => [name, faults[name].isOn ? faults[name].rate : 0] as const);
    write("lab", { mode, orders, concurrency, seed, speed, ...Object.fromEntries(rates) });
  });
}

function readSeed(query: URLSearchParams, otherwise: number): number {
  const seed = Number(query.get("seed") ?? otherwise);
  return Number.isSafeInteger(seed) && seed >= 0 ? seed : otherwise;
}

function readCrash(query: URLSearchParams): CrashSettings {
  const at = Number(query.get("at") ?? crashDefaults.at);
  return {
    at: Number.isInteger(at) && at >= 1 && at <= 5 ? at : crashDefaults.at,
    seed: readSeed(query, crashDefaults.seed),
    crash: crashKinds.find((name) => name === query.get("crash")) ?? crashDefaults.crash,
    effect: effectPlaces.find((name) => name === query.get("effect")) ?? crashDefaults.effect,
  };
}

function readCheckout(query: URLSearchParams): CheckoutSettings {
  return {
    customer: customers.find((name) => name === query.get("customer")) ?? checkoutDefaults.customer,
    lost: losses.find((name) => name === query.get("lost")) ?? checkoutDefaults.lost,
    seed: readSeed(query, checkoutDefaults.seed),
  };
}

function readLab(query: URLSearchParams): LiveSettings {
  const numbers = ["orders", "concurrency", "seed"].flatMap((name) =>
    query.has(name) ? [[name, Number(query.get(name))] as const] : [],
  );
  const texts = ["mode", "speed"].flatMap((name) => (query.has(name) ? [[name, query.get(name)] as const] : []));
  const faults = liveScenarios.flatMap((name) => {
    const rate = Number(query.get(name));
    return query.has(name) ? [[name, rate === 0 ? { isOn: false } : { isOn: true, rate }] as const] : [];
  });
  try {
    return changeSettings(liveDefaults, {
      ...Object.fromEntries([...numbers, ...texts]),
      faults: Object.fromEntries(faults),
    });
  } catch {
    return liveDefaults;
  }
}

function readStorm(query: URLSearchParams): StormForm {
  const preset = presetNames.find((name) => name === query.get("preset")) ?? presetNames[0]!;
  const known = formOf(preset);
  const entries = Object.entries(known).map(([name, value]) => {
    const text = query.get(name);
    if (text === null || name === "preset") return [name, value];
    if (typeof value === "number") return [name, Number.isFinite(Number(text)) ? Number(text) : value];
    return [name, typeof value === "boolean" ? text === "true" : text];
  });
  return Object.fromEntries(entries) as StormForm;
}
