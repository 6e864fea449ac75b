import type { GatewaySample } from "../../../src/console/gateways/gateways-protocol.ts";
import { sections } from "../shell-state.ts";
import { type Column, columnsOf, columnsPerMinute, none } from "./gateways-state.ts";

type Present = Extract<GatewaySample, { routes: unknown }>;

/** More routes of a gateway are not shown. */
const routesMax = 100;

const columns: readonly (readonly [column: Column, head: string, meaning: string])[] = [
  ["first", "First", "reached the service, and are done"],
  ["replayed", "Replayed", "got the first answer"],
  ["inProgress", "In progress", "came while the first was under way"],
  ["unknown", "Unknown", "may or may not have happened"],
  ["failed", "Failed", "the service or the store failed"],
  ["refused", "Refused", "no key, no known caller, or a key of another request"],
  ["passed", "Passed", "passed through, without a key"],
];

/** The routes of a gateway, and what became of their requests: in all, and in the last minute. */
export function RouteTable({ gateway }: { gateway: Present }) {
  const paths = [...Map.groupBy(gateway.routes, ({ path }) => path)];
  const keepsKeys = sections.value?.includes("keys") === true;
  return (
    <div class="card keys">
      <div class="scroll">
        <table>
          <caption class="quiet">
            Routes in the order in which they are tried; requests since the gateway started, and in the last minute.{" "}
            {keepsKeys && <a href="#keys/held">Held keys</a>}
          </caption>
          <thead>
            <tr>
              <th scope="col">Route</th>
              <th scope="col">Key, unknown outcomes</th>
              {columns.map(([column, head, meaning]) => (
                <th key={column} scope="col" class="number" title={meaning}>
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {paths.slice(0, routesMax).map(([path, rules]) => (
              <tr key={path}>
                <td class="mono name">{`${textOf(
                  rules.flatMap(({ methods }) => methods),
                  ", ",
                )} ${path}`}</td>
                <td>{textOf(rules.map(ruleText), "; ")}</td>
                <Counts gateway={gateway} path={path} isKeyed />
              </tr>
            ))}
            <tr>
              <td>whatever passes through</td>
              <td />
              <Counts gateway={gateway} path="pass-through" isKeyed={false} />
            </tr>
          </tbody>
        </table>
      </div>
      {paths.length > routesMax && <p class="quiet">{paths.length - routesMax} more routes are not shown.</p>}
    </div>
  );
}

function ruleText({ keyed, onUnknown }: Present["routes"][number]): string {
  return keyed === false ? "passes through" : `${keyed}, ${onUnknown}`;
}

/** Each text once. */
const textOf = (texts: readonly string[], separator: string): string => [...new Set(texts)].join(separator);

/** @param path what the gateway counts the requests by. */
function Counts({ gateway, path, isKeyed }: { gateway: Present; path: string; isKeyed: boolean }) {
  const counts = columnsOf(gateway.counts[path] ?? none, isKeyed);
  const rates = columnsPerMinute(gateway.url, path, isKeyed);
  return (
    <>
      {columns.map(([column]) => (
        <td key={column} class={column === "unknown" && counts.unknown > 0 ? "number bad" : "number"}>
          {counts[column].toLocaleString("en")}
          {rates !== undefined && rates[column] > 0 && (
            <span class="quiet"> {rates[column].toLocaleString("en")}/min</span>
          )}
        </td>
      ))}
    </>
  );
}
