import { systemClock } from "once-again/internal";
import type { Section } from "../route.ts";
import { sampleWatch } from "../sample-watch.ts";
import { gatewaySample } from "./gateway-sample.ts";

/** A minute of samples: rates are shown by the minute. */
const samplesMax = 31;

/** The gateways, for people. @param urls where they listen. */
export function gatewaysSection(urls: readonly URL[]): Section {
  const watch = sampleWatch(
    async () => ({ at: systemClock.now(), gateways: await Promise.all(urls.map(gatewaySample)) }),
    samplesMax,
  );
  return {
    name: "gateways",
    routes: { "GET watch": ({ signal }) => ({ events: watch.watch(signal) }) },
    close: async () => watch.close(),
  };
}
