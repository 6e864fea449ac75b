import { readFileSync } from "node:fs";
import { InvalidArgumentError } from "commander";
import type { FormatFlags } from "./report-formats.ts";
import { type HeaderList, type ProfileName, profileNames, type VerifyOptions } from "../../verify/index.ts";

export interface VerifyFlags extends FormatFlags {
  readonly method: string;
  readonly header?: HeaderList;
  readonly body?: string;
  readonly otherBody?: string;
  readonly refusedBody?: string;
  readonly failingBody?: string;
  readonly otherHeader?: HeaderList;
  readonly renewedHeader?: HeaderList;
  readonly longerHeader?: HeaderList;
  readonly otherUrl?: string;
  readonly keyHeader?: string;
  readonly effects?: string;
  readonly effectsPath?: string;
  readonly effectId?: string;
  readonly profile: ProfileName;
  readonly secret?: string;
  readonly strictness: "draft" | "practice";
  readonly only?: readonly string[];
  readonly timeout: number;
  readonly pause: number;
  readonly memory?: number;
  readonly restart?: string;
}

/** The options that the flags stand for. */
export function readOptions(url: string, flags: VerifyFlags): VerifyOptions {
  const { method, header, body, otherBody, refusedBody, failingBody, otherHeader, keyHeader, effectId, only } = flags;
  const { effects, effectsPath, otherUrl, renewedHeader, longerHeader, profile, secret } = flags;
  return {
    url,
    method,
    ...(header !== undefined && { headers: header }),
    ...(body !== undefined && { body }),
    ...(otherBody !== undefined && { otherBody }),
    ...(refusedBody !== undefined && { refusedBody }),
    ...(failingBody !== undefined && { failingBody }),
    ...(otherHeader !== undefined && { otherHeaders: otherHeader }),
    ...(renewedHeader !== undefined && { renewedHeaders: renewedHeader }),
    ...(longerHeader !== undefined && { longerHeaders: longerHeader }),
    ...(otherUrl !== undefined && { otherUrl }),
    ...(keyHeader !== undefined && { keyHeader }),
    profile,
    ...(secret !== undefined && { secret }),
    ...(effects !== undefined && {
      effects: { url: effects, ...(effectsPath !== undefined && { path: effectsPath }) },
    }),
    ...(effectId !== undefined && { effectId }),
    strictness: flags.strictness,
    ...(only !== undefined && { only }),
    timeoutMs: flags.timeout,
    pauseMs: flags.pause,
    ...(flags.memory !== undefined && { memory: flags.memory }),
    ...(flags.restart !== undefined && { restart: flags.restart }),
  };
}

/** Reads `Name: value`, and adds it to those before. */
export function parseHeader(line: string, before: HeaderList = []): HeaderList {
  const colon = line.indexOf(":");
  if (colon < 1) throw new InvalidArgumentError('It must be "Name: value".');
  return [...before, [line.slice(0, colon).trim(), line.slice(colon + 1).trim()]];
}

/** A text as it stands, or, after an @, the file of that name. */
export function readText(value: string): string {
  if (!value.startsWith("@")) return value;
  try {
    return readFileSync(value.slice(1), "utf8");
  } catch (error) {
    throw new InvalidArgumentError(`It can't be read: ${(error as Error).message}`);
  }
}

/** The profiles that are not spoken over plain HTTP, each with the command to use. */
const overMcp: Readonly<Record<string, string>> = {
  mcp: "Test an MCP server by: once-again verify mcp --tool NAME URL",
  adcp: "It is spoken over MCP: once-again verify mcp --profile adcp --tool create_media_buy URL",
};

export function parseProfile(name: string): ProfileName {
  const known = profileNames.find((profile) => profile === name);
  if (known !== undefined) return known;
  throw new InvalidArgumentError(overMcp[name] ?? `Allowed choices are ${profileNames.join(", ")}.`);
}

export const parseList = (value: string): readonly string[] => value.split(",").map((name) => name.trim());
